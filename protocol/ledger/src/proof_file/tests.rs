//! Proofs are read back as they were written, and prove nothing once a byte of them is another.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::checkpoint::SignatureLine;
use crate::fixture::{key, keypair, memory_log, numbered};
use crate::tree::Prover;

const SIZE: u64 = 300;

fn witness() -> SignatureLine {
    SignatureLine {
        name: "witness.example".to_owned(),
        key_id: [9; 4],
        signature: vec![7; 72],
    }
}

/// The tree of `SIZE` entries and its signed head.
static LOG: LazyLock<(Prover, SignedCheckpoint)> = LazyLock::new(|| {
    let leaves = numbered(0..SIZE)
        .iter()
        .map(|entry| TreeHash::leaf(entry))
        .collect();
    (
        Prover::new(leaves),
        memory_log(SIZE).log.head().sign(&keypair()).unwrap(),
    )
});

fn proved(index: u64) -> ProvedEntry {
    ProvedEntry {
        index,
        entry: numbered(index..index + 1).remove(0),
        path: LOG.0.inclusion(index).unwrap(),
    }
}

fn row_proof() -> RowProof {
    RowProof {
        entries: [0, 1, 77, 255, 299].map(proved).to_vec(),
        checkpoint: LOG.1.with_signature(&witness()).unwrap(),
    }
}

fn tlog_proof(index: u64) -> (TlogProof, Vec<u8>) {
    let ProvedEntry { index, entry, path } = proved(index);
    let proof = TlogProof {
        index,
        path,
        checkpoint: LOG.1.clone(),
    };
    (proof, entry)
}

#[test]
fn a_row_proof_reads_back_and_proves_its_entries() {
    let proof = row_proof();
    let read = RowProof::parse(proof.to_text().as_bytes()).unwrap();
    assert_eq!(read, proof);
    read.verify(&key()).unwrap();
}

#[test]
fn an_entry_proof_reads_back_and_proves_that_entry_only() {
    let (proof, entry) = tlog_proof(200);
    let read = TlogProof::parse(proof.to_text().as_bytes()).unwrap();
    assert_eq!(read, proof);
    read.verify(&entry, &key()).unwrap();
    assert_eq!(
        read.verify(b"entry 201", &key()),
        Err(ProofFileError::NotIncluded { index: 200 })
    );
}

#[test]
fn the_only_entry_of_a_log_needs_no_hashes_and_extra_data_is_passed_over() {
    let mut fixture = memory_log(1);
    let checkpoint = fixture.log.sign_checkpoint(&keypair()).unwrap();
    let proof = TlogProof {
        index: 0,
        path: Vec::new(),
        checkpoint,
    };
    let text = proof.to_text().replacen("\n", "\nextra AAEC\n", 1);
    let read = TlogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof);
    read.verify(b"entry 0", &key()).unwrap();
}

#[test]
fn another_logs_key_proves_nothing() {
    let other = VerifierKey::new(
        key().origin().clone(),
        quorate_core::Keypair::from_secret([6; 32]).public(),
    );
    assert!(matches!(
        row_proof().verify(&other),
        Err(ProofFileError::Checkpoint(_))
    ));
}

#[test]
fn what_breaks_the_form_is_refused_with_its_line() {
    let text = row_proof().to_text();
    let line = |text: &str| match RowProof::parse(text.as_bytes()) {
        Err(ProofFileError::Form { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line(""), 1);
    assert_eq!(line(&text.replacen("@v1", "@v2", 1)), 1);
    assert_eq!(line(&text.replacen("entry 0 ", "entry 00 ", 1)), 2);
    assert_eq!(line(&text.replacen("entry 0 ", "entry +0 ", 1)), 2);
    assert_eq!(
        line(&text.replacen("entry 0 ", "entry 1 ", 1)),
        2 + 1 + path_length(&text, "entry 0 ")
    );
    assert_eq!(line(&text.replacen("entry 0 ", "entry 0 !", 1)), 2);
    assert_eq!(line(&text.replacen("entry 0 ", "other 0 ", 1)), 2);
    let hash = text.lines().nth(2).unwrap();
    assert_eq!(line(&text.replacen(hash, &hash[1..], 1)), 3);
    assert_eq!(
        line(&format!("{ROW_PROOF}\n\n{}", text.split_once("\n\n").unwrap().1)),
        2
    );
    let no_checkpoint = text.split_once("\n\n").unwrap().0.to_owned() + "\n\n";
    assert!(matches!(
        RowProof::parse(no_checkpoint.as_bytes()),
        Err(ProofFileError::Checkpoint(_))
    ));
}

/// How many hashes follow the entry that begins with `mark`.
fn path_length(text: &str, mark: &str) -> usize {
    let after = text.split_once(mark).unwrap().1;
    after
        .lines()
        .skip(1)
        .take_while(|line| !line.contains(' '))
        .count()
}

#[test]
fn what_is_beyond_the_bounds_is_refused() {
    let proof = row_proof();
    let large = vec![b'x'; MAX_PROOF + 1];
    assert!(matches!(
        RowProof::parse(&large),
        Err(ProofFileError::TooLarge { .. })
    ));
    let mut many = proof.clone();
    many.entries = (0..=MAX_PROVED as u64)
        .map(|index| ProvedEntry {
            index,
            entry: Vec::new(),
            path: Vec::new(),
        })
        .collect();
    let refused = |proof: &RowProof| {
        matches!(
            RowProof::parse(proof.to_text().as_bytes()),
            Err(ProofFileError::Form { .. })
        )
    };
    assert!(refused(&many));
    many.entries.pop();
    assert!(!refused(&many));
    let mut long = proof.clone();
    long.entries[0].path = vec![TreeHash::empty(); MAX_PATH + 1];
    assert!(refused(&long));
    let mut wide = proof;
    wide.entries[0].entry = vec![0; MAX_ENTRY + 1];
    assert!(refused(&wide));
}

proptest! {
    #[test]
    fn a_flipped_bit_verifies_only_in_a_line_of_an_unknown_key(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let (proof, mut bytes) = (row_proof(), row_proof().to_text().into_bytes());
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let Ok(read) = RowProof::parse(&bytes) else { return Ok(()) };
        if read.verify(&key()).is_ok() {
            prop_assert_eq!(read.entries, proof.entries);
            prop_assert_eq!(read.checkpoint.checkpoint(), proof.checkpoint.checkpoint());
            let witness = bytes.len() - witness().to_string().len();
            prop_assert!(at >= witness, "byte {} of {}, which a signature is over", at, bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_of_an_entry_proof_never_verifies(index in 0..SIZE, at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let (proof, entry) = tlog_proof(index);
        let mut bytes = proof.to_text().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let verified = TlogProof::parse(&bytes).is_ok_and(|read| read.verify(&entry, &key()).is_ok());
        prop_assert!(!verified, "byte {}", at);
    }

    #[test]
    fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(RowProof::parse(&bytes).is_err());
        prop_assert!(TlogProof::parse(&bytes).is_err());
    }

    #[test]
    fn almost_proofs_never_panic(
        head in "(quorate.dev/row-proof@v1|c2sp.org/tlog-proof@v1)\n(entry |index |extra )?[0-9]{0,22}( [A-Za-z0-9+/=]{0,20})?\n?",
        tail in "([A-Za-z0-9+/]{43}=\n){0,3}\n?[a-z]{0,9}\n[0-9]{0,3}\n",
    ) {
        let text = head + &tail;
        prop_assert!(RowProof::parse(text.as_bytes()).is_err());
        prop_assert!(TlogProof::parse(text.as_bytes()).is_err());
    }
}
