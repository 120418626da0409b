//! The scribe's promises: what it acknowledged is on disk, what it could not write it did not say.

use std::path::Path;

use quorate_ledger::VerifierKey;

use super::*;
use crate::desk::tests::{START, enrollment, keys, node, origin, publication};

fn start(folder: &Path) -> (Scribe, Ended) {
    let key = VerifierKey::new(origin().as_str().parse().unwrap(), keys().signing().public());
    let folder = folder.to_owned();
    let open: OpenLog = Box::new(move || Log::open_dir(&folder, key.clone()));
    Scribe::start(open, keys(), origin(), Arc::new(|| START)).unwrap()
}

/// Ends the scribe and waits for its thread, so that the database is free again.
async fn end(scribe: Scribe, ended: Ended) {
    drop(scribe);
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn acknowledged_records_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let (scribe, ended) = start(folder.path());
    assert_eq!(scribe.submit(enrollment(1, START)).await.unwrap(), 1);
    assert_eq!(
        scribe.submit(enrollment(1, START)).await.unwrap(),
        1,
        "again is the same entry"
    );
    let campaign = scribe.publish(publication(START)).await.unwrap();
    let lease = scribe
        .work(node(1).node_id(), WorkRequest { gpu: false })
        .await
        .unwrap();
    assert!(lease.is_some());
    end(scribe, ended).await;

    let (scribe, ended) = start(folder.path());
    let view = scribe.view().await.unwrap();
    assert!(view.campaigns().contains_key(&campaign));
    assert_eq!(
        scribe
            .work(node(1).node_id(), WorkRequest { gpu: false })
            .await
            .unwrap(),
        lease
    );
    assert_eq!(scribe.head().borrow().size, view.size());
    end(scribe, ended).await;
}

#[tokio::test]
async fn many_at_once_are_all_answered_and_all_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (scribe, ended) = start(folder.path());
    let submissions = (1..=50_u8).map(|n| {
        let scribe = scribe.clone();
        tokio::spawn(async move { scribe.submit(enrollment(n, START)).await.unwrap() })
    });
    let mut indices = Vec::new();
    for submission in submissions.collect::<Vec<_>>() {
        indices.push(submission.await.unwrap());
    }
    indices.sort_unstable();
    assert_eq!(indices, (1..=50).collect::<Vec<u64>>());
    end(scribe, ended).await;
}

#[tokio::test]
async fn pages_cover_the_log_and_refusals_record_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (scribe, ended) = start(folder.path());
    assert!(scribe.submit(b"garbage".to_vec()).await.is_err());
    assert!(
        scribe
            .work(node(1).node_id(), WorkRequest { gpu: false })
            .await
            .is_err(),
        "not enrolled"
    );
    scribe.submit(enrollment(1, START)).await.unwrap();
    let page = scribe.page(0).await.unwrap();
    assert_eq!((page.entries.len(), page.proof.len()), (2, 0));
    assert_eq!(scribe.page(2).await.unwrap().entries.len(), 0);
    assert_eq!(scribe.page(u64::MAX).await.unwrap().entries.len(), 0);
    end(scribe, ended).await;
}
