//! What a log promises while nothing is damaged; damage is in `open`'s and `audit`'s tests.

use proptest::prelude::*;
use quorate_core::{Digest, Keypair};

use super::*;
use crate::fixture::{Fixture, key, keypair, memory_log, numbered};
use crate::store::{MemoryStore, Scan, SledStore, StoreError};
use crate::tree::{verify_consistency, verify_inclusion};

#[test]
fn appends_are_numbered_and_read_back() {
    let Fixture {
        mut log,
        folder: _folder,
    } = memory_log(0);
    assert_eq!(log.root(), TreeHash::empty());
    assert_eq!(log.append_batch(&numbered(0..3)).unwrap(), [0, 1, 2]);
    assert_eq!(log.append_batch(&numbered(3..5)).unwrap(), [3, 4]);
    assert_eq!(log.append_batch::<Vec<u8>>(&[]).unwrap(), [0; 0]);
    assert_eq!(log.entry(4).unwrap(), b"entry 4");
    assert!(matches!(
        log.entry(5),
        Err(LogError::OutOfRange { asked: 5, size: 5 })
    ));
    assert_eq!(log.find(&Digest::of(b"entry 2")).unwrap(), Some(2));
    assert_eq!(log.find(&Digest::of(b"entry 9")).unwrap(), None);
}

#[test]
fn an_entry_is_in_the_log_once() {
    let Fixture {
        mut log,
        folder: _folder,
    } = memory_log(2);
    let root = log.root();
    assert_eq!(log.append_batch(&[b"entry 1"]).unwrap(), [1]);
    assert_eq!((log.size(), log.root()), (2, root));
    assert_eq!(
        log.append_batch(&[&b"new"[..], b"entry 0", b"new"]).unwrap(),
        [2, 0, 2]
    );
    assert_eq!(log.size(), 3);
}

#[test]
fn an_oversize_entry_stops_its_whole_batch() {
    let Fixture {
        mut log,
        folder: _folder,
    } = memory_log(1);
    let refused = log.append_batch(&[vec![1], vec![0; MAX_ENTRY + 1]]);
    assert!(matches!(
        refused,
        Err(LogError::Oversize {
            place: 1,
            size: 65_536
        })
    ));
    assert_eq!(log.size(), 1);
    assert_eq!(log.append_batch(&[vec![0; MAX_ENTRY]]).unwrap(), [1]);
    assert_eq!(log.entry(1).unwrap().len(), MAX_ENTRY);
}

#[test]
fn a_range_stops_at_its_byte_bound_but_gets_on() {
    let Fixture { log, folder: _folder } = memory_log(20);
    assert_eq!(log.entries(5..9, 1 << 20).unwrap(), numbered(5..9));
    assert_eq!(
        log.entries(5..9, 15).unwrap(),
        numbered(5..7),
        "7 and 7 fit in 15"
    );
    assert_eq!(log.entries(5..9, 0).unwrap(), numbered(5..6));
    assert_eq!(log.entries(18..u64::MAX, 1 << 20).unwrap(), numbered(18..20));
    assert_eq!(log.entries(30..40, 1 << 20).unwrap(), numbered(0..0));
}

#[test]
fn checkpoints_only_move_forward_and_only_say_the_truth() {
    let Fixture {
        mut log,
        folder: _folder,
    } = memory_log(3);
    let early = log.head().sign(&keypair()).unwrap();
    log.append_batch(&numbered(3..6)).unwrap();
    let late = log.sign_checkpoint(&keypair()).unwrap();
    assert_eq!(log.checkpoint(), Some(&late));
    assert!(matches!(
        log.set_checkpoint(early),
        Err(LogError::CheckpointOlder { offered: 3, held: 6 })
    ));

    let wrong = Checkpoint {
        root: TreeHash::leaf(b""),
        ..log.head()
    }
    .sign(&keypair())
    .unwrap();
    assert!(matches!(
        log.set_checkpoint(wrong),
        Err(LogError::CheckpointRoot { size: 6 })
    ));
    let beyond = Checkpoint {
        size: 7,
        ..log.head()
    }
    .sign(&keypair())
    .unwrap();
    assert!(matches!(
        log.set_checkpoint(beyond),
        Err(LogError::OutOfRange { .. })
    ));
    let foreign = log.head().sign(&Keypair::from_secret([6; 32])).unwrap();
    assert!(matches!(
        log.set_checkpoint(foreign),
        Err(LogError::Checkpoint(_))
    ));

    let line = crate::SignatureLine {
        name: "w".into(),
        key_id: [1; 4],
        signature: vec![1],
    };
    let cosigned = late.with_signature(&line).unwrap();
    log.set_checkpoint(cosigned.clone()).unwrap();
    assert_eq!(log.checkpoint(), Some(&cosigned));
}

#[test]
fn a_log_reopens_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open_dir(folder.path(), key()).unwrap();
    log.append_batch(&numbered(0..700)).unwrap();
    let signed = log.sign_checkpoint(&keypair()).unwrap();
    log.append_batch(&numbered(700..710)).unwrap();
    let root = log.root();
    drop(log);
    let log = Log::open_dir(folder.path(), key()).unwrap();
    assert_eq!(
        (log.size(), log.root(), log.checkpoint()),
        (710, root, Some(&signed))
    );
    assert_eq!(*log.report(), OpenReport::default());
    drop(log);
    let other = VerifierKey::new("other".parse().unwrap(), keypair().public());
    assert!(matches!(
        Log::open_dir(folder.path(), other),
        Err(LogError::OtherLog { .. })
    ));
}

#[test]
fn a_log_can_move_to_the_thread_that_blocks() {
    fn is_send<T: Send>() {}
    is_send::<Log<SledStore>>();
    is_send::<crate::Replica<MemoryStore>>();
}

#[test]
fn a_second_opener_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let _first = SledStore::open(folder.path()).unwrap();
    assert!(matches!(
        SledStore::open(folder.path()),
        Err(StoreError::Locked { .. })
    ));
}

/// A store whose flush fails when told so.
#[derive(Default)]
struct Failing {
    inner: MemoryStore,
    broken: bool,
}

impl Store for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Scan<'a> {
        self.inner.scan(prefix)
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.inner.write(batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.broken {
            Err(StoreError::Failed { path: "here".into() })
        } else {
            Ok(())
        }
    }
}

#[test]
fn what_could_not_be_flushed_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(Failing::default(), folder.path(), key()).unwrap();
    log.append_batch(&[b"a"]).unwrap();
    let root = log.root();
    log.store.broken = true;
    assert!(matches!(log.append_batch(&[b"b"]), Err(LogError::Store(_))));
    log.store.broken = false;
    assert_eq!((log.size(), log.root()), (1, root));
    assert_eq!(
        log.find(&Digest::of(b"b")).unwrap(),
        None,
        "written, but not acknowledged"
    );
    assert!(matches!(log.append_batch(&[b"c"]), Err(LogError::Failed)));
    assert!(matches!(log.sign_checkpoint(&keypair()), Err(LogError::Failed)));
    let log = Log::open(log.store, folder.path(), key()).unwrap();
    assert_eq!(log.size(), 2, "opening again finds out what the store holds");
}

#[test]
fn an_export_is_brought_up_to_date_and_never_mixed() {
    let Fixture { mut log, folder } = memory_log(300);
    let export = folder.path().join("export");
    assert!(matches!(log.export(&export), Err(LogError::NoCheckpoint)));
    log.sign_checkpoint(&keypair()).unwrap();
    log.export(&export).unwrap();
    assert!(export.join("tile/entries/001.p/44").exists());
    log.append_batch(&numbered(300..600)).unwrap();
    log.sign_checkpoint(&keypair()).unwrap();
    log.export(&export).unwrap();
    assert!(export.join("tile/entries/001").exists());
    assert!(
        !export.join("tile/entries/001.p").exists(),
        "what nothing needs any more is removed"
    );
    assert!(!export.join("tile/1/000.p/1").exists());
    let report = crate::audit_directory(&export, &key()).unwrap();
    assert_eq!((report.entries, report.root), (600, log.root()));

    let Fixture {
        log: mut other,
        folder: _other,
    } = memory_log(0);
    other.append_batch(&[b"another history"]).unwrap();
    other.sign_checkpoint(&keypair()).unwrap();
    assert!(matches!(
        other.export(&export),
        Err(LogError::ExportTarget { .. })
    ));
}

#[test]
fn a_log_of_many_tiles_proves_itself() {
    let Fixture { log, folder: _folder } = memory_log(70_000);
    let root = log.root();
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let leaf = TreeHash::leaf(&log.entry(index).unwrap());
        let proof = log.inclusion_proof(index, 70_000).unwrap();
        assert!(proof.len() <= 17);
        assert!(
            verify_inclusion(&leaf, index, 70_000, &root, &proof),
            "index {index}"
        );
    }
    for old in [1, 255, 256, 257, 65_536, 65_537, 69_999, 70_000] {
        let proof = log.consistency_proof(old, 70_000).unwrap();
        let old_root = log.root_at(old).unwrap();
        assert!(
            verify_consistency(old, &old_root, 70_000, &root, &proof),
            "size {old}"
        );
    }
}

/// The log with one bit of a list of hashes flipped.
fn flipped(hash: &TreeHash, bit: usize) -> TreeHash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    TreeHash::from_bytes(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_inclusion_proof_verifies_and_no_flipped_bit_does(
        total in 1_u64..1500, size in any::<u64>(), index in any::<u64>(), bit in 0_usize..256, at in any::<usize>(),
    ) {
        let Fixture { log, folder: _folder } = memory_log(total);
        let size = size % total + 1;
        let index = index % size;
        let root = log.root_at(size).unwrap();
        let leaf = TreeHash::leaf(&log.entry(index).unwrap());
        let mut proof = log.inclusion_proof(index, size).unwrap();
        prop_assert!(verify_inclusion(&leaf, index, size, &root, &proof));
        prop_assert!(!verify_inclusion(&flipped(&leaf, bit), index, size, &root, &proof));
        prop_assert!(!verify_inclusion(&leaf, index, size, &flipped(&root, bit), &proof));
        prop_assert!(!verify_inclusion(&leaf, index ^ 1, size, &root, &proof) || size == 1);
        prop_assert!(!verify_inclusion(&leaf, index, index, &root, &proof));
        let longer = [&proof[..], &[leaf]].concat();
        prop_assert!(!verify_inclusion(&leaf, index, size, &root, &longer));
        if !proof.is_empty() {
            prop_assert!(!verify_inclusion(&leaf, index, size, &root, &proof[1..]));
            let at = at % proof.len();
            proof[at] = flipped(&proof[at], bit);
            prop_assert!(!verify_inclusion(&leaf, index, size, &root, &proof));
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_no_flipped_bit_does(
        total in 1_u64..1500, new in any::<u64>(), old in any::<u64>(), bit in 0_usize..256, at in any::<usize>(),
    ) {
        let Fixture { log, folder: _folder } = memory_log(total);
        let new = new % (total + 1);
        let old = old % (new + 1);
        let (old_root, new_root) = (log.root_at(old).unwrap(), log.root_at(new).unwrap());
        let mut proof = log.consistency_proof(old, new).unwrap();
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &proof));
        prop_assert!(!verify_consistency(old, &flipped(&old_root, bit), new, &new_root, &proof));
        // An empty log is a prefix of every log.
        prop_assert!(old == 0 && new > 0 || !verify_consistency(old, &old_root, new, &flipped(&new_root, bit), &proof));
        let longer = [&proof[..], &[old_root]].concat();
        prop_assert!(!verify_consistency(old, &old_root, new, &new_root, &longer));
        if !proof.is_empty() {
            prop_assert!(!verify_consistency(old, &old_root, new, &new_root, &proof[1..]));
            let at = at % proof.len();
            proof[at] = flipped(&proof[at], bit);
            prop_assert!(!verify_consistency(old, &old_root, new, &new_root, &proof));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn batches_do_not_change_the_tree(cuts in proptest::collection::vec(0_u64..400, 0..6)) {
        let Fixture { log: whole, folder: _whole } = memory_log(600);
        let Fixture { log: mut parts, folder: _folder } = memory_log(0);
        let mut done = 0;
        for cut in cuts.into_iter().chain([600]) {
            let end = (done + cut).min(600);
            parts.append_batch(&numbered(done..end)).unwrap();
            done = end;
        }
        prop_assert_eq!(parts.root(), whole.root());
        prop_assert_eq!(parts.consistency_proof(77, 599).unwrap(), whole.consistency_proof(77, 599).unwrap());
    }
}
