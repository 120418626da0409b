//! Files go in, files come out, and nothing hostile gets past the export.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_containers::{End, Error, Exported, Refusal, Spec};

use crate::Test;
use crate::bench::{Bench, python, shell, tokio};

pub(crate) const TESTS: &[Test] = &[
    ("files_go_in_and_come_out", round_trip),
    ("what_does_not_fit_is_refused_before_the_start", too_large),
    ("a_link_in_the_initial_files_is_refused", link_inside),
    ("the_export_survives_a_timeout", after_timeout),
    ("the_export_survives_memory_running_out", after_memory),
    ("hostile_content_stays_inside", hostile),
    ("a_sparse_file_ends_the_export", sparse),
    ("deep_nesting_stays_behind", deep),
    ("an_export_never_lands_in_a_used_folder", used_folder),
];

fn fresh(bench: &Bench, spec: &Spec, what: &str) -> PathBuf {
    let folder = bench.home.path().join(format!("{}-{}", spec.name, what));
    fs::create_dir(&folder).unwrap();
    folder
}

/// Runs a spec with an export and returns how it ended, what came out, and where.
fn exported(bench: &Bench, mut spec: Spec) -> (End, Exported, PathBuf) {
    let folder = fresh(bench, &spec, "out").join("export");
    spec.workspace.export = Some(folder.clone());
    let finished = bench.run(spec);
    (
        finished.end,
        finished.export.expect("an export was asked for"),
        folder,
    )
}

fn round_trip(bench: &Bench) {
    let script = "set -ex; test \"$(cat sub/in)\" = words; test -x run; test ! -x sub/in; \
         test \"$(stat -c %u run)\" = 65534; test \"$(stat -c %u sub)\" = 65534; \
         echo more >> sub/in; mkdir sub/new; echo out > sub/new/out; rm gone; chmod u+x sub/new/out";
    let mut spec = shell(script);
    let initial = fresh(bench, &spec, "in");
    fs::create_dir(initial.join("sub")).unwrap();
    fs::write(initial.join("sub/in"), "words\n").unwrap();
    fs::write(initial.join("gone"), "").unwrap();
    fs::write(initial.join("run"), vec![b'x'; 3 << 20]).unwrap();
    fs::set_permissions(initial.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
    spec.workspace.initial = Some(initial.clone());
    let (end, done, folder) = exported(bench, spec);
    assert_eq!(end, End::Exited(0));
    assert_eq!((done.files, done.refused, done.truncated), (3, 0, false));
    assert_eq!(
        fs::read_to_string(folder.join("sub/in")).unwrap(),
        "words\nmore\n"
    );
    assert_eq!(fs::read_to_string(folder.join("sub/new/out")).unwrap(), "out\n");
    assert_eq!(fs::read(folder.join("run")).unwrap().len(), 3 << 20);
    assert!(!folder.join("gone").exists());
    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("run"), mode("sub/in"), mode("sub/new/out")),
        (0o755, 0o644, 0o755)
    );
    assert!(initial.join("gone").exists(), "the initial files are a copy");
}

fn refused(bench: &Bench, spec: Spec) {
    let started = tokio().block_on(bench.runtime.start(spec));
    let error = started.map(drop).expect_err("it must not start");
    let text = crate::bench::chain(error);
    assert!(text.contains("workspace.initial"), "{text}");
}

fn too_large(bench: &Bench) {
    let mut spec = shell("true");
    let initial = fresh(bench, &spec, "in");
    fs::write(initial.join("large"), vec![0; 5000]).unwrap();
    spec.workspace.initial = Some(initial);
    spec.workspace.bytes = 4096;
    refused(bench, spec);
}

fn link_inside(bench: &Bench) {
    let mut spec = shell("true");
    let initial = fresh(bench, &spec, "in");
    std::os::unix::fs::symlink("/etc/passwd", initial.join("link")).unwrap();
    spec.workspace.initial = Some(initial);
    refused(bench, spec);
}

fn after_timeout(bench: &Bench) {
    let mut spec = shell("echo kept > file; sleep 60");
    spec.limits.wall = Duration::from_secs(1);
    let (end, _, folder) = exported(bench, spec);
    assert_eq!(end, End::TimedOut);
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "kept\n");
}

fn after_memory(bench: &Bench) {
    let mut spec = python("open('file', 'w').write('kept')\nx = bytearray(300 << 20)");
    spec.limits.memory_bytes = 64 << 20;
    let (end, _, folder) = exported(bench, spec);
    assert_eq!(end, End::OutOfMemory);
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "kept");
}

const HOSTILE: &str = r#"
import os, socket
open("a-file", "w").write("plain")
os.link("a-file", "b-hard-link")
os.symlink("/etc/passwd", "link-to-file")
os.symlink("/", "link-to-root")
os.symlink("../../../../../../tmp", "link-up")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
open("new\nline", "w").close()
open(b"not-utf8-\xff", "w").close()
open("x" * 255, "w").write("long")
open("suid", "w").write("s")
os.chmod("suid", 0o6755)
os.mkdir("shut")
open("shut/inside", "w").write("i")
os.chmod("shut/inside", 0)
os.chmod("shut", 0)
"#;

fn hostile(bench: &Bench) {
    let (end, done, folder) = exported(bench, python(HOSTILE));
    assert_eq!(end, End::Exited(0));
    let mut names: Vec<_> = walk(&folder);
    names.sort();
    let long = "x".repeat(255);
    assert_eq!(names, ["a-file", "shut", "shut/inside", "suid", &long]);
    assert_eq!(fs::read_to_string(folder.join("a-file")).unwrap(), "plain");
    let mode = fs::metadata(folder.join("suid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "special bits are gone");
    let count = |why| done.first_refused.iter().filter(|one| one.why == why).count();
    let counts = [Refusal::Link, Refusal::HardLink, Refusal::Name].map(count);
    assert_eq!(counts, [3, 1, 2], "{:?}", done.first_refused);
    // An engine may leave sockets out of its archive before anybody sees them.
    assert!(
        (1..=2).contains(&count(Refusal::Special)),
        "{:?}",
        done.first_refused
    );
    assert_eq!(done.files, 4);
}

/// Every path below a folder; whatever is neither file nor folder fails.
fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            assert!(kind.is_file() || kind.is_dir(), "{}", path.display());
            found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            if kind.is_dir() {
                pending.push(path);
            }
        }
    }
    found
}

fn sparse(bench: &Bench) {
    let (end, done, folder) = exported(
        bench,
        python("open('a', 'w').write('a')\nopen('b', 'w').truncate(1 << 40)\nopen('c', 'w').write('c')"),
    );
    assert_eq!(end, End::Exited(0));
    assert!(done.truncated);
    assert_eq!(done.first_refused[0].why, Refusal::Bytes);
    assert_eq!(walk(&folder), ["a"]);
}

const DEEP: &str = r#"
import os
open("top", "w").write("t")
os.mkdir("deep")
os.chdir("deep")
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
open("bottom", "w").write("b")
"#;

fn deep(bench: &Bench) {
    let mut spec = python(DEEP);
    spec.workspace.files = 4000;
    let (end, done, folder) = exported(bench, spec);
    assert_eq!(end, End::Exited(0));
    assert!(done.refused > 0);
    assert_eq!(fs::read_to_string(folder.join("top")).unwrap(), "t");
    let deepest = walk(&folder)
        .iter()
        .map(|path| path.split('/').count())
        .max()
        .unwrap();
    assert!(deepest <= 64, "{deepest}");
}

fn used_folder(bench: &Bench) {
    let mut spec = shell("echo x > file");
    let folder = fresh(bench, &spec, "used");
    fs::write(folder.join("precious"), "mine").unwrap();
    spec.workspace.export = Some(folder.clone());
    let mut container = bench.start(spec);
    let outcome = tokio().block_on(container.wait());
    assert!(
        matches!(outcome, Err(Error::Io { .. } | Error::Helper { .. })),
        "{outcome:?}"
    );
    assert_eq!(walk(&folder), ["precious"]);
}
