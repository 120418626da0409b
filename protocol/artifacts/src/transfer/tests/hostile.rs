//! Providers that lie, stall or break off: each is named, and the fetch goes on without it.

use super::*;
use crate::manifest::{File, Manifest};
use crate::store::StoreError;

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![("big", blob(1, 18 * MIB)), ("small", blob(2, 100_000))]
}

/// A bad provider beside a good one: the artifact arrives, and the fault is returned.
async fn beside_an_honest_one(manner: Manner) -> (Fault, u64) {
    let (from, to) = (place(), place());
    let id = from.add(&files());
    let net = Net::with(&[(1, &from, manner), (2, &from, Manner::Honest)]);
    let (mut report, _) = fetch(&to, id, net, &[1, 2]).await;
    report.result.unwrap();
    to.store.verify(id).unwrap();
    assert!(report.outcomes[1].fault.is_none(), "{:?}", report.outcomes);
    let bad = report.outcomes.swap_remove(0);
    assert_eq!(bad.provider, node(1));
    (bad.fault.expect("the bad provider is named"), bad.bytes)
}

#[tokio::test(start_paused = true)]
async fn false_bytes_are_blamed_and_the_rest_comes_from_another() {
    // Past the manifest, in the first piece of the big blob.
    let (fault, bytes) = beside_an_honest_one(Manner::Corrupt(3_000_000)).await;
    match &fault {
        Fault::Corrupt { digest, offset } => {
            assert_eq!(*digest, Digest::of(&blob(1, 18 * MIB)));
            assert!((2_900_000..3_000_000).contains(offset), "{offset}");
            assert_eq!(
                bytes, *offset,
                "all before the false group is kept, nothing after it"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(fault.is_dishonest());
}

#[tokio::test(start_paused = true)]
async fn a_false_manifest_is_blamed() {
    let (fault, bytes) = beside_an_honest_one(Manner::Corrupt(40)).await;
    assert!(matches!(fault, Fault::Corrupt { offset: 0, .. }), "{fault:?}");
    assert_eq!(bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_stalls_is_left() {
    let (fault, bytes) = beside_an_honest_one(Manner::StallAfter(3_000_000)).await;
    assert!(matches!(fault, Fault::Stalled), "{fault:?}");
    assert!(!fault.is_dishonest());
    assert!(bytes > 2_900_000);
    let (fault, _) = beside_an_honest_one(Manner::StallAfter(0)).await;
    assert!(matches!(fault, Fault::Stalled), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_trickles_is_left() {
    let (from, to) = (place(), place());
    let id = from.add(&files());
    let start = tokio::time::Instant::now();
    let (report, _) = fetch(&to, id, Net::with(&[(1, &from, Manner::Trickle)]), &[1]).await;
    assert!(
        matches!(report.outcomes[0].fault, Some(Fault::Stalled)),
        "{:?}",
        report.outcomes
    );
    assert!(
        start.elapsed() < Duration::from_secs(1200),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_off_or_is_not_there_is_left() {
    let (fault, _) = beside_an_honest_one(cut_after(3_000_000)).await;
    assert!(
        matches!(fault, Fault::Unreachable(_) | Fault::Cut(_)),
        "{fault:?}"
    );
    let (from, to) = (place(), place());
    let id = from.add(&files());
    let (report, _) = fetch(&to, id, Net::with(&[(1, &from, Manner::Unreachable)]), &[1, 9]).await;
    assert!(matches!(
        report.result,
        Err(TransferError::NoProvider { missing: 0, .. })
    ));
    assert!(
        report
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome.fault, Some(Fault::Unreachable(_))))
    );
}

/// A reply that claims `size` and goes on with zeros.
fn claim(size: u64) -> Manner {
    Manner::Say([&[0][..], &size.to_le_bytes(), &[0; 4096]].concat())
}

#[tokio::test(start_paused = true)]
async fn huge_claims_are_refused_before_anything_is_read() {
    for size in [u64::MAX, 1 << 60, MAX_MANIFEST_BYTES as u64 + 1] {
        let to = place();
        let id = ArtifactId(Digest::of(b"anything"));
        let (report, _) = fetch(&to, id, Net::with(&[(1, &to, claim(size))]), &[1]).await;
        match &report.outcomes[0].fault {
            Some(fault @ Fault::Oversize { claimed }) => {
                assert_eq!(*claimed, size);
                assert!(fault.is_dishonest());
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(report.result, Err(TransferError::NoProvider { .. })));
    }
    // Within the bound, but false: noticed with the first node.
    let to = place();
    let id = ArtifactId(Digest::of(b"anything"));
    let (report, _) = fetch(
        &to,
        id,
        Net::with(&[(1, &to, claim(MAX_MANIFEST_BYTES as u64))]),
        &[1],
    )
    .await;
    assert!(
        matches!(report.outcomes[0].fault, Some(Fault::Corrupt { .. })),
        "{:?}",
        report.outcomes
    );
}

#[tokio::test(start_paused = true)]
async fn a_blob_of_another_size_is_refused() {
    let (from, to) = (place(), place());
    let id = from.add(&files());
    to.store.add_manifest(&from.store.manifest(id).unwrap()).unwrap();
    let net = Net::with(&[
        (1, &from, claim(1 << 60)),
        (2, &from, Manner::Say(vec![9; 100])),
        (3, &from, Manner::Honest),
    ]);
    let (report, _) = fetch(&to, id, net, &[1, 2, 3]).await;
    report.result.unwrap();
    let faults: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| outcome.fault.as_ref())
        .collect();
    assert!(
        matches!(faults[0], Some(Fault::WrongSize { claimed, .. }) if *claimed == 1 << 60),
        "{faults:?}"
    );
    assert!(matches!(faults[1], Some(Fault::Garbled)), "{faults:?}");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_misstates_a_size_blames_no_provider_for_dishonesty() {
    let (from, to) = (place(), place());
    let honest = from.add(&[("f", blob(1, 50_000))]);
    let truth = from.store.manifest(honest).unwrap().files()[0].clone();
    let liar = Manifest::new(vec![File {
        size: 60_000,
        ..truth
    }])
    .unwrap();
    from.store.add_manifest(&liar).unwrap();
    let (report, _) = fetch(&to, liar.id(), Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    assert!(matches!(
        report.result,
        Err(TransferError::NoProvider { missing: 60_000, .. })
    ));
    let fault = report.outcomes[0].fault.as_ref().unwrap();
    assert!(matches!(
        fault,
        Fault::WrongSize {
            claimed: 50_000,
            expected: 60_000,
            ..
        }
    ));
    assert!(!fault.is_dishonest());
}

#[tokio::test(start_paused = true)]
async fn the_callers_bound_holds_before_any_file_is_fetched() {
    let (from, to) = (place(), place());
    let id = from.add(&files());
    let fetcher = Fetcher::new(
        Arc::clone(&to.store),
        Net::with(&[(1, &from, Manner::Honest)]),
        one_stream(),
    );
    for (files, bytes, expected) in [(1, 1 << 40, "files"), (100, 1000, "bytes")] {
        let report = fetcher
            .fetch(id, &[node(1)], Limits { files, bytes }, &|_| {})
            .await;
        match report.result {
            Err(TransferError::TooLarge { what, .. }) => assert_eq!(what, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(report.outcomes[0].bytes, 0);
    }
    assert!(to.store.list().unwrap().is_empty());
    assert_eq!(to.store.usage().stored + to.store.usage().reserved, 0);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_manifest_is_the_artifacts_fault() {
    let (from, to) = (place(), place());
    let holder = from.add(&[("m", br#"{"files":[{"path":"../x"}]}"#.to_vec())]);
    let id = ArtifactId(from.store.manifest(holder).unwrap().files()[0].digest);
    let (report, _) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    assert!(
        matches!(report.result, Err(TransferError::Manifest { .. })),
        "{report:?}"
    );
    assert!(report.outcomes[0].fault.is_none());
}

#[tokio::test(start_paused = true)]
async fn our_own_full_store_is_nobodys_fault() {
    let (from, to) = (place(), place());
    let id = from.add(&files());
    to.store.set_quota(10 << 20);
    let (report, fetcher) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    assert!(
        matches!(report.result, Err(TransferError::Store(StoreError::Quota { .. }))),
        "{report:?}"
    );
    assert!(report.outcomes[0].fault.is_none());
    assert_eq!(
        fetcher.connect.opened.load(Ordering::Relaxed),
        1,
        "only the manifest was asked for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_the_blobs_is_left_for_one_that_has_them() {
    let (from, half, to) = (place(), place(), place());
    let id = from.add(&files());
    half.store
        .add_manifest(&from.store.manifest(id).unwrap())
        .unwrap();
    let net = Net::with(&[(1, &half, Manner::Honest), (2, &from, Manner::Honest)]);
    let (report, _) = fetch(&to, id, net, &[1, 2]).await;
    report.result.unwrap();
    assert!(
        matches!(report.outcomes[0].fault, Some(Fault::Absent { .. })),
        "{:?}",
        report.outcomes
    );
}
