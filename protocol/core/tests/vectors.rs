//! The published test vectors: `docs/vectors/*.json`, for whoever writes a second implementation.
//!
//! They are computed here and compared with the files; with `QUORATE_BLESS=1` in the environment the
//! files are written instead. `check.py` beside them checks them by code that shares nothing with this.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "vectors/envelopes.rs"]
mod envelopes;
#[path = "support/fixtures.rs"]
mod fixtures;
#[path = "vectors/scores.rs"]
mod scores;
#[path = "vectors/verifiers.rs"]
mod verifiers;
#[path = "support/world.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors")
}

fn compare(name: &str, computed: &Value) {
    let path = folder().join(name);
    if std::env::var_os("QUORATE_BLESS").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(computed).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let published: Value = serde_json::from_str(&text).unwrap();
    assert!(
        published == *computed,
        "{name} is not what this version computes; if that is meant, run with QUORATE_BLESS=1"
    );
}

#[test]
fn vectors_are_what_this_version_computes() {
    compare("envelope.json", &envelopes::envelopes());
    compare("records.json", &envelopes::records());
    compare("vrf.json", &verifiers::vrf());
    compare("draw.json", &verifiers::draw());
    compare("agreement.json", &scores::agreement());
    compare("score-at-k.json", &scores::score_at_k());
}

#[test]
fn another_implementation_agrees() {
    let python = "/usr/bin/python3";
    if !Path::new(python).exists() {
        println!("not run: there is no {python} to run check.py with");
        return;
    }
    let output = Command::new(python)
        .arg("-B")
        .arg(folder().join("check.py"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains("all vectors hold"), "{told}");
}

/// The checker must notice what it is there to notice: a changed digit in any file is found.
#[test]
fn another_implementation_notices_a_change() {
    let python = "/usr/bin/python3";
    if !Path::new(python).exists() {
        println!("not run: there is no {python} to run check.py with");
        return;
    }
    for (file, from, to) in [
        ("envelope.json", "\"record_id\": \"", "\"record_id\": \"0"),
        ("records.json", "\"commitment\": \"", "\"commitment\": \"0"),
        ("vrf.json", "\"output\": \"", "\"output\": \"0"),
        ("draw.json", "\"scoring_seed\": \"", "\"scoring_seed\": \"0"),
        ("agreement.json", "\"agree\"", "\"unclear\""),
        ("score-at-k.json", "\"value\": 0", "\"value\": 1"),
    ] {
        let copy = std::env::temp_dir().join(format!("quorate-vectors-{}-{file}", std::process::id()));
        std::fs::create_dir_all(&copy).unwrap();
        for entry in std::fs::read_dir(folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
            }
        }
        let text = std::fs::read_to_string(copy.join(file)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{file}");
        std::fs::write(copy.join(file), changed).unwrap();
        let output = Command::new(python)
            .arg("-B")
            .arg(copy.join("check.py"))
            .output()
            .unwrap();
        std::fs::remove_dir_all(&copy).unwrap();
        assert!(!output.status.success(), "a change of {file} goes unnoticed");
    }
}
