//! Archives as honest tools write them, and the way back.

use super::*;
use crate::manifest::Mode;

#[test]
fn plain_archives_are_read() {
    let (_dir, store) = store();
    let mut run = header(b"./bin/run", b'0', &octal(3));
    run[100..107].copy_from_slice(b"0104711");
    let bytes = archive(&[
        entry(b"./", b'5', b""),
        entry(b"bin/", b'5', b""),
        [&finish(run)[..], &padded(b"run")].concat(),
        entry(b"old", 0, b"v7"),
        entry(b"empty", b'0', b""),
        pax(&[
            ("mtime", "1.5"),
            ("SCHILY.xattr.user.x", "a\nb"),
            ("path", "long/ü"),
        ]),
        entry(b"long/?", b'0', &[7; 600]),
        entry(b"././@LongLink", b'L', &[&[b'n'; 120][..], b"\0"].concat()),
        entry(b"nnn", b'0', b"long"),
    ]);
    let id = unpack(&store, &bytes[..], ROOMY).unwrap();
    let manifest = store.manifest(id).unwrap();
    let listed: Vec<_> = manifest
        .files()
        .iter()
        .map(|file| (file.path.clone(), file.mode, file.size))
        .collect();
    assert_eq!(
        listed,
        [
            ("bin/run".into(), Mode::Executable, 3),
            ("empty".into(), Mode::Plain, 0),
            ("long/ü".into(), Mode::Plain, 600),
            ("n".repeat(120), Mode::Plain, 4),
            ("old".into(), Mode::Plain, 2),
        ]
    );
    assert_eq!(manifest.get("long/ü").unwrap().digest, Digest::of(&[7; 600]));
}

#[test]
fn packing_is_read_back_by_others_and_by_us() {
    let (_dir, store) = store();
    let mut draft = store.draft(ROOMY);
    let long = format!("{}/{}", "d".repeat(120), "n".repeat(120));
    for (path, mode, bytes) in [
        ("a", Mode::Plain, &[1; 513][..]),
        ("b/run", Mode::Executable, b"x"),
        (&long, Mode::Plain, b""),
    ] {
        draft.add_slice(path, mode, bytes).unwrap();
    }
    let id = draft.commit().unwrap();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    pack(&store, id, &mut one).unwrap();
    pack(&store, id, &mut two).unwrap();
    assert_eq!(one, two);
    assert_eq!(unpack(&store, &one[..], ROOMY).unwrap(), id);

    let mut theirs = tar::Archive::new(&one[..]);
    let listed: Vec<_> = theirs
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.path().unwrap().to_str().unwrap().to_owned(),
                entry.header().mode().unwrap(),
                entry.size(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("a".to_owned(), 0o644, 513),
            ("b/run".to_owned(), 0o755, 1),
            (long, 0o644, 0)
        ]
    );
}

#[test]
fn packing_a_damaged_blob_names_it() {
    let (dir, store) = store();
    for damaged in [&b"12345"[..], b"123", b"1234x"] {
        let id = store.add_bytes("f", b"1234").unwrap();
        let name = Digest::of(b"1234").to_string();
        let blob = dir.path().join("blobs").join(&name[..2]).join(&name[2..]);
        fs::remove_file(&blob).unwrap();
        fs::write(&blob, damaged).unwrap();
        let packed = pack(&store, id, &mut Vec::new());
        assert!(matches!(packed, Err(ArchiveError::Store(StoreError::BadBlob { path, .. })) if path == "f"));
        store.repair(id).unwrap();
    }
}
