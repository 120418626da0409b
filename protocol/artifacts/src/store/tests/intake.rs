//! What gets in, and what does not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::manifest::{ManifestError, Mode, PathProblem};

#[test]
fn a_folder_comes_out_as_it_went_in() {
    let (dir, store) = store();
    let from = dir.path().join("from");
    let big = blob(1, 100_000);
    write(&from, "a/b/c.txt", b"deep");
    write(&from, "big", &big);
    write(&from, "empty", b"");
    write(&from, "run.sh", b"#!/bin/sh\n");
    fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::create_dir(from.join("no files")).unwrap();

    let id = store.add_dir(&from, ROOMY).unwrap();
    let manifest = store.manifest(id).unwrap();
    let listed: Vec<_> = manifest
        .files()
        .iter()
        .map(|file| (file.path.as_str(), file.mode, file.size))
        .collect();
    assert_eq!(
        listed,
        [
            ("a/b/c.txt", Mode::Plain, 4),
            ("big", Mode::Plain, 100_000),
            ("empty", Mode::Plain, 0),
            ("run.sh", Mode::Executable, 10)
        ]
    );
    assert!(store.has(id));
    store.verify(id).unwrap();

    let to = dir.path().join("to");
    store.unpack(id, &to).unwrap();
    assert_eq!(fs::read(to.join("big")).unwrap(), big);
    assert_eq!(fs::read(to.join("a/b/c.txt")).unwrap(), b"deep");
    assert_eq!(
        fs::metadata(to.join("run.sh")).unwrap().permissions().mode() & 0o7777,
        0o755
    );
    assert_eq!(
        fs::metadata(to.join("big")).unwrap().permissions().mode() & 0o7777,
        0o644
    );
    assert_eq!(
        store.add_dir(&to, ROOMY).unwrap(),
        id,
        "the same files are the same artifact"
    );
    assert_eq!(in_tmp(&store), 0);
}

#[test]
fn a_blob_is_stored_once_whatever_names_it() {
    let (dir, store) = store();
    let bytes = blob(3, 50_000);
    for path in ["one/x", "one/y", "two/z"] {
        write(&dir.path().join("from"), path, &bytes);
    }
    store.add_dir(&dir.path().join("from/one"), ROOMY).unwrap();
    let once = store.usage().stored;
    assert!(once < 2 * bytes.len() as u64);
    let id = store.add_dir(&dir.path().join("from/two"), ROOMY).unwrap();
    let manifest = store.manifest(id).unwrap().bytes().len() as u64;
    assert_eq!(
        store.usage().stored,
        once + manifest,
        "only the second manifest is new"
    );
}

#[test]
fn writers_of_the_same_blob_do_no_harm() {
    let (_dir, store) = store();
    let bytes = blob(9, 300_000);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.add_bytes("f", &bytes).unwrap()))
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    store.verify(ids[0]).unwrap();
    assert_eq!(store.usage().reserved, 0);
    assert_eq!(in_tmp(&store), 0);
    let before = store.usage();
    assert_eq!(reopen(store).usage(), before);
}

#[test]
fn only_regular_files_are_taken_in() {
    let (dir, store) = store();
    let from = dir.path().join("from");
    let refused = |what: &str| match store.add_dir(&from, ROOMY) {
        Err(StoreError::NotRegular { path, kind }) => {
            assert_eq!(path, "d/x", "{what}");
            fs::remove_file(from.join("d/x")).unwrap();
            kind
        }
        other => panic!("{what}: {other:?}"),
    };
    write(&from, "ok", b"ok");
    fs::create_dir(from.join("d")).unwrap();
    symlink("/etc/passwd", from.join("d/x")).unwrap();
    assert_eq!(refused("a link to a file"), "a symbolic link");
    symlink("/", from.join("d/x")).unwrap();
    assert_eq!(refused("a link to a folder"), "a symbolic link");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        from.join("d/x"),
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .unwrap();
    assert_eq!(refused("a pipe"), "a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(from.join("d/x")).unwrap();
    assert_eq!(refused("a socket"), "a socket");
    store.add_dir(&from, ROOMY).unwrap();

    let link = dir.path().join("link");
    symlink(&from, &link).unwrap();
    assert!(
        store.add_dir(&link, ROOMY).is_err(),
        "the folder itself may be no link either"
    );
}

#[test]
fn limits_hold_before_anything_is_read() {
    let (dir, store) = store();
    let from = dir.path().join("from");
    for at in 0..5 {
        write(&from, &format!("f{at}"), &blob(at, 10));
    }
    let limits = |files, bytes| Limits { files, bytes };
    assert!(matches!(
        store.add_dir(&from, limits(4, 1000)),
        Err(StoreError::TooMuch {
            what: "files",
            limit: 4
        })
    ));
    assert!(matches!(
        store.add_dir(&from, limits(5, 49)),
        Err(StoreError::TooMuch {
            what: "bytes",
            limit: 49
        })
    ));
    store.add_dir(&from, limits(5, 50)).unwrap();
    // A sparse file of a terabyte is refused by its size, not by reading it.
    fs::File::create(from.join("sparse"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert!(matches!(
        store.add_dir(&from, ROOMY),
        Err(StoreError::TooMuch { what: "bytes", .. })
    ));
}

#[test]
fn names_that_do_not_travel_are_refused() {
    let (dir, store) = store();
    for (name, expected) in [
        (&b"a\xff"[..], PathProblem::NotUtf8),
        (b"a\nb", PathProblem::Control),
        (b"a\\b", PathProblem::Backslash),
    ] {
        let from = tempfile::tempdir_in(dir.path()).unwrap();
        fs::write(from.path().join(OsStr::from_bytes(name)), b"x").unwrap();
        match store.add_dir(from.path(), ROOMY) {
            Err(StoreError::Manifest(ManifestError::Path { problem, .. })) => assert_eq!(problem, expected),
            other => panic!("{name:?}: {other:?}"),
        }
    }
    let deep = dir.path().join("deep");
    write(&deep, &vec!["d"; 40].join("/"), b"x");
    assert!(matches!(
        store.add_dir(&deep, ROOMY),
        Err(StoreError::Manifest(ManifestError::Path {
            problem: PathProblem::TooDeep,
            ..
        }))
    ));
}

#[test]
fn a_file_that_is_longer_or_shorter_than_it_said_is_refused() {
    let (_dir, store) = store();
    for bytes in [&b"12345"[..], b"1234567"] {
        let mut draft = store.draft(ROOMY);
        let added = draft.add("f", Mode::Plain, 6, &mut &*bytes);
        assert!(matches!(added, Err(StoreError::Changed(path)) if path == "f"));
        assert_eq!(in_tmp(&store), 0);
    }
    assert_eq!(store.usage().reserved, 0);
    assert_eq!(store.usage().stored, 0);
}
