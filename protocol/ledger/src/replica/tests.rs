//! What a follower takes, what it refuses, and the evidence it keeps.

use super::*;
use crate::checkpoint::Checkpoint;
use crate::fixture::{Fixture, key, keypair, memory_log, numbered};
use crate::store::MemoryStore;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("not allowed")]
struct NotAllowed;

type Outcome = Result<Offered, ReplicaError<NotAllowed>>;

fn replica() -> (Replica<MemoryStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (
        Replica::open(MemoryStore::default(), folder.path(), key()).unwrap(),
        folder,
    )
}

fn anything(_: u64, _: &[u8]) -> Result<(), NotAllowed> {
    Ok(())
}

/// A log with `entries` numbered entries and a checkpoint of all of them.
fn source(entries: u64) -> (Fixture, Vec<u8>) {
    let mut fixture = memory_log(entries);
    let signed = fixture.log.sign_checkpoint(&keypair()).unwrap();
    (fixture, signed.as_bytes().to_vec())
}

/// Another history of the same log: the first `shared` entries are the same.
fn forked(shared: u64, total: u64) -> (Fixture, Vec<u8>) {
    let mut fixture = memory_log(shared);
    let other: Vec<_> = (shared..total)
        .map(|i| format!("other {i}").into_bytes())
        .collect();
    fixture.log.append_batch(&other).unwrap();
    let signed = fixture.log.sign_checkpoint(&keypair()).unwrap();
    (fixture, signed.as_bytes().to_vec())
}

fn evidence(outcome: Outcome) -> Fork {
    match outcome {
        Err(ReplicaError::Fork(fork)) => *fork,
        other => panic!("no fork: {other:?}"),
    }
}

#[test]
fn a_copy_follows_its_log() {
    let (mut copy, _folder) = replica();
    let (fixture, first) = source(300);
    let mut seen = Vec::new();
    let check = |index, entry: &[u8]| {
        seen.push((index, entry.to_vec()));
        Ok::<_, NotAllowed>(())
    };
    assert_eq!(
        copy.offer(&numbered(0..300), &first, check).unwrap(),
        Offered::Stored { size: 300 }
    );
    assert_eq!(seen.len(), 300);
    assert_eq!(seen[299], (299, b"entry 299".to_vec()));
    assert_eq!(copy.log().root(), fixture.log.root());
    assert_eq!(copy.log().checkpoint().unwrap().as_bytes(), first);

    let (_, second) = source(310);
    assert_eq!(
        copy.offer(&numbered(300..310), &second, anything).unwrap(),
        Offered::Stored { size: 310 }
    );
    for known in [first, second] {
        assert_eq!(
            copy.offer(&[b"ignored"], &known, anything).unwrap(),
            Offered::Known
        );
    }
    assert_eq!(
        (copy.log().size(), copy.log().checkpoint().unwrap().size()),
        (310, 310)
    );
}

#[test]
fn nothing_is_stored_of_a_refused_offer() {
    let (mut copy, _folder) = replica();
    let (fixture, signed) = source(20);
    let mut altered = numbered(0..20);
    altered[7].push(b'!');
    let foreign = fixture
        .log
        .head()
        .sign(&quorate_core::Keypair::from_secret([1; 32]))
        .unwrap();
    let never = |_, _: &[u8]| -> Result<(), NotAllowed> { panic!("the check sees only what was signed") };
    assert!(matches!(
        copy.offer(&altered, &signed, never),
        Err(ReplicaError::Root { first: 0 })
    ));
    assert!(matches!(
        copy.offer(&numbered(0..19), &signed, never),
        Err(ReplicaError::Count {
            size: 20,
            offered: 19,
            ..
        })
    ));
    assert!(matches!(
        copy.offer(&numbered(0..21), &signed, never),
        Err(ReplicaError::Count { .. })
    ));
    assert!(matches!(
        copy.offer(&numbered(0..20), foreign.as_bytes(), never),
        Err(ReplicaError::Checkpoint(_))
    ));
    assert!(matches!(
        copy.offer(&numbered(0..20), b"garbage", never),
        Err(ReplicaError::Checkpoint(_))
    ));
    altered[7] = vec![0; MAX_ENTRY + 1];
    assert!(matches!(
        copy.offer(&altered, &signed, never),
        Err(ReplicaError::Oversize { index: 7 })
    ));
    let refuse = |index, _: &[u8]| if index == 13 { Err(NotAllowed) } else { Ok(()) };
    assert!(matches!(
        copy.offer(&numbered(0..20), &signed, refuse),
        Err(ReplicaError::Refused {
            index: 13,
            reason: NotAllowed
        })
    ));
    assert_eq!((copy.log().size(), copy.log().checkpoint()), (0, None));
    copy.offer(&numbered(0..20), &signed, anything).unwrap();
}

#[test]
fn a_signed_log_with_a_repeated_entry_is_refused() {
    let (mut copy, _folder) = replica();
    let entries = [b"a", b"b", b"a"];
    let tree = copy.log().extended(entries.iter().map(|entry| &entry[..])).tree;
    let signed = Checkpoint {
        size: 3,
        root: tree.root(),
        ..copy.log().head()
    }
    .sign(&keypair())
    .unwrap();
    let outcome = copy.offer(&entries, signed.as_bytes(), anything);
    assert!(matches!(
        outcome,
        Err(ReplicaError::Repeated { index: 2, earlier: 0 })
    ));
}

#[test]
fn a_smaller_or_equal_contradicting_checkpoint_is_proof_of_a_fork() {
    for size in [1, 100, 299, 300] {
        let (mut copy, _folder) = replica();
        let (_, honest) = source(300);
        copy.offer(&numbered(0..300), &honest, anything).unwrap();
        let (_, theirs) = forked(0, size);
        let fork = evidence(copy.offer::<Vec<u8>, _>(&[], &theirs, anything));
        assert_eq!(
            (fork.ours.as_bytes(), fork.theirs.as_bytes()),
            (&honest[..], &theirs[..])
        );
        assert!(fork.is_proved(&key()));
        let mut false_charge = fork.clone();
        false_charge.theirs = false_charge.ours.clone();
        assert!(
            !false_charge.is_proved(&key()),
            "a checkpoint does not contradict itself"
        );
        let other = VerifierKey::new("other".parse().unwrap(), keypair().public());
        assert!(!fork.is_proved(&other));
    }
}

#[test]
fn a_larger_contradicting_checkpoint_is_judged_by_its_own_proof() {
    let (mut copy, _folder) = replica();
    let (_, honest) = source(300);
    copy.offer(&numbered(0..300), &honest, anything).unwrap();
    let (liar, theirs) = forked(250, 400);
    let tail: Vec<_> = (300..400).map(|i| liar.log.entry(i).unwrap()).collect();
    assert!(matches!(
        copy.offer(&tail, &theirs, anything),
        Err(ReplicaError::Root { first: 300 })
    ));
    let prefix = liar.log.root_at(300).unwrap();
    let proof = liar.log.consistency_proof(300, 400).unwrap();
    let fork = copy.fork_from(&theirs, prefix, proof.clone()).unwrap().unwrap();
    assert!(fork.is_proved(&key()));

    let ours = copy.log().root();
    assert_eq!(
        copy.fork_from(&theirs, ours, proof.clone()).unwrap(),
        None,
        "a false proof accuses nobody"
    );
    let (good, longer) = source(400);
    let proof = good.log.consistency_proof(300, 400).unwrap();
    assert_eq!(
        copy.fork_from(&longer, ours, proof).unwrap(),
        None,
        "nor does an honest one"
    );
}

#[test]
fn a_long_log_is_taken_in_parts() {
    let (mut copy, folder) = replica();
    let (fixture, signed) = source(1000);
    let proof = fixture.log.consistency_proof(400, 1000).unwrap();
    let mut altered = numbered(0..400);
    altered[399].push(b'!');
    assert!(matches!(
        copy.offer_part(&altered, &signed, &proof, anything),
        Err(ReplicaError::Root { .. })
    ));
    assert!(matches!(
        copy.offer_part(&numbered(0..399), &signed, &proof, anything),
        Err(ReplicaError::Root { .. })
    ));
    assert!(matches!(
        copy.offer_part::<Vec<u8>, _>(&[], &signed, &[], anything),
        Err(ReplicaError::Count { .. })
    ));
    let part = copy
        .offer_part(&numbered(0..400), &signed, &proof, anything)
        .unwrap();
    assert_eq!(
        (part, copy.log().checkpoint()),
        (Offered::Stored { size: 400 }, None)
    );

    let copy = copy.log.into_store();
    let mut copy = Replica::open(copy, folder.path(), key()).unwrap();
    let (_, between) = source(350);
    assert_eq!(
        copy.offer::<Vec<u8>, _>(&[], &between, anything).unwrap(),
        Offered::Stored { size: 400 }
    );
    assert_eq!(copy.log().checkpoint().unwrap().size(), 350);
    copy.offer(&numbered(400..1000), &signed, anything).unwrap();
    assert_eq!(copy.log().root(), fixture.log.root());
    assert_eq!(
        crate::audit_directory(folder.path(), &key()).unwrap().entries,
        1000
    );
}
