//! What leaves a network: a row as one file, an entry, a whole log on a web server. Anybody can check each.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use quorate_core::Keypair;
use quorate_core::digest::AttemptId;
use quorate_ledger::{VerifierKey, WitnessKey};
use quorate_tests::binary::{run, said};
use quorate_tests::{Campaign, Ledger, World};

/// A finished campaign, the key of its log, and a home that follows nothing.
struct Scene {
    world: World,
    ledger: Ledger,
    key: String,
    empty: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::with_nodes(3);
        world.publish(&Campaign {
            agents: vec![0.0],
            attempts: 3,
            ..Campaign::default()
        });
        let ledger = world.until_over();
        let folder = ledger.history.coordinator().key.to_string();
        let key = world
            .coordinator
            .home()
            .join("ledgers")
            .join(folder)
            .join("log.key");
        let key = fs::read_to_string(key).unwrap();
        let empty = world.root().join("nowhere");
        Self {
            world,
            ledger,
            key,
            empty,
        }
    }

    fn home(&self) -> &Path {
        self.world.coordinator.home()
    }

    fn first(&self) -> AttemptId {
        *self.ledger.history.attempts().first_key_value().unwrap().0
    }

    /// Runs a command whose standard output becomes a file.
    fn write(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let output = run(self.home(), arguments);
        assert!(output.status.success(), "{}", said(&output));
        let path = self.world.root().join(name);
        fs::write(&path, output.stdout).unwrap();
        path
    }

    /// Checks a file where there is nothing but the file and the log's key.
    fn verify(&self, file: &Path, more: &[&str]) -> Output {
        let file = file.to_str().unwrap();
        run(
            &self.empty,
            &[&["verify", file, "--key", self.key.trim_end()][..], more].concat(),
        )
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_row_is_proved_in_an_empty_home_and_an_altered_one_is_not() {
    let scene = Scene::new();
    let attempt = scene.first().to_string();
    let file = scene.write("row.proof", &["ledger", "prove", &attempt]);
    let proof = fs::read(&file).unwrap();

    let output = scene.verify(&file, &[]);
    assert!(output.status.success(), "{}", said(&output));
    let text = printed(&output);
    println!("{text}");
    let entries = scene.ledger.entries.len();
    println!(
        "{} bytes prove a row of 2 verifiers in a log of {entries} entries",
        proof.len()
    );
    for expected in [
        &attempt,
        "accepted at",
        "Not proved",
        "quorate reproduce",
        "the row is proved",
    ] {
        assert!(text.contains(expected), "`{expected}` is missing");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    assert!(!scene.empty.exists(), "to check a proof makes no home");

    let json = run(
        &scene.empty,
        &[
            "--json",
            "verify",
            file.to_str().unwrap(),
            "--key",
            scene.key.trim_end(),
        ],
    );
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["row"]["attempt"], attempt.as_str());
    assert_eq!(json["row"]["verifiers"].as_array().unwrap().len(), 2);
    assert_eq!(json["log"]["size"], scene.ledger.history.size());

    let altered = scene.world.root().join("altered.proof");
    for at in (0..proof.len()).step_by(proof.len() / 20) {
        let mut bytes = proof.clone();
        bytes[at] ^= 1;
        fs::write(&altered, bytes).unwrap();
        let code = scene.verify(&altered, &[]).status.code();
        assert!(matches!(code, Some(1 | 3)), "byte {at}: {code:?}");
    }
    fs::write(&altered, &proof[..proof.len() - 100]).unwrap();
    assert!(!scene.verify(&altered, &[]).status.success(), "cut off");
}

#[test]
fn whose_log_it_is_must_be_known_from_elsewhere() {
    let scene = Scene::new();
    let file = scene.write("row.proof", &["ledger", "prove", &scene.first().to_string()]);
    let name = file.to_str().unwrap();

    let unpinned = run(&scene.empty, &["verify", name]);
    assert_eq!(unpinned.status.code(), Some(2));
    assert!(
        said(&unpinned).contains(scene.key.trim_end()),
        "the key to compare is named"
    );
    assert!(said(&unpinned).contains("--key"));

    let follower = run(scene.world.nodes[0].home(), &["verify", name]);
    assert!(
        follower.status.success(),
        "a home that follows the log has its key"
    );

    let origin = scene.ledger.history.coordinator().origin.to_string();
    let other = VerifierKey::new(
        origin.parse().unwrap(),
        Keypair::generate(&mut rand::rng()).public(),
    );
    let other = run(&scene.empty, &["verify", name, "--key", &other.to_string()]);
    assert_eq!(
        other.status.code(),
        Some(3),
        "a log of the same name under another key"
    );

    let witness = scene.verify(&file, &["--witness", &false_witness()]);
    assert_eq!(witness.status.code(), Some(3), "{}", said(&witness));
    assert!(
        said(&witness).contains("0 of the 1 witnesses"),
        "{}",
        said(&witness)
    );
}

/// The key of a witness that cosigned nothing.
fn false_witness() -> String {
    WitnessKey::of(Keypair::generate(&mut rand::rng()).node_id()).to_string()
}

#[test]
fn one_entry_is_proved_beside_its_bytes() {
    let scene = Scene::new();
    let proof = scene.write("seven.tlog-proof", &["ledger", "prove", "--entry", "7"]);
    let entry = scene.write("seven", &["ledger", "show", "7", "--raw"]);
    assert_eq!(fs::read(&entry).unwrap(), scene.ledger.entries[7].bytes());
    let text = fs::read_to_string(&proof).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 7\n"));

    let bare = scene.verify(&proof, &[]);
    assert_eq!(bare.status.code(), Some(2), "the entry is not in it");
    let good = scene.verify(&proof, &["--entry-file", entry.to_str().unwrap()]);
    assert!(good.status.success(), "{}", said(&good));
    let eight = scene.write("eight", &["ledger", "show", "8", "--raw"]);
    let bad = scene.verify(&proof, &["--entry-file", eight.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(3), "{}", said(&bad));

    let noise = scene.world.root().join("noise");
    fs::write(&noise, b"nothing\n").unwrap();
    assert_eq!(scene.verify(&noise, &[]).status.code(), Some(1));
    assert_eq!(
        scene.verify(&scene.empty, &[]).status.code(),
        Some(1),
        "no such file"
    );
}

#[test]
fn no_home_is_needed_to_check_a_proof() {
    let scene = Scene::new();
    let file = scene.write("row.proof", &["ledger", "prove", &scene.first().to_string()]);
    let nowhere = Path::new("/proc/no-folder-can-be-made-here");
    let arguments = ["verify", file.to_str().unwrap(), "--key", scene.key.trim_end()];
    let output = run(nowhere, &arguments);
    assert!(output.status.success(), "{}", said(&output));
}

/// A static web server over a folder, until it is dropped.
struct Static(Child, String);

impl Static {
    fn serve(folder: &Path) -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .args([
                "-u",
                "-m",
                "http.server",
                "0",
                "--bind",
                "127.0.0.1",
                "--directory",
            ])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let url = line.split(['(', ')']).nth(1).unwrap().to_owned();
        Self(child, url)
    }
}

impl Drop for Static {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
fn a_log_on_any_web_server_is_audited_from_there() {
    let scene = Scene::new();
    let export = scene.world.root().join("export");
    let exported = run(scene.home(), &["ledger", "export", export.to_str().unwrap()]);
    assert!(exported.status.success(), "{}", said(&exported));
    let server = Static::serve(&export);
    let audit = || {
        let arguments = [
            "ledger",
            "audit",
            "--from",
            &server.1,
            "--key",
            scene.key.trim_end(),
        ];
        run(&scene.empty, &arguments)
    };
    let sound = audit();
    assert!(sound.status.success(), "{}", said(&sound));
    let entries = scene.ledger.entries.len();
    assert!(
        printed(&sound).contains(&format!("{entries}, of which")),
        "{}",
        printed(&sound)
    );

    let bundle = export.join(format!("tile/entries/000.p/{entries}"));
    let whole = fs::read(&bundle).unwrap();
    let mut altered = whole.clone();
    altered[100] ^= 1;
    fs::write(&bundle, altered).unwrap();
    assert_eq!(audit().status.code(), Some(3), "an altered entry");
    fs::write(&bundle, &whole[..whole.len() - 10]).unwrap();
    assert_eq!(audit().status.code(), Some(3), "a bundle cut short");
    fs::remove_file(&bundle).unwrap();
    assert_eq!(audit().status.code(), Some(3), "a bundle that is not there");
}
