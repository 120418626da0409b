//! What was verified is not fetched twice.

use tokio::sync::Notify;

use super::*;
use crate::tree::GROUP;

fn big() -> Vec<(&'static str, Vec<u8>)> {
    vec![("big", blob(1, 13 * MIB + 77)), ("small", blob(2, 300_000))]
}

/// Cuts a fetch after `bytes`, lets `between` happen, and goes on; the second run must bring the rest only.
async fn cut_and_go_on(bytes: usize, between: impl FnOnce(Place) -> Place) {
    let (from, to) = (place(), place());
    let id = from.add(&big());
    let (report, fetcher) = fetch(&to, id, Net::with(&[(1, &from, cut_after(bytes))]), &[1]).await;
    let came = report.outcomes[0].bytes;
    assert!(
        matches!(report.outcomes[0].fault, Some(Fault::Unreachable(_))),
        "{:?}",
        report.outcomes
    );
    let total = to.store.manifest(id).unwrap().distinct_size();
    match report.result {
        Err(TransferError::NoProvider { missing, .. }) => assert_eq!(missing, total - came),
        other => panic!("{other:?}"),
    }
    // Lost is at most the group that was under way, and the hash nodes.
    let manifest = to.store.manifest(id).unwrap().bytes().len();
    assert!(
        came as usize + manifest + GROUP as usize + bytes / 100 > bytes,
        "{came} of {bytes}"
    );
    drop(fetcher);

    let to = between(to);
    let (report, fetcher) = fetch(&to, id, Net::with(&[(2, &from, Manner::Honest)]), &[2]).await;
    report.result.unwrap();
    assert_eq!(report.outcomes[0].bytes, total - came);
    let carried = fetcher.connect.carried.load(Ordering::Relaxed);
    assert!(
        carried < (total - came) * 101 / 100 + 4096,
        "{carried} bytes for {}",
        total - came
    );
    to.store.verify(id).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cut_fetch_goes_on_where_it_was() {
    cut_and_go_on(6 * MIB, |to| to).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_fetch_goes_on_after_a_restart() {
    cut_and_go_on(9 * MIB + 555, Place::reopened).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_off_now_and_then_is_tried_again() {
    let (from, to) = (place(), place());
    let id = from.add(&big());
    let (report, fetcher) = fetch(
        &to,
        id,
        Net::with(&[(1, &from, Manner::CutEach(2 * MIB as u64))]),
        &[1],
    )
    .await;
    report.result.unwrap();
    assert!(report.outcomes[0].fault.is_none());
    let total = to.store.manifest(id).unwrap().distinct_size();
    assert_eq!(report.outcomes[0].bytes, total, "nothing came twice");
    assert!(fetcher.connect.opened.load(Ordering::Relaxed) > 6);
    to.store.verify(id).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_fetch_keeps_what_it_had() {
    let (from, to) = (place(), place());
    let id = from.add(&big());
    let fetcher = Fetcher::new(
        Arc::clone(&to.store),
        Net::with(&[(1, &from, Manner::Honest)]),
        one_stream(),
    );
    let (enough, reached) = (Notify::new(), AtomicU64::new(0));
    let note = |progress: Progress| {
        reached.store(progress.have, Ordering::Relaxed);
        if progress.have > 4 * MIB as u64 {
            enough.notify_one();
        }
    };
    let providers = [node(1)];
    tokio::select! {
        _ = fetcher.fetch(id, &providers, ROOMY, &note) => panic!("it was to be dropped"),
        () = enough.notified() => {}
    }
    let total = to.store.manifest(id).unwrap().distinct_size();
    let report = run(&fetcher, id, &[1]).await;
    report.result.unwrap();
    assert!(report.outcomes[0].bytes <= total - reached.load(Ordering::Relaxed));
    to.store.verify(id).unwrap();
}
