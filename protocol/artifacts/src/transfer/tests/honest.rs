//! Providers that do what they should.

use std::sync::Mutex;

use super::*;
use crate::store::Usage;

/// A mixture of all sizes that matter: empty, one group, many groups, small, resumable, several pieces.
fn mixture() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", vec![]),
        ("one byte", vec![1]),
        ("a group", blob(1, 16 << 10)),
        ("more than a group", blob(2, (16 << 10) + 1)),
        ("small", blob(3, MIB)),
        ("resumable", blob(4, MIB + 1)),
        ("pieces", blob(5, 20 * MIB + 12_345)),
        ("again", blob(1, 16 << 10)),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_artifact_arrives_whole_from_several_providers() {
    let (one, two, to) = (place(), place(), place());
    let id = one.add(&mixture());
    assert_eq!(two.add(&mixture()), id);
    let net = Net::with(&[(1, &one, Manner::Honest), (2, &two, Manner::Honest)]);
    let fetcher = Fetcher::new(Arc::clone(&to.store), net, FetchOptions::default());
    let seen = Mutex::new(Vec::new());
    let note = |progress: Progress| seen.lock().unwrap().push(progress);
    let report = fetcher
        .fetch(id, &[node(1), node(2), node(1)], ROOMY, &note)
        .await;
    report.result.unwrap();
    to.store.verify(id).unwrap();
    assert!(to.store.has(id));

    let total = to.store.manifest(id).unwrap().distinct_size();
    assert_eq!(
        report.outcomes.len(),
        2,
        "a provider that is named twice counts once"
    );
    assert!(
        report
            .outcomes
            .iter()
            .all(|outcome| outcome.fault.is_none() && outcome.bytes > 0),
        "{:?}",
        report.outcomes
    );
    assert_eq!(
        report.outcomes.iter().map(|outcome| outcome.bytes).sum::<u64>(),
        total
    );
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.first(), Some(&Progress { have: 0, total }));
    assert_eq!(seen.last(), Some(&Progress { have: total, total }));
    assert!(seen.is_sorted_by_key(|progress| progress.have));
    assert_eq!(to.store.usage().reserved, 0);
    assert_eq!(to.store.usage().stored, one.store.usage().stored);
}

#[tokio::test(start_paused = true)]
async fn what_is_here_is_not_asked_for() {
    let (from, to) = (place(), place());
    let id = from.add(&mixture());
    to.add(&[("other name", blob(5, 20 * MIB + 12_345))]);
    let (report, fetcher) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    report.result.unwrap();
    let total = to.store.manifest(id).unwrap().distinct_size();
    assert_eq!(report.outcomes[0].bytes, total - (20 * MIB + 12_345) as u64);
    drop(fetcher);

    let (report, _) = fetch(&to, id, Net::default(), &[]).await;
    report.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_small_files_share_round_trips() {
    let (from, to) = (place(), place());
    let names: Vec<_> = (0..400).map(|at| format!("d{}/f{at}", at % 40)).collect();
    let files: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), blob(at as u8, at)))
        .collect();
    let id = from.add(&files);
    let (report, fetcher) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    report.result.unwrap();
    to.store.verify(id).unwrap();
    assert_eq!(
        fetcher.connect.opened.load(Ordering::Relaxed),
        2,
        "one stream for the manifest and one for all files"
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_limits_its_streams_is_asked_on_a_new_one() {
    let (from, to) = (place(), place());
    let names: Vec<_> = (0..100_u8).map(|at| format!("f{at}")).collect();
    let id = from.add(
        &names
            .iter()
            .map(|name| (name.as_str(), name.clone().into_bytes()))
            .collect::<Vec<_>>(),
    );
    let mut net = Net::with(&[(1, &from, Manner::Honest)]);
    net.limits = ServeLimits {
        requests: 9,
        ..PATIENT
    };
    let (report, fetcher) = fetch(&to, id, net, &[1]).await;
    report.result.unwrap();
    assert_eq!(
        fetcher.connect.opened.load(Ordering::Relaxed),
        1 + 100_u64.div_ceil(9)
    );
}

#[tokio::test(start_paused = true)]
async fn two_fetches_of_one_artifact_do_not_disturb_each_other() {
    let (from, to) = (place(), place());
    let id = from.add(&mixture());
    let net = Net::with(&[(1, &from, Manner::Honest), (2, &from, Manner::Honest)]);
    let fetcher = Fetcher::new(Arc::clone(&to.store), net, FetchOptions::default());
    let (one, two) = tokio::join!(run(&fetcher, id, &[1]), run(&fetcher, id, &[2]));
    one.result.unwrap();
    two.result.unwrap();
    to.store.verify(id).unwrap();
    assert_eq!(
        to.store.usage(),
        Usage {
            quota: to.store.usage().quota,
            ..from.store.usage()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_fetch_can_be_spawned() {
    let (from, to) = (place(), place());
    let id = from.add(&[("f", blob(1, 10))]);
    let fetcher = Fetcher::new(
        Arc::clone(&to.store),
        Net::with(&[(1, &from, Manner::Honest)]),
        one_stream(),
    );
    let report = tokio::spawn(async move { fetcher.fetch(id, &[node(1)], ROOMY, &|_| {}).await })
        .await
        .unwrap();
    report.result.unwrap();
}
