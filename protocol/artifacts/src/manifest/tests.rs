//! Manifests have one spelling, and bounds.

use proptest::prelude::*;

use super::*;

fn file(path: &str) -> File {
    File {
        digest: Digest::of(path.as_bytes()),
        mode: Mode::Plain,
        path: path.to_owned(),
        size: path.len() as u64,
    }
}

fn problem(path: &str) -> PathProblem {
    match Manifest::new(vec![file(path)]) {
        Err(ManifestError::Path { problem, .. }) => problem,
        other => panic!("{path:?} gave {other:?}"),
    }
}

#[test]
fn the_spelling_is_fixed() {
    let manifest = Manifest::new(vec![
        File {
            digest: Digest::from_bytes([1; 32]),
            mode: Mode::Executable,
            path: "b/run \"x\"".into(),
            size: 3,
        },
        File {
            digest: Digest::from_bytes([2; 32]),
            mode: Mode::Plain,
            path: "b-é".into(),
            size: 4,
        },
    ])
    .unwrap();
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    let text = format!(
        "{{\"files\":[{{\"digest\":\"{two}\",\"mode\":\"0644\",\"path\":\"b-é\",\"size\":4}},\
         {{\"digest\":\"{one}\",\"mode\":\"0755\",\"path\":\"b/run \\\"x\\\"\",\"size\":3}}]}}"
    );
    assert_eq!(std::str::from_utf8(manifest.bytes()).unwrap(), text);
    assert_eq!(manifest.id().0, Digest::of(text.as_bytes()));
    assert_eq!(manifest.total_size(), 7);
    assert_eq!(manifest.get("b-é").unwrap().size, 4);
    assert!(manifest.get("b").is_none());
}

#[test]
fn every_path_rule_has_its_name() {
    assert_eq!(problem(""), PathProblem::Empty);
    assert_eq!(problem("/etc/passwd"), PathProblem::Absolute);
    for path in ["..", "../a", "a/../b", "a/..", ".", "./a", "a/./b"] {
        assert_eq!(problem(path), PathProblem::Dots, "{path}");
    }
    for path in ["a//b", "a/"] {
        assert_eq!(problem(path), PathProblem::EmptyComponent, "{path}");
    }
    assert_eq!(problem("a\\b"), PathProblem::Backslash);
    for path in ["a\0b", "a\nb", "a\u{7f}", "a\u{85}b"] {
        assert_eq!(problem(path), PathProblem::Control, "{path:?}");
    }
    assert_eq!(problem(&"a".repeat(256)), PathProblem::TooLong);
    assert_eq!(problem(&vec!["a"; 33].join("/")), PathProblem::TooDeep);
    assert!(Manifest::new(vec![file(&"a".repeat(255))]).is_ok());
    assert!(Manifest::new(vec![file(&["a"; 32].join("/"))]).is_ok());
    assert!(Manifest::new(vec![file("...")]).is_ok());
}

#[test]
fn a_path_is_one_thing_only() {
    let twice = Manifest::new(vec![file("a"), file("b"), file("a")]);
    assert!(matches!(twice, Err(ManifestError::Duplicate(path)) if path == "a"));
    // `a-b` sorts between `a` and `a/b`, so looking at neighbours would not do.
    let both = Manifest::new(vec![file("a"), file("a-b"), file("a/b")]);
    assert!(matches!(both, Err(ManifestError::FileAndFolder(path)) if path == "a"));
    let deep = Manifest::new(vec![file("x/y"), file("x/y/z/w")]);
    assert!(matches!(deep, Err(ManifestError::FileAndFolder(path)) if path == "x/y"));
}

#[test]
fn sizes_and_counts_are_bounded() {
    let huge = |size| File { size, ..file("a") };
    assert!(matches!(
        Manifest::new(vec![huge(u64::MAX), file("b")]),
        Err(ManifestError::TooManyBytes)
    ));
    assert!(matches!(
        Manifest::new(vec![huge(MAX_TOTAL_BYTES), file("b")]),
        Err(ManifestError::TooManyBytes)
    ));
    assert!(Manifest::new(vec![huge(MAX_TOTAL_BYTES)]).is_ok());

    let many = |count| (0..count).map(|at| file(&format!("{at}"))).collect::<Vec<_>>();
    assert!(Manifest::new(many(MAX_FILES)).is_ok());
    assert!(matches!(
        Manifest::new(many(MAX_FILES + 1)),
        Err(ManifestError::TooManyFiles(20_001))
    ));

    let folders = (0..11_000).map(|at| file(&format!("{at}/x/f"))).collect();
    assert!(matches!(
        Manifest::new(folders),
        Err(ManifestError::TooManyFolders)
    ));

    let long = (0..MAX_FILES)
        .map(|at| file(&format!("{at}{}", "n".repeat(200))))
        .collect();
    assert!(matches!(Manifest::new(long), Err(ManifestError::TooLong(_))));
    let blank = vec![b' '; MAX_MANIFEST_BYTES + 1];
    assert!(matches!(
        Manifest::from_bytes(&blank),
        Err(ManifestError::TooLong(_))
    ));
}

#[test]
fn a_blob_has_one_size() {
    let same = |path: &str, size| File {
        digest: Digest::of(b"x"),
        size,
        ..file(path)
    };
    assert!(Manifest::new(vec![same("a", 1), same("b", 1)]).is_ok());
    assert!(matches!(
        Manifest::new(vec![same("a", 1), same("b", 2)]),
        Err(ManifestError::TwoSizes(_))
    ));
}

#[test]
fn other_spellings_are_refused() {
    let manifest = Manifest::new(vec![file("a"), file("b")]).unwrap();
    let text = std::str::from_utf8(manifest.bytes()).unwrap();
    assert_eq!(Manifest::from_bytes(text.as_bytes()).unwrap(), manifest);

    let spaced = text.replace("\":", "\": ");
    let escaped = text.replace("\"path\":\"a\"", "\"path\":\"\\u0061\"");
    let swapped = {
        let (one, two) = (file("a"), file("b"));
        serde_json::to_string(&Wire {
            files: vec![two, one],
        })
        .unwrap()
    };
    let moved = text.replacen("\"files\":", " \"files\":", 1);
    for other in [spaced, escaped, swapped, moved, format!("{text}\n")] {
        assert_ne!(other, text);
        assert!(
            matches!(
                Manifest::from_bytes(other.as_bytes()),
                Err(ManifestError::NotCanonical)
            ),
            "{other}"
        );
    }
    for other in [
        text.replace("0644", "0777"),
        text.replace("0644", "4755"),
        text.replace("\"size\":1", "\"size\":-1"),
        text.replace("\"size\":1", "\"size\":1.0"),
        text.replace("\"size\":1", "\"size\":1,\"link\":\"/\""),
        text.replacen("{\"files\"", "{\"v\":1,\"files\"", 1),
        "{}".to_owned(),
        "[".repeat(100_000),
    ] {
        assert_ne!(other, text);
        assert!(
            matches!(
                Manifest::from_bytes(other.as_bytes()),
                Err(ManifestError::Syntax(_))
            ),
            "{other:.80}"
        );
    }
}

fn any_file() -> impl Strategy<Value = File> {
    (
        "[a-cé\"-]{1,3}(/[a-c.]{1,3}){0,3}",
        any::<bool>(),
        0..1_u64 << 40,
        any::<[u8; 32]>(),
    )
        .prop_map(|(path, executable, size, digest)| File {
            digest: Digest::from_bytes(digest),
            mode: if executable { Mode::Executable } else { Mode::Plain },
            path,
            size,
        })
}

proptest! {
    #[test]
    fn round_trip_and_order_independence(files in prop::collection::vec(any_file(), 0..20)) {
        let mut reversed = files.clone();
        reversed.reverse();
        if let Ok(manifest) = Manifest::new(files) {
            let read = Manifest::from_bytes(manifest.bytes()).unwrap();
            prop_assert_eq!(&read, &manifest);
            prop_assert_eq!(Manifest::new(reversed).unwrap().id(), manifest.id());
        } else {
            prop_assert!(Manifest::new(reversed).is_err());
        }
    }

    /// Whatever is read back has the bytes it was read from: no two spellings share a manifest.
    #[test]
    fn one_changed_byte_never_reads_as_the_same(
        files in prop::collection::vec(any_file(), 1..6), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        if let Ok(manifest) = Manifest::new(files) {
            let mut bytes = manifest.bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Manifest::from_bytes(&bytes) {
                prop_assert_eq!(read.bytes(), &bytes[..]);
                prop_assert_eq!(read == manifest, bytes == manifest.bytes());
            }
        }
    }

    /// A path that is accepted stays below whatever folder it is joined to.
    #[test]
    fn accepted_paths_stay_inside(path in "[a./\\\\\0\n]{0,12}") {
        use std::path::{Component, Path};
        if check_path(&path).is_ok() {
            let joined = Path::new("/base").join(&path);
            prop_assert!(joined.starts_with("/base"));
            prop_assert!(Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert_eq!(Path::new(&path).components().count(), path.split('/').count());
        }
    }
}
