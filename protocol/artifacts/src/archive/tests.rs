//! Archives built byte by byte, as a library would refuse to build them.

mod honest;

use std::fs;

use proptest::prelude::*;
use quorate_core::Digest;
use tempfile::TempDir;

use super::*;
use crate::manifest::ManifestError;

const ROOMY: Limits = Limits {
    files: 100,
    bytes: 1 << 20,
};

fn store() -> (TempDir, Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 1 << 30).unwrap();
    (dir, store)
}

/// A header with any bytes in its fields, and a right checksum.
fn header(name: &[u8], kind: u8, size: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    finish(block)
}

fn finish(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn octal(size: usize) -> Vec<u8> {
    format!("{size:011o}").into_bytes()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(512), 0);
    out
}

/// One entry: header and body.
fn entry(name: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    [&header(name, kind, &octal(body.len()))[..], &padded(body)].concat()
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (1..)
            .map(|digits| rest + digits)
            .find(|length| length.to_string().len() + rest == *length)
            .unwrap();
        body.extend(format!("{length} {key}={value}\n").bytes());
    }
    entry(b"PaxHeaders/x", b'x', &body)
}

fn read(entries: &[Vec<u8>]) -> Result<ArtifactId, ArchiveError> {
    let (_dir, store) = store();
    let result = unpack(&store, &archive(entries)[..], ROOMY);
    assert_eq!(
        fs::read_dir(_dir.path().join("tmp")).unwrap().count(),
        0,
        "nothing half-written stays"
    );
    result
}

fn malformed(entries: &[Vec<u8>], about: &str) {
    match read(entries) {
        Err(ArchiveError::Malformed { what, .. }) => assert!(what.contains(about), "{what}"),
        other => panic!("{about}: {other:?}"),
    }
}

#[test]
fn paths_that_lead_away_are_refused() {
    let problem = |entries: &[Vec<u8>]| match read(entries) {
        Err(ArchiveError::Path { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let file = |name: &[u8]| problem(&[entry(name, b'0', b"x")]);
    let folder = |name: &[u8]| problem(&[entry(name, b'5', b"")]);
    for name in [&b"/etc/passwd"[..], b".//etc/passwd", b"/"] {
        assert_eq!(file(name), PathProblem::Absolute, "{name:?}");
        assert_eq!(folder(b"/"), PathProblem::Empty);
    }
    for name in [
        &b".."[..],
        b"../x",
        b"a/../../x",
        b"./../x",
        b"././x",
        b"a/.",
        b".",
    ] {
        assert_eq!(file(name), PathProblem::Dots, "{name:?}");
    }
    assert_eq!(folder(b"../"), PathProblem::Dots);
    assert_eq!(file(b"a//b"), PathProblem::EmptyComponent);
    assert_eq!(file(b"a/"), PathProblem::EmptyComponent);
    assert_eq!(folder(b"a//"), PathProblem::EmptyComponent);
    assert_eq!(file(b"a\\..\\b"), PathProblem::Backslash);
    assert_eq!(file(b"a\x1bb"), PathProblem::Control);
    assert_eq!(file(b"a\xff"), PathProblem::NotUtf8);
    assert_eq!(file(b""), PathProblem::Empty);
    assert_eq!(folder(b""), PathProblem::Empty);
    assert_eq!(
        problem(&[pax(&[("path", "/etc/passwd")]), entry(b"ok", b'0', b"x")]),
        PathProblem::Absolute
    );
    assert_eq!(
        problem(&[pax(&[("path", "")]), entry(b"ok", b'0', b"x")]),
        PathProblem::Empty
    );
    let long = |name: &[u8]| {
        problem(&[
            entry(b"L", b'L', &[name, b"\0"].concat()),
            entry(b"ok", b'0', b"x"),
        ])
    };
    assert_eq!(long(b"ok/../../etc/passwd"), PathProblem::Dots);
    assert_eq!(long(&[b'n'; 300]), PathProblem::TooLong);
    // The ustar prefix field is part of the path too.
    let mut prefixed = header(b"passwd", b'0', &octal(1));
    prefixed[345..349].copy_from_slice(b"/etc");
    assert_eq!(
        problem(&[[&finish(prefixed)[..], &padded(b"x")].concat()]),
        PathProblem::Absolute
    );
}

#[test]
fn everything_but_files_and_folders_is_refused() {
    for (kind, name) in [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a pipe"),
        (b'S', "a sparse file"),
        (b'K', "a hard link"),
        (b'7', "an entry of a kind that is not taken"),
        (b'D', "an entry of a kind that is not taken"),
        (b'V', "an entry of a kind that is not taken"),
    ] {
        let mut block = header(b"x", kind, &octal(0));
        block[157..168].copy_from_slice(b"/etc/passwd");
        match read(&[finish(block).to_vec()]) {
            Err(ArchiveError::NotRegular { path, kind }) => assert_eq!((path.as_str(), kind), ("x", name)),
            other => panic!("{name}: {other:?}"),
        }
    }
    malformed(
        &[
            pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.size", "1")]),
            entry(b"x", b'0', b"x"),
        ],
        "sparse",
    );
}

#[test]
fn a_path_appears_once() {
    let twice = |first: &[u8], kind, second: &[u8]| {
        let entries = [entry(first, kind, b""), entry(second, b'0', b"2")];
        assert!(
            matches!(read(&entries), Err(ArchiveError::Duplicate(path)) if path == "a"),
            "{second:?}"
        );
    };
    twice(b"a", b'0', b"a");
    twice(b"a", b'0', b"./a");
    twice(b"a/", b'5', b"a");
    let nested = read(&[entry(b"a", b'0', b"1"), entry(b"a/b", b'0', b"2")]);
    assert!(matches!(
        nested,
        Err(ArchiveError::Store(StoreError::Manifest(
            ManifestError::FileAndFolder(_)
        )))
    ));
}

#[test]
fn bounds_hold_before_bytes_are_read() {
    let (_dir, store) = store();
    let few =
        |files, bytes, entries: &[Vec<u8>]| unpack(&store, &archive(entries)[..], Limits { files, bytes });
    let two = [entry(b"a", b'0', b"12345"), entry(b"b", b'0', b"12345")];
    assert!(matches!(
        few(1, 100, &two),
        Err(ArchiveError::Store(StoreError::TooMuch {
            what: "files",
            limit: 1
        }))
    ));
    assert!(matches!(
        few(2, 9, &two),
        Err(ArchiveError::Store(StoreError::TooMuch {
            what: "bytes",
            limit: 9
        }))
    ));
    few(2, 10, &two).unwrap();

    // An exabyte that is claimed and not there: refused by the claim.
    let claim = [header(b"a", b'0', b"\x80\0\0\0\x10\0\0\0\0\0\0\0").to_vec()];
    assert!(matches!(
        few(2, 1 << 40, &claim),
        Err(ArchiveError::Store(StoreError::TooMuch { what: "bytes", .. }))
    ));
    let claim = [
        pax(&[("size", "1152921504606846976")]),
        header(b"a", b'0', &octal(0)).to_vec(),
    ];
    assert!(matches!(
        few(2, 1 << 40, &claim),
        Err(ArchiveError::Store(StoreError::TooMuch { what: "bytes", .. }))
    ));

    let folders: Vec<_> = (0..20_001)
        .map(|at| entry(format!("d{at}/").as_bytes(), b'5', b""))
        .collect();
    assert!(matches!(
        few(2, 10, &folders),
        Err(ArchiveError::Store(StoreError::TooMuch { what: "folders", .. }))
    ));
}

#[test]
fn fields_that_overflow_are_refused() {
    let size = |field: &[u8]| malformed(&[header(b"a", b'0', field).to_vec()], "size is no number");
    size(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    size(b"\x80\0\0\x01\0\0\0\0\0\0\0\x01");
    size(b"\x81\0\0\0\0\0\0\0\0\0\0\x01");
    size(b"00000000009\0");
    size(b"-0000000001\0");
    size(b"0000 000001\0");
    malformed(
        &[pax(&[("size", "18446744073709551616")]), entry(b"a", b'0', b"x")],
        "size",
    );
    malformed(&[header(b"a", b'x', &octal(1 << 20)).to_vec()], "too long");
    malformed(&[header(b"a", b'g', &octal(1 << 20)).to_vec()], "too long");
    malformed(&[header(b"a", b'L', &octal(1 << 20)).to_vec()], "too long");
    malformed(
        &[header(b"a", b'L', b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff").to_vec()],
        "too long",
    );
}

#[test]
fn contradictions_are_refused() {
    let file = || entry(b"a", b'0', b"x");
    malformed(&[pax(&[("size", "2")]), file()], "two sizes");
    malformed(
        &[pax(&[("path", "b")]), pax(&[("path", "c")]), file()],
        "two extended headers",
    );
    malformed(&[pax(&[("path", "b"), ("path", "c")]), file()], "twice");
    malformed(
        &[entry(b"L", b'L', b"b\0"), entry(b"L", b'L', b"c\0"), file()],
        "two extended headers",
    );
    malformed(
        &[pax(&[("path", "b")]), entry(b"L", b'L', b"c\0"), file()],
        "two long names",
    );
    malformed(&[entry(b"L", b'L', b"b\0c\0"), file()], "first NUL");
    malformed(&[entry(b"L", b'L', b"b"), file()], "first NUL");
    malformed(&[entry(b"L", b'L', b""), file()], "first NUL");
    malformed(&[entry(b"d/", b'5', b"hidden")], "folder with bytes");
    malformed(&[pax(&[("path", "b")])], "has no entry");
    malformed(&[file(), vec![0; 512], file()], "after the end mark");
    let mut global = pax(&[("path", "b")]);
    global[..512].copy_from_slice(&header(b"g", b'g', &octal("9 path=b\n".len())));
    malformed(&[global, file()], "global header");
    let comments: Vec<_> = (0..17).map(|_| entry(b"g", b'g', b"13 comment=x\n")).collect();
    malformed(&comments, "too many global headers");
    let mut spoiled = file();
    spoiled[3] ^= 1;
    malformed(&[spoiled], "checksum");
    malformed(&[vec![b'x'; 512]], "checksum");
}

#[test]
fn cut_streams_are_noticed_wherever_the_cut_is() {
    let (_dir, store) = store();
    let whole = archive(&[
        entry(b"a", b'0', &[1; 700]),
        pax(&[("path", "b")]),
        entry(b"x", b'0', b"2"),
    ]);
    // One block of zeros at the stream's end is an end mark; less is not.
    let end = whole.len() - 512;
    for cut in (0..end).step_by(61) {
        let result = unpack(&store, &whole[..cut], ROOMY);
        assert!(matches!(result, Err(ArchiveError::Cut)), "at {cut}: {result:?}");
    }
    unpack(&store, &whole[..end], ROOMY).unwrap();
}

proptest! {
    // Each case opens a store, which syncs.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the bytes, reading ends with an artifact or an error.
    #[test]
    fn noise_is_survived(
        noise in prop::collection::vec((0_usize..3000, any::<u8>()), 1..8),
    ) {
        let (_dir, store) = store();
        let mut bytes = archive(&[pax(&[("path", "b"), ("size", "700")]), entry(b"a", b'0', &[1; 700]), entry(b"c", b'0', b"2")]);
        for (at, byte) in noise {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        if let Ok(id) = unpack(&store, &bytes[..], ROOMY) {
            prop_assert!(store.verify(id).is_ok());
        }
    }
}
