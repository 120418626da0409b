//! The scribe's promises: what it acknowledged is on disk, what it could not write it did not say.

use std::path::Path;

use quorate_ledger::{MemoryStore, SignedCheckpoint, VerifierKey, Witness};

use super::*;
use crate::desk::tests::{START, enrollment, keys, node, origin, publication};

fn start(folder: &Path) -> (Scribe, Ended) {
    start_asking(folder, 0)
}

fn key() -> VerifierKey {
    VerifierKey::new(origin().as_str().parse().unwrap(), keys().signing().public())
}

/// As [`start`], for a log that asks for so many witnesses.
fn start_asking(folder: &Path, witness_quorum: u8) -> (Scribe, Ended) {
    let folder = folder.to_owned();
    let open: OpenLog = Box::new(move || Log::open_dir(&folder, key()));
    let charter = Charter {
        witness_quorum,
        ..origin().into()
    };
    Scribe::start(open, keys(), charter, Arc::new(|| START)).unwrap()
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

/// Cosigns what a first page of the whole log asks to be cosigned, as node `n`.
fn cosigned(page: &Page, n: u8) -> (NodeId, u64, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut copy = Log::open(MemoryStore::default(), folder.path(), key()).unwrap();
    copy.append_batch(&page.entries).unwrap();
    let candidate = SignedCheckpoint::open(&page.candidate, &key()).unwrap();
    let mut witness = Witness::new(MemoryStore::default(), node(n));
    witness.trust(key()).unwrap();
    let line = witness.cosign(&copy, &candidate, START.0 / 1000).unwrap();
    (node(n).node_id(), candidate.size(), line.to_string().into_bytes())
}

#[tokio::test]
async fn a_quorum_of_cosignatures_is_shown_in_pages_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (scribe, ended) = start_asking(folder.path(), 2);
    for n in 1..=3 {
        scribe.submit(enrollment(n, START)).await.unwrap();
    }
    // The clock stands still here, so the candidate is the first one that could have its quorum.
    let page = scribe.page(0).await.unwrap();
    assert!(page.cosigned.is_empty());
    let (one, size, line) = cosigned(&page, 1);
    scribe.cosign(one, size, line.clone()).await.unwrap();
    assert!(scribe.page(0).await.unwrap().cosigned.is_empty(), "one of two");
    let (two, _, by_two) = cosigned(&page, 2);
    let refused = scribe.cosign(one, size, by_two.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("not node"), "{refused}");
    scribe.cosign(two, size, by_two).await.unwrap();
    let shown = scribe.page(0).await.unwrap();
    let shown = SignedCheckpoint::open(&shown.cosigned, &key()).unwrap();
    assert_eq!(
        (shown.size(), shown.signatures().len()),
        (size, 3),
        "the log's own line and two"
    );
    assert_eq!(
        scribe.page(0).await.unwrap().candidate,
        shown.as_bytes(),
        "others may still join them"
    );
    end(scribe, ended).await;

    let (scribe, ended) = start_asking(folder.path(), 2);
    assert_eq!(scribe.page(0).await.unwrap().cosigned, shown.as_bytes());
    let file = folder.path().join("files/checkpoint.cosigned");
    assert_eq!(std::fs::read(file).unwrap(), shown.as_bytes());
    end(scribe, ended).await;
}

#[tokio::test]
async fn the_log_says_what_it_was_and_not_what_it_will_be() {
    let folder = tempfile::tempdir().unwrap();
    let (scribe, ended) = start(folder.path());
    scribe.submit(enrollment(1, START)).await.unwrap();
    let prefix = scribe.prefix(1).await.unwrap();
    let head = SignedCheckpoint::open(&prefix.checkpoint, &key()).unwrap();
    let hash = quorate_ledger::TreeHash::from_bytes;
    let proof: Vec<_> = prefix.proof.iter().copied().map(hash).collect();
    let fits = quorate_ledger::tree::verify_consistency(1, &hash(prefix.root), 2, head.root(), &proof);
    assert!(fits);
    assert!(scribe.prefix(3).await.is_err());
    assert!(
        scribe.page(0).await.unwrap().candidate.is_empty(),
        "a log without witnesses asks nobody"
    );
    end(scribe, ended).await;
}
