//! One changed byte anywhere is found, and the entry that it is in is named.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::fixture::{Fixture, flip, key, keypair, memory_log};
use crate::store::{Batch, MemoryStore, SledStore};
use crate::tree::TreeHash;

/// 300 entries under a checkpoint, and their export.
fn exported() -> (Fixture, PathBuf) {
    let mut fixture = memory_log(300);
    fixture.log.sign_checkpoint(&keypair()).unwrap();
    let export = fixture.folder.path().join("export");
    fixture.log.export(&export).unwrap();
    (fixture, export)
}

fn store_of(fixture: Fixture) -> MemoryStore {
    fixture.log.into_store()
}

fn named(result: Result<AuditReport, AuditError>) -> Finding {
    match result {
        Err(AuditError::Found(finding)) => finding,
        other => panic!("nothing found: {other:?}"),
    }
}

#[test]
fn a_sound_log_passes_both_audits() {
    let (fixture, export) = exported();
    let root = fixture.log.root();
    let from_files = audit_directory(&export, &key()).unwrap();
    let from_store = audit_store(&store_of(fixture), &key()).unwrap();
    assert_eq!(from_files, from_store);
    assert_eq!((from_store.entries, from_store.root), (300, root));
    assert_eq!(from_store.checkpoint.unwrap().size, 300);
}

#[test]
fn every_byte_of_a_stored_entry_counts() {
    let (fixture, _) = exported();
    let store = store_of(fixture);
    for index in [0, 255, 256, 299] {
        let length = store.get(&schema::entry_key(index)).unwrap().unwrap().len();
        for at in 0..length {
            let mut harmed = store.clone();
            flip(&mut harmed, &schema::entry_key(index), at);
            let found = named(audit_store(&harmed, &key()));
            assert_eq!(
                found,
                Finding::Entry {
                    index,
                    damage: Damage::HashDiffers
                },
                "byte {at}"
            );
        }
    }
}

#[test]
fn every_byte_of_the_export_counts() {
    let (_fixture, export) = exported();
    let bundle = export.join("tile/entries/001.p/44");
    let good = fs::read(&bundle).unwrap();
    let mut index = 256;
    let mut end = 0;
    for at in 0..good.len() {
        if at == end {
            end = at + 2 + usize::from(u16::from_be_bytes([good[at], good[at + 1]]));
            index += u64::from(at > 0);
        }
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        fs::write(&bundle, bad).unwrap();
        assert!(
            matches!(named(audit_directory(&export, &key())), Finding::Entry { index: found, .. } if found == index),
            "byte {at} of entry {index}"
        );
    }
    fs::write(&bundle, good).unwrap();
    for (path, level) in [("tile/0/000", 0), ("tile/0/001.p/44", 0), ("tile/1/000.p/1", 1)] {
        let path = export.join(path);
        let good = fs::read(&path).unwrap();
        // A step that is no divisor of the hash length, so that every place in a hash is met.
        for at in (0..good.len()).step_by(13) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            match named(audit_directory(&export, &key())) {
                Finding::Entry { index, .. } => assert_eq!((level, index % 256), (0, at as u64 / 32)),
                Finding::Tile {
                    level: found,
                    index: 0,
                } => assert_eq!((level, found), (1, 1)),
                other => panic!("{other}"),
            }
        }
        fs::write(&path, good).unwrap();
    }
    audit_directory(&export, &key()).unwrap();
}

#[test]
fn what_is_missing_is_found() {
    for path in [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/001.p/44",
    ] {
        let (_fixture, export) = exported();
        fs::remove_file(export.join(path)).unwrap();
        named(audit_directory(&export, &key()));
    }
    let (_fixture, export) = exported();
    fs::remove_file(export.join("checkpoint")).unwrap();
    assert!(matches!(
        audit_directory(&export, &key()),
        Err(AuditError::NoCheckpoint { .. })
    ));
    let nowhere = export.join("nowhere");
    assert!(matches!(
        audit_directory(&nowhere, &key()),
        Err(AuditError::NoCheckpoint { .. })
    ));
    assert!(!nowhere.exists(), "an audit changes nothing");
}

#[test]
fn a_forgery_with_matching_hashes_is_told_apart() {
    let (fixture, export) = exported();
    let other = VerifierKey::new("other.example".parse().unwrap(), keypair().public());
    assert!(matches!(
        audit_directory(&export, &other),
        Err(AuditError::Checkpoint(_))
    ));

    let mut store = store_of(fixture);
    let mut batch = Batch::default();
    batch.put(
        schema::entry_key(299),
        schema::encode_entry(&TreeHash::leaf(b"forged"), b"forged"),
    );
    store.write(batch).unwrap();
    assert!(matches!(
        named(audit_store(&store, &key())),
        Finding::Root { size: 300, .. }
    ));
}

#[test]
fn a_shortened_database_is_found() {
    let (fixture, _) = exported();
    let whole = store_of(fixture);
    let mut short = MemoryStore::default();
    let mut batch = Batch::default();
    for (key, value) in whole
        .scan(b"")
        .map(Result::unwrap)
        .filter(|(key, _)| *key != schema::entry_key(299))
    {
        batch.put(key, value);
    }
    short.write(batch).unwrap();
    assert_eq!(
        named(audit_store(&short, &key())),
        Finding::Short { have: 299, size: 300 }
    );
    let gap: Vec<_> = short
        .scan(b"")
        .map(Result::unwrap)
        .filter(|(key, _)| *key != schema::entry_key(100))
        .collect();
    let mut store = MemoryStore::default();
    let mut batch = Batch::default();
    for (key, value) in gap {
        batch.put(key, value);
    }
    store.write(batch).unwrap();
    assert_eq!(
        named(audit_store(&store, &key())),
        Finding::Entry {
            index: 100,
            damage: Damage::Missing
        }
    );
}

/// The raw value as sled holds it, checksum and all, with one byte changed.
#[test]
fn a_changed_byte_below_the_engines_checksum_is_named() {
    let (fixture, _) = exported();
    let folder = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(folder.path()).unwrap();
    let mut batch = Batch::default();
    for (key, value) in store_of(fixture).scan(b"").map(Result::unwrap) {
        batch.put(key, value);
    }
    store.write(batch).unwrap();
    store.flush().unwrap();
    audit_store(&store, &key()).unwrap();
    for (index, at) in [(0, 0), (7, 1), (255, 8), (256, 9), (260, 41), (299, 49)] {
        let good = store.raw().get(schema::entry_key(index)).unwrap().unwrap();
        let mut bad = good.to_vec();
        bad[at] ^= 8;
        store.raw().insert(schema::entry_key(index), bad).unwrap();
        let found = named(audit_store(&store, &key()));
        assert_eq!(
            found,
            Finding::Entry {
                index,
                damage: Damage::Unreadable
            }
        );
        store.raw().insert(schema::entry_key(index), good).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_value_changes_something_is_found(which in any::<usize>(), at in any::<usize>()) {
        let (fixture, _) = exported();
        let mut store = store_of(fixture);
        let keys: Vec<_> = store.scan(b"").map(|pair| pair.unwrap().0).filter(|key| key != schema::KEY).collect();
        let harmed = &keys[which % keys.len()];
        flip(&mut store, harmed, at);
        let found = audit_store(&store, &key());
        prop_assert!(found.is_err());
        if let Some(index) = schema::entry_index(harmed) {
            prop_assert_eq!(named(found), Finding::Entry { index, damage: Damage::HashDiffers });
        }
    }
}
