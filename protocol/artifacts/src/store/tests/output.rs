//! Unpacking and verifying: nothing on disk is trusted.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn the_target_must_be_empty_or_absent() {
    let (dir, store) = store();
    let id = store.add_bytes("sub/f", b"x").unwrap();
    let target = dir.path().join("target");
    write(&target, "mine", b"keep");
    assert!(matches!(
        store.unpack(id, &target),
        Err(StoreError::TargetNotEmpty(_))
    ));
    assert_eq!(fs::read(target.join("mine")).unwrap(), b"keep");
    fs::remove_file(target.join("mine")).unwrap();
    store.unpack(id, &target).unwrap();
    assert_eq!(fs::read(target.join("sub/f")).unwrap(), b"x");
}

#[test]
fn a_target_that_is_a_link_is_not_followed() {
    let (dir, store) = store();
    let id = store.add_bytes("f", b"x").unwrap();
    let (elsewhere, target) = (dir.path().join("elsewhere"), dir.path().join("target"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &target).unwrap();
    assert!(store.unpack(id, &target).is_err());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_folder_swapped_for_a_link_in_the_middle_leads_nowhere() {
    let (dir, _store) = store();
    let (outside, target) = (dir.path().join("outside"), dir.path().join("target"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"keep").unwrap();
    let mut writing = unpack::Writing::begin(&target).unwrap();
    writing.create("a/x", 0o644).unwrap();
    fs::rename(target.join("a"), dir.path().join("moved")).unwrap();
    symlink(&outside, target.join("a")).unwrap();
    assert!(
        writing.create("a/b/y", 0o644).is_err(),
        "through a link to a folder"
    );
    symlink(outside.join("file"), target.join("f")).unwrap();
    assert!(writing.create("f", 0o644).is_err(), "through a link to a file");
    symlink(outside.join("new"), target.join("g")).unwrap();
    assert!(writing.create("g", 0o644).is_err(), "through a link to nothing");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"keep");
}

#[test]
fn unknown_artifacts_are_named() {
    let (dir, store) = store();
    let id = ArtifactId(Digest::of(b"nobody"));
    assert!(matches!(store.unpack(id, &dir.path().join("t")), Err(StoreError::Unknown(got)) if got == id));
    assert!(!dir.path().join("t").exists());
    assert!(!store.has(id));
    assert!(matches!(store.missing(id), Err(StoreError::Unknown(_))));
}

/// Damages the second of three files and looks at what each call says.
fn damaged(damage: impl Fn(&Store, &Digest), expected: Problem) {
    let (dir, store) = store();
    let from = dir.path().join("from");
    write(&from, "a", &blob(1, 40_000));
    write(&from, "b/bad", &blob(2, 40_000));
    write(&from, "c", &blob(3, 40_000));
    let id = store.add_dir(&from, ROOMY).unwrap();
    let digest = Digest::of(&blob(2, 40_000));
    damage(&store, &digest);

    let names_it = |result: Result<(), StoreError>| match result {
        Err(StoreError::BadBlob {
            artifact,
            path,
            digest: bad,
            problem,
        }) => {
            assert_eq!(
                (artifact, path.as_str(), bad, problem),
                (id, "b/bad", digest, expected)
            );
        }
        other => panic!("{other:?}"),
    };
    names_it(store.verify(id));
    let target = dir.path().join("target");
    names_it(store.unpack(id, &target));
    assert!(!target.exists(), "nothing half-unpacked stays");

    assert_eq!(store.repair(id).unwrap(), [digest]);
    assert_eq!(store.missing(id).unwrap(), [(digest, 40_000)]);
    store.add_dir(&from, ROOMY).unwrap();
    store.verify(id).unwrap();
}

#[test]
fn a_truncated_blob_is_found() {
    let cut = |store: &Store, digest: &Digest| overwrite(store, digest, &blob(2, 39_999));
    damaged(
        cut,
        Problem::Size {
            expected: 40_000,
            actual: 39_999,
        },
    );
}

#[test]
fn a_lengthened_blob_is_found() {
    let grown = |store: &Store, digest: &Digest| overwrite(store, digest, &blob(2, 40_001));
    damaged(
        grown,
        Problem::Size {
            expected: 40_000,
            actual: 40_001,
        },
    );
}

#[test]
fn a_flipped_bit_is_found() {
    let flip = |store: &Store, digest: &Digest| {
        let mut bytes = blob(2, 40_000);
        bytes[31_000] ^= 4;
        overwrite(store, digest, &bytes);
    };
    damaged(flip, Problem::Content);
}

#[test]
fn a_lost_blob_is_found() {
    damaged(
        |store, digest| fs::remove_file(store.blob_path(digest)).unwrap(),
        Problem::Missing,
    );
}

#[test]
fn repair_spares_a_blob_whose_size_only_one_manifest_misstates() {
    let (_dir, store) = store();
    let honest = store.add_bytes("f", b"truth").unwrap();
    let mut files = store.manifest(honest).unwrap().files().to_vec();
    files[0].size = 4;
    let liar = Manifest::new(files).unwrap();
    store.add_manifest(&liar).unwrap();
    assert!(!store.has(liar.id()));
    assert!(store.repair(liar.id()).unwrap().is_empty());
    store.verify(honest).unwrap();
}

#[test]
fn a_damaged_manifest_is_named_and_repair_forgets_the_artifact() {
    let (_dir, store) = store();
    let id = store.add_bytes("f", b"x").unwrap();
    overwrite(&store, &id.0, b"{\"files\":[]}");
    assert!(matches!(
        store.manifest(id),
        Err(StoreError::BadBlob {
            problem: Problem::Content,
            ..
        })
    ));
    store.repair(id).unwrap();
    assert!(matches!(store.manifest(id), Err(StoreError::Unknown(_))));
    assert_eq!(store.add_bytes("f", b"x").unwrap(), id);
    store.verify(id).unwrap();
}

#[test]
fn a_lost_tree_is_built_anew_and_a_false_one_cannot_be() {
    let (_dir, store) = store();
    let bytes = blob(7, 100_000);
    let id = store.add_bytes("f", &bytes).unwrap();
    let digest = Digest::of(&bytes);
    let tree = blob::tree_path(&store.blob_path(&digest));
    let before = fs::read(&tree).unwrap();
    fs::remove_file(&tree).unwrap();
    assert!(store.open_blob(&digest).unwrap().is_some());
    assert_eq!(fs::read(&tree).unwrap(), before);
    fs::remove_file(&tree).unwrap();
    overwrite(&store, &digest, &blob(8, 100_000));
    assert!(matches!(
        store.open_blob(&digest),
        Err(StoreError::WrongDigest(_))
    ));
    assert_eq!(
        store.missing(id).unwrap(),
        [(digest, 100_000)],
        "what is known to be damaged is dropped"
    );
    assert!(store.open_blob(&digest).unwrap().is_none());
}
