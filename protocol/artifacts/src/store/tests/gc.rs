//! What goes when room is needed, and what never does.

use super::index::footprint;
use super::*;

/// Adds an artifact of one file of its own.
fn add(store: &Arc<Store>, seed: u8) -> ArtifactId {
    store.add_bytes("f", &blob(seed, 10_000)).unwrap()
}

#[test]
fn the_least_recently_used_goes_first_and_pinned_ones_never() {
    let (dir, store) = store();
    let ids: Vec<_> = (0..5).map(|seed| add(&store, seed)).collect();
    store.pin(ids[1], "accepted row").unwrap();
    store.unpack(ids[0], &dir.path().join("used again")).unwrap();

    let third = store.usage().stored / 5 * 3;
    let collected = store.collect_garbage(third).unwrap();
    assert_eq!(collected.artifacts, [ids[2], ids[3]]);
    assert!(store.has(ids[0]) && store.has(ids[1]) && store.has(ids[4]));

    let rest = store.collect_garbage(0).unwrap();
    assert_eq!(rest.artifacts, [ids[4], ids[0]]);
    assert_eq!(store.list().unwrap().len(), 1);
    store.verify(ids[1]).unwrap();
}

#[test]
fn the_order_of_use_survives_a_restart() {
    let (_dir, store) = store();
    let ids: Vec<_> = (0..3).map(|seed| add(&store, seed)).collect();
    store.touch(ids[0]);
    let store = reopen(store);
    assert_eq!(
        store.collect_garbage(0).unwrap().artifacts,
        [ids[1], ids[2], ids[0]]
    );
}

#[test]
fn a_blob_that_a_pinned_artifact_names_stays() {
    let (dir, store) = store();
    let from = dir.path().join("from");
    write(&from, "pinned/shared", &blob(1, 20_000));
    write(&from, "other/shared", &blob(1, 20_000));
    write(&from, "other/own", &blob(2, 20_000));
    let pinned = store.add_dir(&from.join("pinned"), ROOMY).unwrap();
    let other = store.add_dir(&from.join("other"), ROOMY).unwrap();
    store.pin(pinned, "accepted row").unwrap();
    let store = reopen(store);
    let collected = store.collect_garbage(0).unwrap();
    assert_eq!(collected.artifacts, [other]);
    let own = store.manifest(pinned).unwrap().bytes().len() as u64;
    assert_eq!(store.usage().stored, footprint(20_000) + own);
    store.verify(pinned).unwrap();
}

#[test]
fn pins_have_reasons_and_the_last_one_counts() {
    let (_dir, store) = store();
    let id = add(&store, 1);
    store.pin(id, "accepted row").unwrap();
    store.pin(id, "accepted row").unwrap();
    store.pin(id, "bundle in use").unwrap();
    assert!(store.unpin(id, "accepted row").unwrap());
    assert!(!store.unpin(id, "accepted row").unwrap());
    let store = reopen(store);
    assert_eq!(store.pins(id), ["bundle in use"]);
    assert_eq!(store.list().unwrap()[0].pins, ["bundle in use"]);
    assert!(store.collect_garbage(0).unwrap().artifacts.is_empty());
    store.unpin(id, "bundle in use").unwrap();
    assert_eq!(store.collect_garbage(0).unwrap().artifacts, [id]);
    assert_eq!(store.usage().stored, 0);

    for reason in ["", "a\nb", &"x".repeat(201)] {
        assert!(matches!(store.pin(id, reason), Err(StoreError::Reason)));
    }
    for at in 0..64 {
        store.pin(id, &format!("{at}")).unwrap();
    }
    assert!(matches!(store.pin(id, "one more"), Err(StoreError::Reason)));
}

#[test]
fn a_pin_may_come_before_its_artifact() {
    let (_dir, store) = store();
    let id = add(&store, 1);
    store.collect_garbage(0).unwrap();
    store.pin(id, "wanted").unwrap();
    assert_eq!(add(&store, 1), id);
    assert!(store.collect_garbage(0).unwrap().artifacts.is_empty());
}

#[test]
fn what_is_in_use_stays() {
    let (_dir, store) = store();
    let held = add(&store, 1);
    let hold = store.hold(held);
    let mut draft = store.draft(ROOMY);
    draft
        .add("x", crate::Mode::Plain, 10_000, &mut &blob(2, 10_000)[..])
        .unwrap();
    assert_eq!(store.collect_garbage(0).unwrap().artifacts, []);
    let drafted = draft.commit().unwrap();
    store.verify(drafted).unwrap();
    drop(hold);
    assert_eq!(store.collect_garbage(0).unwrap().artifacts, [held, drafted]);
}

#[test]
fn an_abandoned_draft_is_garbage() {
    let (_dir, store) = store();
    let mut draft = store.draft(ROOMY);
    draft
        .add("x", crate::Mode::Plain, 10_000, &mut &blob(2, 10_000)[..])
        .unwrap();
    drop(draft);
    assert_eq!(store.collect_garbage(u64::MAX).unwrap().bytes, footprint(10_000));
    assert_eq!(store.usage().stored, 0);
}

#[test]
fn a_full_quota_makes_room_or_says_no() {
    let (dir, _) = store();
    let store = open(&dir.path().join("small"), 50_000);
    let ids: Vec<_> = (0..4).map(|seed| add(&store, seed)).collect();
    let fifth = add(&store, 5);
    assert!(!store.has(ids[0]), "the oldest made room");
    assert!(store.has(ids[1]) && store.has(fifth));

    for id in [ids[1], ids[2], ids[3]] {
        store.pin(id, "kept").unwrap();
    }
    let before = store.usage();
    match store.add_bytes("f", &blob(6, 30_000)) {
        Err(StoreError::Quota {
            needed,
            quota: 50_000,
            ..
        }) => assert_eq!(needed, footprint(30_000)),
        other => panic!("{other:?}"),
    }
    assert!(store.has(fifth), "nothing goes where that would not make room");
    assert_eq!(store.usage(), before);
    assert!(matches!(
        store.add_bytes("f", &blob(6, 60_000)),
        Err(StoreError::Quota { .. })
    ));
    assert_eq!(in_tmp(&store), 0);

    store.set_quota(80_000);
    store.add_bytes("f", &blob(6, 30_000)).unwrap();
}
