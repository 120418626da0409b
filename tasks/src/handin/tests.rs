//! Hand-in: declared, regular files and nothing else.

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::{TempDir, tempdir};

const ROOMY: Limits = Limits {
    files: 100,
    bytes: 10_000,
};

fn notes(paths: &[&str]) -> Vec<Note> {
    paths.iter().map(|path| Note::new(*path).unwrap()).collect()
}

fn work(files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn hand_in(work: &TempDir, declared: &[&str], bounds: Limits) -> (TempDir, Result<HandedIn, HandInError>) {
    let into = tempdir().unwrap();
    let result = collect(work.path(), &notes(declared), into.path(), bounds);
    (into, result)
}

fn defect(work: &TempDir, declared: &[&str], bounds: Limits) -> Defect {
    match hand_in(work, declared, bounds).1 {
        Err(HandInError::Defect(defect)) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn copies_the_declared_paths_and_nothing_else() {
    let work = work(&[
        ("solution.py", "s"),
        ("notes.txt", "n"),
        ("src/a/b.rs", "bb"),
        ("src/c.rs", "c"),
    ]);
    fs::set_permissions(work.path().join("src/c.rs"), PermissionsExt::from_mode(0o700)).unwrap();
    let (into, result) = hand_in(&work, &["solution.py", "src/**", "src/c.rs"], ROOMY);
    assert_eq!(result.unwrap(), HandedIn { files: 3, bytes: 4 });
    let copied = Tree::open(into.path()).unwrap();
    assert_eq!(
        copied.files("", &|_| false).unwrap(),
        ["solution.py", "src/a/b.rs", "src/c.rs"]
    );
    assert!(copied.file("src/c.rs").unwrap().executable);
    assert_eq!(fs::read_to_string(into.path().join("src/a/b.rs")).unwrap(), "bb");
}

#[test]
fn what_is_missing_fails_the_attempt_by_name() {
    let work = work(&[("here.py", "")]);
    fs::create_dir(work.path().join("empty")).unwrap();
    assert_eq!(
        defect(&work, &["here.py", "gone.py"], ROOMY),
        Defect::Missing("gone.py".into())
    );
    assert_eq!(defect(&work, &["gone/**"], ROOMY), Defect::Missing("gone".into()));
    assert_eq!(
        defect(&work, &["empty/**"], ROOMY),
        Defect::Missing("empty/**".into())
    );
}

#[test]
fn links_and_devices_are_refused_wherever_they_lead() {
    let work = work(&[("real.py", "r"), ("src/real.rs", "r")]);
    symlink("/etc/passwd", work.path().join("solution.py")).unwrap();
    symlink("real.py", work.path().join("inside.py")).unwrap();
    symlink("/etc", work.path().join("folder")).unwrap();
    symlink("/etc/hostname", work.path().join("src/link")).unwrap();
    for declared in [
        "solution.py",
        "inside.py",
        "folder/passwd",
        "folder/**",
        "src/**",
        "src",
    ] {
        let defect = defect(&work, &[declared], ROOMY);
        assert!(
            matches!(defect, Defect::NotRegular { .. }),
            "{declared}: {defect}"
        );
    }
}

#[test]
fn bounds_hold_exactly() {
    let work = work(&[("d/a", "12345"), ("d/b", "12345")]);
    assert!(
        hand_in(&work, &["d/**"], Limits { files: 2, bytes: 10 })
            .1
            .is_ok()
    );
    assert_eq!(
        defect(&work, &["d/**"], Limits { files: 2, bytes: 9 }),
        Defect::TooMuch {
            what: "bytes",
            limit: 9
        }
    );
    assert_eq!(
        defect(&work, &["d/**"], Limits { files: 1, bytes: 10 }),
        Defect::TooMuch {
            what: "files",
            limit: 1
        }
    );
}

#[test]
fn a_missing_work_folder_is_the_hosts_trouble() {
    let gone = tempdir().unwrap().path().join("gone");
    let into = tempdir().unwrap();
    let error = collect(&gone, &notes(&["a"]), into.path(), ROOMY).unwrap_err();
    assert!(matches!(error, HandInError::Host { .. }), "{error}");
}

#[test]
fn nothing_is_handed_in_beside_what_was_there() {
    let (work, into) = (work(&[("a", "a")]), work(&[("left/over", "x")]));
    let error = collect(work.path(), &notes(&["a"]), into.path(), ROOMY).unwrap_err();
    assert!(matches!(error, HandInError::Host { .. }), "{error}");
    assert!(!into.path().join("a").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is declared, nothing but files of the work folder comes out, and nothing outside `into` is made.
    #[test]
    fn no_declaration_leads_out(declared in "(\\.\\./|/|\\./|a/|b|\\*|\\\\|\\.\\.|link/|src/|secret){1,6}(/\\*\\*)?") {
        let outer = tempdir().unwrap();
        let (work, into) = (outer.path().join("work"), outer.path().join("into"));
        fs::create_dir_all(work.join("src")).unwrap();
        fs::create_dir(&into).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(work.join("src/b"), "fine").unwrap();
        fs::write(work.join("b"), "fine").unwrap();
        symlink("..", work.join("link")).unwrap();
        let result = collect(&work, &notes(&[&declared]), &into, ROOMY);
        let copied = Tree::open(&into).unwrap();
        for path in copied.files("", &|_| false).unwrap() {
            prop_assert_eq!(fs::read_to_string(into.join(&path)).unwrap(), "fine", "{}", path);
        }
        let mut outside: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        outside.sort();
        prop_assert_eq!(outside, ["into", "secret", "work"]);
        if let Ok(handed) = result {
            prop_assert!(handed.files > 0);
        }
    }
}
