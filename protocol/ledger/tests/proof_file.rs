//! Proof files, read by independent implementations: `signed_note` for the checkpoint, `tlog_tiles` for the tree.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_core::Keypair;
use quorate_ledger::{Log, MemoryStore, ProvedEntry, RowProof, TlogProof, VerifierKey};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, check_record, record_hash};

const SIZE: u64 = 1000;

fn keypair() -> Keypair {
    Keypair::from_secret([8; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new("log.example/proofs".parse().unwrap(), keypair().public())
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// A log, and the folder that it needs.
fn log() -> (Log<MemoryStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), folder.path(), key()).unwrap();
    let entries: Vec<Vec<u8>> = (0..SIZE).map(entry).collect();
    log.append_batch(&entries).unwrap();
    (log, folder)
}

/// What the others make of an entry, its hashes and the checkpoint after them.
fn others_accept(entry: &[u8], index: u64, hashes: &[&str], checkpoint: &str) -> bool {
    let note = Note::from_bytes(checkpoint.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&key().to_string()).unwrap();
    let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(verified.len(), 1);
    let body = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    let path = hashes
        .iter()
        .map(|hash| Hash(STANDARD.decode(hash).unwrap().try_into().unwrap()))
        .collect();
    check_record(&path, body.size(), *body.hash(), index, record_hash(entry)).is_ok()
}

#[test]
fn others_accept_our_proofs_of_entries() {
    let (mut log, _folder) = log();
    let checkpoint = log.sign_checkpoint(&keypair()).unwrap();
    for index in [0, 1, 255, 256, 767, 998, 999] {
        let proof = TlogProof {
            index,
            path: log.inclusion_proof(index, SIZE).unwrap(),
            checkpoint: checkpoint.clone(),
        };
        let text = proof.to_text();
        let (head, checkpoint) = text.split_once("\n\n").unwrap();
        let lines: Vec<&str> = head.lines().collect();
        let [header, number, hashes @ ..] = &lines[..] else {
            panic!("{text}");
        };
        assert_eq!(*header, "c2sp.org/tlog-proof@v1");
        assert_eq!(*number, format!("index {index}"));
        assert!(others_accept(&entry(index), index, hashes, checkpoint), "{index}");
        assert!(!others_accept(&entry(index + 1), index, hashes, checkpoint));
    }
}

#[test]
fn others_accept_each_entry_of_our_row_proofs() {
    let (mut log, _folder) = log();
    let checkpoint = log.sign_checkpoint(&keypair()).unwrap();
    let proved = |index| ProvedEntry {
        index,
        entry: entry(index),
        path: log.inclusion_proof(index, SIZE).unwrap(),
    };
    let proof = RowProof {
        entries: [0, 300, 999].map(proved).to_vec(),
        checkpoint,
    };
    let text = proof.to_text();
    let (head, checkpoint) = text.split_once("\n\n").unwrap();
    let blocks: Vec<&str> = head.split("\nentry ").skip(1).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let lines: Vec<&str> = block.lines().collect();
        let (index, encoded) = lines[0].split_once(' ').unwrap();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert!(
            others_accept(&bytes, index.parse().unwrap(), &lines[1..], checkpoint),
            "{index}"
        );
    }
}
