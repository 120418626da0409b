//! Opening, downloads under way, and the accounts of both.

use super::index::footprint;
use super::*;
use crate::tree::GROUP;

#[test]
fn one_process_at_a_time() {
    let (dir, store) = store();
    let root = dir.path().join("store");
    assert!(matches!(Store::open(&root, 1), Err(StoreError::Busy(path)) if path == root));
    drop(store);
    open(&root, 1);
}

#[test]
fn opening_sweeps_leftovers_and_keeps_downloads() {
    let (_dir, store) = store();
    let id = store.add_bytes("f", &blob(1, 100_000)).unwrap();
    let wanted = Digest::of(b"wanted");
    let Partially::Open(partial) = store.partial(wanted, 3 * GROUP).unwrap() else {
        panic!("it is not here")
    };
    partial.write(GROUP, &blob(2, GROUP as usize)).unwrap();
    drop(partial);
    let before = store.usage();
    assert_eq!(before.reserved, footprint(3 * GROUP), "a download counts in full");

    let root = store.root.clone();
    write(&root, "tmp/half-written", b"x");
    write(&root, &format!("partial/{}-77", Digest::of(b"no map")), b"x");
    write(&root, &format!("partial/{}-77.map", Digest::of(b"no data")), b"x");
    write(&root, &format!("blobs/ab/{}.tree", "c".repeat(62)), b"x");
    let store = reopen(store);
    assert_eq!(store.usage(), before);
    assert_eq!(in_tmp(&store), 0);
    assert_eq!(fs::read_dir(root.join("partial")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(root.join("blobs/ab")).unwrap().count(), 0);
    store.verify(id).unwrap();
    let Partially::Open(partial) = store.partial(wanted, 3 * GROUP).unwrap() else {
        panic!("it is not here")
    };
    assert_eq!(partial.missing(), [0..GROUP, 2 * GROUP..3 * GROUP]);
}

#[test]
fn a_download_becomes_a_blob() {
    let (_dir, store) = store();
    let bytes = blob(4, 5 * GROUP as usize + 77);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let Partially::Open(partial) = store.partial(digest, size).unwrap() else {
        panic!("it is not here")
    };
    let Partially::Open(shared) = store.partial(digest, size).unwrap() else {
        panic!("it is not here")
    };
    assert!(Arc::ptr_eq(&partial, &shared), "two users share one file");
    for range in partial.missing() {
        partial
            .write(range.start, &bytes[range.start as usize..range.end as usize])
            .unwrap();
    }
    assert!(partial.missing().is_empty());
    store.finish(&partial).unwrap();
    store.finish(&shared).unwrap();
    assert_eq!(
        (store.usage().stored, store.usage().reserved),
        (footprint(size), 0)
    );
    assert!(matches!(store.partial(digest, size).unwrap(), Partially::Here));
    assert!(store.open_blob(&digest).unwrap().is_some());
    assert_eq!(fs::read_dir(store.root.join("partial")).unwrap().count(), 0);
    assert_eq!(fs::read(store.blob_path(&digest)).unwrap(), bytes);
}

#[test]
fn a_download_damaged_on_disk_never_becomes_a_blob() {
    let (_dir, store) = store();
    let bytes = blob(4, 2 * GROUP as usize);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let Partially::Open(partial) = store.partial(digest, size).unwrap() else {
        panic!("it is not here")
    };
    partial.write(0, &blob(5, 2 * GROUP as usize)).unwrap();
    assert!(matches!(store.finish(&partial), Err(StoreError::WrongDigest(got)) if got == digest));
    drop(partial);
    assert_eq!((store.usage().stored, store.usage().reserved), (0, 0));
    let Partially::Open(partial) = store.partial(digest, size).unwrap() else {
        panic!("it is not here")
    };
    assert_eq!(partial.missing().first(), Some(&(0..size)), "it begins again");
}

#[test]
fn downloads_obey_the_quota_and_are_collected_with_their_artifact() {
    let (dir, _) = store();
    let store = open(&dir.path().join("small"), 100_000);
    let wanted = |size| {
        let file = crate::File {
            digest: Digest::of(b"far away"),
            mode: crate::Mode::Plain,
            path: "f".into(),
            size,
        };
        Manifest::new(vec![file]).unwrap()
    };
    assert!(matches!(
        store.partial(Digest::of(b"huge"), 1 << 40),
        Err(StoreError::Quota { .. })
    ));
    assert!(matches!(
        store.partial(Digest::of(b"huge"), u64::MAX),
        Err(StoreError::Quota { .. })
    ));
    assert_eq!(fs::read_dir(store.root.join("partial")).unwrap().count(), 0);

    let manifest = wanted(60_000);
    store.add_manifest(&manifest).unwrap();
    let Partially::Open(partial) = store.partial(Digest::of(b"far away"), 60_000).unwrap() else {
        panic!("not here")
    };
    drop(partial);
    store.pin(manifest.id(), "wanted").unwrap();
    assert!(matches!(
        store.add_bytes("f", &blob(1, 60_000)),
        Err(StoreError::Quota { .. })
    ));
    store.unpin(manifest.id(), "wanted").unwrap();
    store.add_bytes("f", &blob(1, 60_000)).unwrap();
    assert_eq!(store.usage().reserved, 0);
    assert_eq!(fs::read_dir(store.root.join("partial")).unwrap().count(), 0);
}

#[test]
fn listing_tells_complete_from_incomplete() {
    let (_dir, store) = store();
    let whole = store.add_bytes("f", b"here").unwrap();
    let manifest = Manifest::new(vec![
        crate::File {
            digest: Digest::of(b"here"),
            mode: crate::Mode::Plain,
            path: "a".into(),
            size: 4,
        },
        crate::File {
            digest: Digest::of(b"gone"),
            mode: crate::Mode::Plain,
            path: "b".into(),
            size: 4,
        },
        crate::File {
            digest: Digest::of(b"gone"),
            mode: crate::Mode::Plain,
            path: "c".into(),
            size: 4,
        },
    ])
    .unwrap();
    store.add_manifest(&manifest).unwrap();
    let store = reopen(store);
    let complete: Vec<_> = store
        .list()
        .unwrap()
        .into_iter()
        .map(|info| (info.id, info.files, info.bytes, info.complete))
        .collect();
    let mut expected = [(whole, 1, 4, true), (manifest.id(), 3, 12, false)];
    expected.sort();
    assert_eq!(complete, expected);
    assert_eq!(store.missing(manifest.id()).unwrap(), [(Digest::of(b"gone"), 4)]);
}

#[test]
fn an_artifact_whose_manifest_is_lost_is_forgotten_but_its_pin_is_not() {
    let (_dir, store) = store();
    let id = store.add_bytes("f", b"x").unwrap();
    store.pin(id, "accepted row").unwrap();
    fs::remove_file(store.blob_path(&id.0)).unwrap();
    let store = reopen(store);
    assert!(store.list().unwrap().is_empty());
    assert_eq!(store.pins(id), ["accepted row"]);
    store.add_bytes("f", b"x").unwrap();
    assert!(store.collect_garbage(0).unwrap().artifacts.is_empty());
}
