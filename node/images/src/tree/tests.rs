//! What the normaliser makes of archives, honest and hostile: same files, same layer, or a refusal.

use std::io::{Read as _, Write as _};

use tar::{Builder, Header};

use super::*;

const EPOCH: u64 = 1000;

/// An entry of an exported archive, with what should not matter.
struct Given<'a> {
    kind: EntryType,
    path: &'a str,
    mode: u32,
    mtime: u64,
    target: &'a str,
    content: &'a str,
}

fn given(kind: EntryType, path: &str) -> Given<'_> {
    let mode = if kind == EntryType::Directory {
        0o755
    } else {
        0o644
    };
    Given {
        kind,
        path,
        mode,
        mtime: 10,
        target: "",
        content: "",
    }
}

fn folder(path: &str) -> Given<'_> {
    given(EntryType::Directory, path)
}

fn file<'a>(path: &'a str, content: &'a str) -> Given<'a> {
    Given {
        content,
        ..given(EntryType::Regular, path)
    }
}

fn link<'a>(kind: EntryType, path: &'a str, target: &'a str) -> Given<'a> {
    Given {
        target,
        ..given(kind, path)
    }
}

/// Writes names as they are given: the usual ways refuse what a hostile archive may hold.
fn bytes(entries: &[Given]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_mtime(entry.mtime);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(entry.content.len() as u64);
        header.set_username("somebody").unwrap();
        let old = header.as_old_mut();
        old.name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        old.linkname[..entry.target.len()].copy_from_slice(entry.target.as_bytes());
        header.set_cksum();
        tar.append(&header, entry.content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn read(archive: &[u8]) -> Result<Tree, Error> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    Tree::read(file, EPOCH)
}

/// The layer's tar, and the digest it is known by.
fn layer(entries: &[Given]) -> (Vec<u8>, String) {
    let tree = read(&bytes(entries)).unwrap();
    let out = tempfile::NamedTempFile::new().unwrap();
    let layer = crate::layer::write(&tree, out.reopen().unwrap()).unwrap();
    let mut tar = Vec::new();
    zstd::Decoder::new(out).unwrap().read_to_end(&mut tar).unwrap();
    assert_eq!(tar.len() as u64, layer.unpacked.bytes);
    (tar, layer.packed.digest)
}

/// Each entry of a layer in one line.
fn listed(entries: &[Given]) -> Vec<String> {
    let (tar, _) = layer(entries);
    let mut archive = Archive::new(&*tar);
    let lines = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (7, 8));
        assert_eq!(header.username_bytes(), Some(&b""[..]));
        let target = entry.link_name().unwrap();
        format!(
            "{} {:o} {} {}{}",
            entry.path().unwrap().display(),
            header.mode().unwrap(),
            header.mtime().unwrap(),
            target
                .map(|target| format!("-> {}", target.display()))
                .unwrap_or_default(),
            content
        )
    });
    lines.collect()
}

fn refused(entries: &[Given]) -> String {
    read(&bytes(entries)).unwrap_err().to_string()
}

#[test]
fn the_order_and_spelling_of_entries_do_not_count() {
    let one = [
        folder("./"),
        folder("./a/"),
        file("./a/f", "1"),
        folder("./b/"),
        file("./a-b", "2"),
    ];
    let other = [file("a-b", "2"), folder("b"), folder("a"), file("a/f", "1")];
    assert_eq!(layer(&one).1, layer(&other).1);
    assert_eq!(
        listed(&one),
        ["a 755 10 ", "a/f 644 10 1", "a-b 644 10 2", "b 755 10 "]
    );
}

#[test]
fn every_byte_and_mode_counts() {
    let was = layer(&[file("f", "1")]).1;
    assert_ne!(was, layer(&[file("f", "2")]).1);
    assert_ne!(was, layer(&[file("g", "1")]).1);
    assert_ne!(
        was,
        layer(&[Given {
            mode: 0o755,
            ..file("f", "1")
        }])
        .1
    );
}

#[test]
fn of_a_files_names_the_first_is_the_file() {
    let one = [
        file("b", "x"),
        link(EntryType::Link, "a", "b"),
        link(EntryType::Link, "c", "./a"),
    ];
    let other = [
        file("c", "x"),
        link(EntryType::Link, "b", "c"),
        link(EntryType::Link, "a", "c"),
    ];
    assert_eq!(listed(&one), ["a 644 10 x", "b 644 10 -> a", "c 644 10 -> a"]);
    assert_eq!(listed(&one), listed(&other));
}

#[test]
fn equal_files_are_one_whether_or_not_the_export_kept_their_links() {
    let linked = [file("a", "x"), link(EntryType::Link, "b", "a"), file("c", "y")];
    let copied = [file("a", "x"), file("b", "x"), file("c", "y")];
    assert_eq!(layer(&linked).1, layer(&copied).1);
    assert_eq!(listed(&copied), ["a 644 10 x", "b 644 10 -> a", "c 644 10 y"]);

    let program = Given {
        mode: 0o755,
        ..file("b", "x")
    };
    assert_eq!(listed(&[file("a", "x"), program]), ["a 644 10 x", "b 755 10 x"]);
    let empty = [file("a", ""), file("b", ""), link(EntryType::Link, "c", "b")];
    assert_eq!(listed(&empty), ["a 644 10 ", "b 644 10 ", "c 644 10 "]);
}

#[test]
fn a_file_outlives_its_volatile_name() {
    let entries = [
        folder("a"),
        folder("var"),
        folder("var/cache"),
        file("var/cache/f", "x"),
        link(EntryType::Link, "a/f", "var/cache/f"),
    ];
    assert_eq!(
        listed(&entries),
        ["a 755 10 ", "a/f 644 10 x", "var 755 10 ", "var/cache 755 10 "]
    );
}

#[test]
fn times_end_at_the_epoch_and_privileges_go() {
    let entries = [
        Given {
            mode: 0o6755,
            mtime: EPOCH + 1,
            ..file("su", "x")
        },
        Given {
            mode: 0o1777,
            mtime: EPOCH,
            ..folder("tmp")
        },
        Given {
            mode: 0o755,
            ..link(EntryType::Symlink, "z", "../su/")
        },
    ];
    assert_eq!(
        listed(&entries),
        ["su 755 1000 x", "tmp 1777 1000 ", "z 777 10 -> ../su/"]
    );
}

#[test]
fn devices_pipes_and_volatile_files_stay_out() {
    let entries = [
        given(EntryType::Char, "null"),
        given(EntryType::Block, "disk"),
        given(EntryType::Fifo, "pipe"),
        folder("dev"),
        file("dev/console", ""),
        folder("etc"),
        file("etc/hostname", "builder"),
        file(".dockerenv", ""),
    ];
    assert_eq!(listed(&entries), ["dev 755 10 ", "etc 755 10 "]);
}

#[test]
fn long_names_survive() {
    let long = "d".repeat(90);
    let inner = format!("{long}/{}", "f".repeat(9));
    let target = "t".repeat(100);
    let entries = [folder(&long), link(EntryType::Symlink, &inner, &target)];
    let again = format!("{inner} 777 10 -> {target}");
    assert_eq!(listed(&entries)[1], again);
}

#[test]
fn names_that_lead_out_of_the_root_are_refused() {
    for path in ["../f", "a/../../f", "/f", "a/.."] {
        assert!(
            refused(&[file(path, "x")]).contains("leads out of the root"),
            "{path}"
        );
    }
    assert!(refused(&[file("f", "x"), link(EntryType::Link, "a", "/f")]).contains("leads out of the root"));
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    for (entries, why) in [
        (vec![file("f", "1"), file("./f", "2")], "comes twice"),
        (vec![folder("f"), file("f", "2")], "comes twice"),
        (vec![file("f", "1"), file("f/g", "2")], "does not lie in a folder"),
        (
            vec![link(EntryType::Symlink, "f", "/"), file("f/g", "2")],
            "does not lie in a folder",
        ),
        (vec![file("absent/g", "2")], "does not lie in a folder"),
        (
            vec![link(EntryType::Link, "a", "b"), file("b", "1")],
            "no file before it",
        ),
        (vec![link(EntryType::Link, "a", "a")], "no file before it"),
        (
            vec![folder("b"), link(EntryType::Link, "a", "b")],
            "no file before it",
        ),
        (vec![link(EntryType::Symlink, "a", "")], "impossible name"),
        (vec![given(EntryType::new(b'?'), "a")], "unknown kind"),
    ] {
        let said = refused(&entries);
        assert!(said.contains(why), "{said}, but expected {why}");
    }
}

#[test]
fn an_archive_that_breaks_off_is_refused() {
    let archive = bytes(&[file("f", "content"), file("g", "content")]);
    for length in [0, 512, 1024, 2048, archive.len() - 512] {
        let said = read(&archive[..length]).unwrap_err().to_string();
        assert!(said.contains("breaks off"), "{length}: {said}");
    }
    // Cut within a file, with an end put on.
    let mut longer = archive[..512].to_vec();
    longer.extend([0; END]);
    let mut header = Header::from_byte_slice(&longer[..512]).clone();
    header.set_size(1 << 40);
    header.set_cksum();
    longer[..512].copy_from_slice(header.as_bytes());
    assert!(read(&longer).unwrap_err().to_string().contains("cut off"));
}
