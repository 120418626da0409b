//! Every way in which a layout could be hostile or wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;
use tar::EntryType::{
    self, Block, Char, Directory, Fifo, GNULongLink, GNULongName, GNUSparse, Link, Regular, Symlink, XHeader,
};

use super::example::{self, blob, entry, tar, with, with_layer, zstd};
use super::*;
use crate::host;

/// Notes what it is given.
#[derive(Default)]
struct Notes(BTreeMap<String, String>);

impl Notes {
    fn note(&mut self, path: &Path, what: impl Into<String>) -> io::Result<()> {
        let twice = self.0.insert(path.display().to_string(), what.into());
        assert_eq!(twice, None, "{}", path.display());
        Ok(())
    }
}

impl Sink for Notes {
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        self.note(path, "folder")
    }

    fn file(&mut self, path: &Path, attributes: Attributes, content: &mut dyn Read) -> io::Result<()> {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        assert_eq!(text.len() as u64, attributes.size);
        self.note(path, text)
    }

    fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        self.note(path, format!("-> {}", target.display()))
    }

    fn hard_link(&mut self, path: &Path, first: &Path) -> io::Result<()> {
        self.note(path, format!("= {}", first.display()))
    }
}

fn plain(name: &str, kind: EntryType) -> Vec<u8> {
    entry(name, kind, b"", "")
}

fn to(name: &str, kind: EntryType, target: &str) -> Vec<u8> {
    entry(name, kind, b"", target)
}

fn file(name: &str) -> Vec<u8> {
    entry(name, Regular, b"x", "")
}

fn walked(entries: &[Vec<u8>], bounds: Bounds) -> Result<BTreeMap<String, String>, Error> {
    let mut notes = Notes::default();
    layer::walk(tar(entries).as_slice(), bounds, &mut notes)?;
    Ok(notes.0)
}

/// For a layer of so many paths: the accounts and their folder come on top.
fn room(paths: usize, bytes: u64) -> Bounds {
    Bounds {
        entries: paths + 3,
        bytes,
    }
}

fn refused(what: &str, result: Result<impl Sized, Error>) {
    match result {
        Ok(_) => panic!("{what} passed"),
        Err(Error::BadImage { .. }) => {}
        Err(other) => panic!("{what}: {other:?}"),
    }
}

fn opened(folder: &Path, digest: &ImageDigest) -> Result<(), Error> {
    Layout::open(folder, digest)?.walk(&mut Discard)
}

#[test]
fn a_plain_layer_comes_out_whole() {
    let entries = [
        plain("./", Directory),
        plain("./usr/", Directory),
        file("usr/bin/tool"),
        to("bin", Symlink, "usr/bin"),
        to("usr/bin/same", Link, "./usr/bin/tool"),
        to("usr/up", Symlink, "../../../etc/passwd"),
        plain("usr", Directory),
        file("dev/null"),
        file("etc/group"),
        plain("tmp/x", Directory),
    ];
    let notes = walked(&entries, Bounds::default()).unwrap();
    let expected = [
        ("bin", "-> usr/bin"),
        ("etc", "folder"),
        ("etc/group", host::FILES[0].1),
        ("etc/passwd", host::FILES[2].1),
        ("usr", "folder"),
        ("usr/bin", "folder"),
        ("usr/bin/same", "= usr/bin/tool"),
        ("usr/bin/tool", "x"),
        ("usr/up", "-> ../../../etc/passwd"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    assert_eq!(notes, expected, "what every container mounts over is left out");
}

#[test]
fn long_names_arrive() {
    let long = ["usr", &"n".repeat(120), "file"].join("/");
    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        // The length counts its own digits.
        let length = body.len() + 3;
        format!("{length}{body}").into_bytes()
    };
    let pax = record("path", &format!("{long}2"));
    let target = "t".repeat(150);
    let entries = [
        entry("@", GNULongName, format!("{long}\0").as_bytes(), ""),
        file("cut"),
        entry("@", XHeader, &pax, ""),
        file("cut"),
        entry("@", GNULongLink, target.as_bytes(), ""),
        to("link", Symlink, "cut"),
    ];
    let notes = walked(&entries, Bounds::default()).unwrap();
    assert_eq!(
        (notes[&long].as_str(), notes[&format!("{long}2")].as_str()),
        ("x", "x")
    );
    assert_eq!(notes["link"], format!("-> {target}"));
}

#[test]
fn no_name_leads_elsewhere() {
    for name in [
        "/etc/passwd",
        "../escape",
        "usr/../../escape",
        "usr/..",
        ".wh.gone",
        "usr/.wh..wh..opq",
        "line\nbreak",
    ] {
        refused(name, walked(&[file(name)], Bounds::default()));
        refused(name, walked(&[plain(name, Directory)], Bounds::default()));
        let link = [file("first"), to("second", Link, name)];
        refused(name, walked(&link, Bounds::default()));
    }
    refused("no name", walked(&[plain("", Directory)], Bounds::default()));
    let deep = entry("@", GNULongName, vec!["d"; 65].join("/").as_bytes(), "");
    refused("a deep path", walked(&[deep, file("cut")], Bounds::default()));
    let mut raw = file("zz");
    raw[0] = 0xff;
    refused("bytes that are no text", walked(&[raw], Bounds::default()));
}

#[test]
fn nothing_lies_below_a_link_or_a_file() {
    for first in [to("a", Symlink, "/etc"), to("a", Symlink, "usr"), file("a")] {
        for second in [
            file("a/b"),
            plain("a/b", Directory),
            plain("a", Directory),
            to("a/b", Symlink, "x"),
        ] {
            let entries = [first.clone(), second];
            refused(
                "a path through a link or file",
                walked(&entries, Bounds::default()),
            );
        }
    }
}

#[test]
fn a_name_is_given_once() {
    for second in [file("a"), to("a", Symlink, "x"), to("a", Link, "a")] {
        refused("a second `a`", walked(&[file("a"), second], Bounds::default()));
    }
    refused(
        "a file over a folder",
        walked(&[plain("a", Directory), file("a")], Bounds::default()),
    );
}

#[test]
fn an_image_has_no_say_in_accounts() {
    for hostile in [
        to("etc", Symlink, "usr"),
        file("etc"),
        file("etc/group/below"),
        to("same", Link, "etc/passwd"),
    ] {
        let entries = [file("etc2/passwd"), hostile];
        refused("an account", walked(&entries, Bounds::default()));
    }
    let kept = walked(&[to("etc/passwd", Symlink, "/usr/x")], Bounds::default()).unwrap();
    assert_eq!(kept["etc/passwd"], host::FILES[2].1);
}

#[test]
fn hard_links_lead_to_earlier_files_only() {
    for before in [
        vec![],
        vec![plain("a", Directory)],
        vec![to("a", Symlink, "b")],
        vec![file("dev/a")],
    ] {
        for target in ["a", "dev/a"] {
            let entries = [before.clone(), vec![to("b", Link, target)]].concat();
            refused("a hard link", walked(&entries, Bounds::default()));
        }
    }
    refused(
        "a link to nothing",
        walked(&[to("a", Symlink, "")], Bounds::default()),
    );
}

#[test]
fn what_is_no_plain_file_is_refused_wherever_it_lies() {
    for kind in [
        Char,
        Block,
        Fifo,
        GNUSparse,
        EntryType::new(b'7'),
        EntryType::new(b'Z'),
    ] {
        for name in ["node", "dev/node"] {
            refused(
                &format!("{kind:?}"),
                walked(&[plain(name, kind)], Bounds::default()),
            );
        }
    }
}

#[test]
fn extensions_are_bounded_and_say_nothing_twice() {
    let large = vec![b'n'; 70_000];
    let long = vec![b'n'; 5000];
    let cases = [
        (
            "a large header",
            vec![entry("@", GNULongName, &large, ""), file("a")],
        ),
        ("a long name", vec![entry("@", GNULongName, &long, ""), file("a")]),
        (
            "two names",
            vec![
                entry("@", GNULongName, b"a", ""),
                entry("@", GNULongName, b"b", ""),
                file("a"),
            ],
        ),
        (
            "two kinds of name",
            vec![
                entry("@", GNULongName, b"a", ""),
                entry("@", XHeader, b"10 path=b\n", ""),
                file("a"),
            ],
        ),
        ("a size", vec![entry("@", XHeader, b"10 size=0\n", ""), file("a")]),
        (
            "a sparse file",
            vec![entry("@", XHeader, b"22 GNU.sparse.major=1\n", ""), file("a")],
        ),
        (
            "a broken record",
            vec![entry("@", XHeader, b"99 path=b\n", ""), file("a")],
        ),
    ];
    for (what, entries) in cases {
        refused(what, walked(&entries, Bounds::default()));
    }
}

#[test]
fn entries_and_bytes_are_bounded() {
    let three = [file("a"), file("b"), file("c")];
    assert!(walked(&three, room(3, 3)).is_ok());
    refused("one entry too many", walked(&three, room(2, 3)));
    let again = vec![plain("a", Directory); 6];
    refused("headers that name nothing new", walked(&again, room(2, 3)));
    refused("one byte too many", walked(&three, room(3, 2)));
    refused(
        "folders that nobody named",
        walked(&[file("a/b/c/d")], room(3, 3)),
    );
    let top: Vec<_> = (0..65).map(|n| plain(&n.to_string(), Directory)).collect();
    refused("a wide root", walked(&top, Bounds::default()));
    // A folder's content is nothing to keep, yet has to be read past.
    refused(
        "content of a folder",
        walked(&[entry("a", Directory, &[0; 600], "")], room(3, 500)),
    );
    let mut huge = file("a");
    huge[124..136].copy_from_slice(b"777777777777");
    huge[148..156].copy_from_slice(b"        ");
    let sum: u32 = huge[..512].iter().map(|byte| u32::from(*byte)).sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    refused("a stated size", walked(&[huge], room(3, 500)));
}

#[test]
fn a_layer_that_ends_early_or_is_no_tar_is_refused() {
    let whole = tar(&[entry("a", Regular, &[b'x'; 1000], "")]);
    for length in [100, 512, 600, 1500] {
        let cut = layer::walk(&whole[..length], Bounds::default(), &mut Discard);
        assert!(cut.is_err(), "{length}");
    }
    refused(
        "no tar",
        layer::walk(&[b'x'; 2048][..], Bounds::default(), &mut Discard),
    );
}

#[test]
fn both_kinds_of_layer_are_read_and_no_other() {
    let layer = tar(&[file("a")]);
    let (compressed, _) = zstd(&layer);
    for (content, media_type, good) in [
        (&layer, TAR, true),
        (&compressed, TAR_ZSTD, true),
        (&layer, TAR_ZSTD, false),
        (&compressed, TAR, false),
        (&layer, "application/vnd.oci.image.layer.v1.tar+gzip", false),
    ] {
        let home = tempfile::tempdir().unwrap();
        let digest = with_layer(home.path(), content, media_type);
        assert_eq!(opened(home.path(), &digest).is_ok(), good, "{media_type}");
    }
}

#[test]
fn a_decompressor_gets_no_more_memory_than_it_takes_by_default() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    io::copy(&mut tar(&[file("a")]).as_slice(), &mut encoder).unwrap();
    let home = tempfile::tempdir().unwrap();
    let digest = with_layer(home.path(), &encoder.finish().unwrap(), TAR_ZSTD);
    refused("a wide window", opened(home.path(), &digest));
}

#[test]
fn only_the_asked_image_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let digest = example::layout(home.path());
    opened(home.path(), &digest).unwrap();
    let other: ImageDigest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    refused("another digest", opened(home.path(), &other));
    let index = fs::read_to_string(home.path().join("index.json")).unwrap();
    let mut two: serde_json::Value = serde_json::from_str(&index).unwrap();
    let manifest = two["manifests"][0].clone();
    two["manifests"].as_array_mut().unwrap().push(manifest);
    fs::write(home.path().join("index.json"), two.to_string()).unwrap();
    refused("two manifests", opened(home.path(), &digest));
    fs::write(home.path().join("index.json"), vec![b' '; 2 << 20]).unwrap();
    refused("a large index", opened(home.path(), &digest));
    fs::write(home.path().join("index.json"), index).unwrap();
    fs::write(
        home.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .unwrap();
    refused("another version", opened(home.path(), &digest));
}

#[test]
fn one_changed_byte_anywhere_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let digest = example::layout(home.path());
    for blob in fs::read_dir(home.path().join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        for content in [bad, [&good[..], b" "].concat(), good[..good.len() - 1].to_vec()] {
            fs::write(&path, content).unwrap();
            refused("a changed blob", opened(home.path(), &digest));
        }
        fs::write(&path, good).unwrap();
    }
    opened(home.path(), &digest).unwrap();
}

#[test]
fn links_pipes_and_folders_are_no_documents() {
    let home = tempfile::tempdir().unwrap();
    let digest = example::layout(home.path());
    let index = home.path().join("index.json");
    fs::rename(&index, home.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &index).unwrap();
    assert!(opened(home.path(), &digest).is_err(), "a link");
    fs::remove_file(&index).unwrap();
    rustix::fs::mknodat(CWD, &index, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert!(opened(home.path(), &digest).is_err(), "a pipe");
    fs::remove_file(&index).unwrap();
    fs::rename(home.path().join("elsewhere"), &index).unwrap();
    fs::rename(home.path().join("blobs"), home.path().join("blobs2")).unwrap();
    symlink("blobs2", home.path().join("blobs")).unwrap();
    assert!(opened(home.path(), &digest).is_err(), "a linked folder");
}

#[test]
fn an_image_has_one_layer_and_this_hosts_platform() {
    let config = |os: &str, architecture: &str| json!({ "os": os, "architecture": architecture });
    let home = tempfile::tempdir().unwrap();
    let layer = blob(home.path(), &tar(&[file("a")]), TAR);
    for (config, layers, good) in [
        (config("linux", architecture()), vec![layer.clone()], true),
        (config("linux", architecture()), vec![], false),
        (
            config("linux", architecture()),
            vec![layer.clone(), layer.clone()],
            false,
        ),
        (config("linux", "s390x"), vec![layer.clone()], false),
        (config("windows", architecture()), vec![layer.clone()], false),
    ] {
        let digest = with(home.path(), &config, &layers);
        assert_eq!(
            opened(home.path(), &digest).is_ok(),
            good,
            "{config} {}",
            layers.len()
        );
    }
}
