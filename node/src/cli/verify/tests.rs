//! What stands between a file and the word "proved": the log's key, its name, and the witnesses asked for.

use clap::Parser as _;
use quorate_core::digest::AttemptId;
use quorate_core::{History, Keypair};
use quorate_ledger::{Log, MemoryStore, ProvedEntry, SignedCheckpoint, Witness, WitnessKey};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::cli::{Cli, Command};
use crate::clock;

/// A log with a record of every kind, and the id of an attempt that it decides.
const RECORDS: &str = include_str!("../../../../docs/vectors/records.json");

struct Records {
    history: History,
    entries: Vec<Envelope>,
    attempt: AttemptId,
    /// The secret that signs that log.
    coordinator: Keypair,
}

fn records() -> Records {
    let json: Value = serde_json::from_str(RECORDS).unwrap();
    let entries: Vec<Envelope> = json["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Envelope::decode(entry["envelope"].as_str().unwrap().as_bytes()).unwrap())
        .collect();
    let history = History::replay(entries.iter().map(Envelope::bytes));
    let coordinator = Keypair::from_secret([250; 32]);
    let history = history.unwrap().unwrap();
    assert_eq!(history.coordinator().key, coordinator.public());
    Records {
        attempt: json["attempt"].as_str().unwrap().parse().unwrap(),
        history,
        entries,
        coordinator,
    }
}

/// The proof of the vectors' row, out of a log named `origin` that `key` signs, and that log's key. `sign` may
/// add lines to the checkpoint.
fn proof(
    origin: &str,
    key: &Keypair,
    sign: impl FnOnce(&Log<MemoryStore>, SignedCheckpoint) -> SignedCheckpoint,
) -> (RowProof, VerifierKey) {
    let Records {
        history,
        entries,
        attempt,
        ..
    } = records();
    let pinned = VerifierKey::new(origin.parse().unwrap(), key.public());
    let scratch = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), scratch.path(), pinned.clone()).unwrap();
    let bytes: Vec<&[u8]> = entries.iter().map(Envelope::bytes).collect();
    log.append_batch(&bytes).unwrap();
    let checkpoint = log.sign_checkpoint(key).unwrap();
    let size = checkpoint.size();
    let proved = row::entries_of(&history, attempt, &entries).unwrap().into_iter();
    let proved = proved.map(|index| ProvedEntry {
        index,
        entry: log.entry(index).unwrap(),
        path: log.inclusion_proof(index, size).unwrap(),
    });
    let proof = RowProof {
        entries: proved.collect(),
        checkpoint: sign(&log, checkpoint),
    };
    (proof, pinned)
}

/// How `quorate verify` ends for a proof.
fn verified(proof: &RowProof, arguments: &[&str]) -> Result<(), Option<Failure>> {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let file = folder.path().join("row.proof");
    std::fs::write(&file, proof.to_text()).unwrap();
    let nowhere = folder.path().join("no-home");
    let line = [
        "quorate",
        "--home",
        nowhere.to_str().unwrap(),
        "verify",
        file.to_str().unwrap(),
    ];
    let cli = Cli::try_parse_from(line.iter().chain(arguments)).unwrap();
    let Command::Verify(verify) = cli.command else {
        panic!("another command");
    };
    let ended = verify.run(&cli.global);
    ended.map_err(|error| error.downcast_ref::<Failure>().copied())
}

fn own_origin() -> String {
    records().history.coordinator().origin.to_string()
}

#[test]
fn a_row_is_proved_under_its_own_logs_key_only() {
    let (proof, key) = proof(&own_origin(), &records().coordinator, |_, checkpoint| checkpoint);
    assert_eq!(verified(&proof, &["--key", &key.to_string()]), Ok(()));
    assert_eq!(
        verified(&proof, &[]),
        Err(Some(Failure::Usage)),
        "no key is pinned"
    );
    let other = VerifierKey::new(key.origin().clone(), Keypair::from_secret([1; 32]).public());
    assert_eq!(
        verified(&proof, &["--key", &other.to_string()]),
        Err(Some(Failure::Check))
    );
}

#[test]
fn entries_of_one_log_prove_nothing_under_anothers_checkpoint() {
    let stranger = Keypair::from_secret([1; 32]);
    for (origin, key) in [
        (own_origin(), &stranger),
        ("elsewhere/log".to_owned(), &records().coordinator),
    ] {
        let (proof, key) = proof(&origin, key, |_, checkpoint| checkpoint);
        proof.verify(&key).unwrap();
        assert_eq!(
            verified(&proof, &["--key", &key.to_string()]),
            Err(Some(Failure::Check)),
            "{key}"
        );
    }
}

#[test]
fn witnesses_that_are_asked_for_must_have_cosigned() {
    let now = clock::now().0 / 1000;
    let (witness, other) = (Keypair::from_secret([2; 32]), Keypair::from_secret([3; 32]));
    let (proof, key) = proof(&own_origin(), &records().coordinator, |log, checkpoint| {
        let mut cosigner = Witness::new(MemoryStore::default(), witness.clone());
        cosigner.trust(log.key().clone()).unwrap();
        let line = cosigner.cosign(log, &checkpoint, now).unwrap();
        checkpoint.with_signature(&line).unwrap()
    });
    let name = |key: &Keypair| WitnessKey::of(key.node_id()).to_string();
    let (key, witness, other) = (key.to_string(), name(&witness), name(&other));
    let asked = |more: &[&str]| verified(&proof, &[&["--key", &key, "--witness"], more].concat());
    assert_eq!(asked(&[&witness]), Ok(()));
    assert_eq!(asked(&[&other]), Err(Some(Failure::Check)));
    let both = [witness.as_str(), "--witness", &other];
    assert_eq!(asked(&both), Err(Some(Failure::Check)), "all of those asked for");
    assert_eq!(asked(&[&both[..], &["--quorum", "1"]].concat()), Ok(()));
    assert_eq!(
        asked(&[&witness, "--witness", &witness, "--quorum", "2"]),
        Err(Some(Failure::Check)),
        "one witness, named twice, is one"
    );
}
