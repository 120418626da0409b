//! What opening does about damage: mends it from the files, or says what is lost.

use quorate_core::Digest;

use std::fs;

use super::*;
use crate::audit::Damage;
use crate::fixture::{Fixture, flip, key, keypair, memory_log, numbered};
use crate::store::{MemoryStore, SledStore};
use crate::tree::TreeHash;

/// 700 entries, of which 600 are under a checkpoint and 512 in full bundles.
fn checkpointed() -> Fixture {
    let mut fixture = memory_log(600);
    fixture.log.sign_checkpoint(&keypair()).unwrap();
    fixture.log.append_batch(&numbered(600..700)).unwrap();
    fixture
}

fn bad(index: u64, damage: Damage) -> Finding {
    Finding::Entry { index, damage }
}

fn put(store: &mut MemoryStore, key: Vec<u8>, value: Vec<u8>) {
    let mut batch = Batch::default();
    batch.put(key, value);
    store.write(batch).unwrap();
}

/// The store with nothing but the first `count` entries and what is not an entry.
fn forget_after(store: &mut MemoryStore, count: u64) {
    let whole = std::mem::take(store);
    for (key, value) in whole.scan(b"").map(Result::unwrap) {
        if schema::entry_index(&key).is_none_or(|index| index < count) {
            put(store, key, value);
        }
    }
}

#[test]
fn a_damaged_entry_is_rebuilt_and_later_ones_are_kept() {
    let fixture = checkpointed();
    let (root, signed) = (fixture.log.root(), fixture.log.checkpoint().cloned());
    let fixture = fixture
        .reopen(|store| flip(store, &schema::entry_key(17), 35))
        .unwrap();
    assert_eq!(fixture.log.report().rebuilt, Some(bad(17, Damage::HashDiffers)));
    assert_eq!((fixture.log.size(), fixture.log.root()), (700, root));
    assert_eq!(fixture.log.checkpoint(), signed.as_ref());
    assert_eq!(fixture.log.entry(17).unwrap(), b"entry 17");
    let again = fixture.reopen(|_| ()).unwrap();
    assert_eq!(*again.log.report(), OpenReport::default(), "mended for good");
}

#[test]
fn an_empty_database_is_rebuilt_whole() {
    let mut fixture = memory_log(600);
    fixture.log.sign_checkpoint(&keypair()).unwrap();
    let root = fixture.log.root();
    let fixture = fixture.reopen(|store| *store = MemoryStore::default()).unwrap();
    assert_eq!(
        fixture.log.report().rebuilt,
        Some(Finding::Short { have: 0, size: 600 })
    );
    assert_eq!((fixture.log.size(), fixture.log.root()), (600, root));
    assert_eq!(fixture.log.find(&Digest::of(b"entry 599")).unwrap(), Some(599));
}

#[test]
fn full_bundles_help_even_before_the_first_checkpoint() {
    let fixture = memory_log(300)
        .reopen(|store| flip(store, &schema::entry_key(255), 3))
        .unwrap();
    assert_eq!(fixture.log.report().rebuilt, Some(bad(255, Damage::HashDiffers)));
    let lost = memory_log(300).reopen(|store| flip(store, &schema::entry_key(256), 3));
    assert!(matches!(lost, Err(LogError::Damaged { finding }) if finding == bad(256, Damage::HashDiffers)));
}

#[test]
fn forgotten_acknowledged_entries_are_an_error_not_a_shorter_log() {
    let fixture = checkpointed();
    let mark = fixture.files().join("acknowledged");
    let forgotten = fixture.reopen(|store| forget_after(store, 690));
    let Err(LogError::Lost {
        have: 690,
        acknowledged: 700,
        mark: named,
    }) = forgotten
    else {
        panic!("lost entries unnoticed")
    };
    assert_eq!(named, mark);
}

#[test]
fn entries_replaced_with_their_hashes_are_found() {
    let forge = |index: u64| {
        move |store: &mut MemoryStore| {
            put(
                store,
                schema::entry_key(index),
                schema::encode_entry(&TreeHash::leaf(b"forged"), b"forged"),
            );
        }
    };
    let fixture = checkpointed().reopen(forge(550)).unwrap();
    assert!(
        matches!(
            fixture.log.report().rebuilt,
            Some(Finding::Root { size: 600, .. })
        ),
        "by the signed root"
    );
    assert_eq!(fixture.log.entry(550).unwrap(), b"entry 550");
    let fixture = checkpointed().reopen(forge(5)).unwrap();
    assert_eq!(
        fixture.log.report().rebuilt,
        Some(bad(5, Damage::HashDiffers)),
        "by its full tile"
    );
}

#[test]
fn digests_and_tiles_are_derived_anew() {
    let digest = Digest::of(b"entry 650");
    let harm = |store: &mut MemoryStore| {
        flip(store, &schema::digest_key(&digest), 7);
        put(store, schema::tile_key(0, 1), b"short".to_vec());
    };
    let fixture = checkpointed().reopen(harm).unwrap();
    assert_eq!(
        (
            fixture.log.report().rebuilt.as_ref(),
            fixture.log.report().rederived
        ),
        (None, 2)
    );
    assert_eq!(fixture.log.find(&digest).unwrap(), Some(650));
    fixture.log.inclusion_proof(300, 700).unwrap();
}

#[test]
fn a_damaged_checkpoint_comes_back_from_the_files() {
    let fixture = checkpointed();
    let signed = fixture.log.checkpoint().cloned();
    let fixture = fixture
        .reopen(|store| flip(store, schema::CHECKPOINT, 30))
        .unwrap();
    assert_eq!(fixture.log.report().rebuilt, Some(Finding::Checkpoint));
    assert_eq!(
        (fixture.log.size(), fixture.log.checkpoint()),
        (700, signed.as_ref())
    );
}

#[test]
fn damaged_files_do_not_spread_into_the_database() {
    let fixture = checkpointed();
    let bundle = fixture.files().join("tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[100] ^= 1;
    fs::write(&bundle, &bytes).unwrap();
    let fixture = fixture.reopen(|_| ()).unwrap();
    assert_eq!(
        fixture.log.report().rebuilt,
        None,
        "a whole database needs no files"
    );
    let refused = fixture.reopen(|store| flip(store, &schema::entry_key(400), 40));
    assert!(
        matches!(refused, Err(LogError::Damaged { finding }) if finding == bad(400, Damage::HashDiffers))
    );
}

#[test]
fn deleted_files_are_written_again() {
    let fixture = checkpointed();
    let files = fixture.files();
    fs::remove_dir_all(&files).unwrap();
    let fixture = fixture.reopen(|_| ()).unwrap();
    assert_eq!(crate::audit_directory(&files, &key()).unwrap().entries, 600);
    assert_eq!(fixture.log.size(), 700);
}

#[test]
fn files_of_another_history_never_overwrite_the_database() {
    let mut other = memory_log(0);
    other.log.append_batch(&[b"another history"]).unwrap();
    other.log.sign_checkpoint(&keypair()).unwrap();
    let fixture = checkpointed();
    let files = fixture.files();
    fs::remove_dir_all(&files).unwrap();
    other.log.export(&files).unwrap();
    let mut store = SledStore::open(fixture.folder.path().join("db")).unwrap();
    for (key, value) in fixture.log.into_store().scan(b"").map(Result::unwrap) {
        let mut batch = Batch::default();
        batch.put(key, value);
        store.write(batch).unwrap();
    }
    let before: Vec<_> = store.scan(b"").map(Result::unwrap).collect();
    assert!(matches!(
        Log::open(store, &files, key()),
        Err(LogError::Damaged { .. })
    ));
    let store = SledStore::open(fixture.folder.path().join("db")).unwrap();
    assert_eq!(store.scan(b"").map(Result::unwrap).collect::<Vec<_>>(), before);
}
