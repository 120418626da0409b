//! What this crate writes, read by independent implementations of the same public formats.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use quorate_core::Keypair;
use quorate_ledger::tree::{Tile, verify_consistency, verify_inclusion};
use quorate_ledger::{Log, MemoryStore, TreeHash, VerifierKey, Witness, WitnessKey};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{HashReader, TileHashReader, TileReader};

fn keypair() -> Keypair {
    Keypair::from_secret([8; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new("log.example/interop".parse().unwrap(), keypair().public())
}

fn log(entries: &[Vec<u8>]) -> (Log<MemoryStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), &folder.path().join("files"), key()).unwrap();
    log.append_batch(entries).unwrap();
    (log, folder)
}

fn numbered(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("entry {i}").into_bytes()).collect()
}

#[test]
fn signed_note_verifies_our_checkpoints_and_keys() {
    let (mut log, _folder) = log(&numbered(10));
    let signed = log.sign_checkpoint(&keypair()).unwrap();
    let note = Note::from_bytes(signed.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&key().to_string()).unwrap();
    let (verified, unknown) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    let body = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((body.origin(), body.size()), ("log.example/interop", 10));
    assert_eq!(body.hash().0, *log.root().as_bytes());
}

#[test]
fn we_verify_what_signed_note_signs() {
    let (log, _folder) = log(&numbered(3));
    let secret = [&[1][..], &keypair().secret()].concat();
    let id = u32::from_be_bytes(key().key_id());
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(secret)
    };
    let signer =
        signed_note::StandardSigner::new(&format!("PRIVATE+KEY+{}+{id:08x}+{encoded}", key().origin()))
            .unwrap();
    let mut note = Note::new(log.head().text().as_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();
    let read = quorate_ledger::SignedCheckpoint::open(&note.to_bytes(), &key()).unwrap();
    assert_eq!(*read.checkpoint(), log.head());
    assert_eq!(read, log.head().sign(&keypair()).unwrap(), "both sign alike");
}

/// A verifier of cosignatures on top of the other implementation: its note format, its key ids, its Ed25519.
struct Cosigner {
    name: String,
    id: u32,
    plain: StandardVerifier,
}

impl Cosigner {
    /// From a witness's key as we write it.
    fn new(key: &WitnessKey) -> Self {
        let (name, public) = (key.name().as_str(), key.public().as_bytes());
        let kind = |kind: u8| [&[kind][..], public].concat();
        let plain = VerifierKey::new(key.name().clone(), *key.public());
        let cosigner = Self {
            name: name.to_owned(),
            id: signed_note::key_id(name, &kind(4)),
            plain: StandardVerifier::new(&plain.to_string()).unwrap(),
        };
        assert_eq!(cosigner.id, u32::from_be_bytes(key.key_id()));
        cosigner
    }
}

impl signed_note::Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk() else {
            return false;
        };
        let head = format!("cosignature/v1\ntime {}\n", u64::from_be_bytes(*time));
        self.plain.verify(&[head.as_bytes(), text].concat(), signature)
    }
}

#[test]
fn signed_note_verifies_the_cosignatures_of_our_witnesses() {
    let (mut log, _folder) = log(&numbered(10));
    let signed = log.sign_checkpoint(&keypair()).unwrap();
    let cosign = |secret: u8| {
        let mut witness = Witness::new(MemoryStore::default(), Keypair::from_secret([secret; 32]));
        witness.trust(key()).unwrap();
        let line = witness.cosign(&log, &signed, 1_764_000_000).unwrap();
        (witness.key().clone(), line)
    };
    let (one, first) = cosign(1);
    let (_, second) = cosign(2);
    let both = signed
        .with_signature(&first)
        .and_then(|signed| signed.with_signature(&second))
        .unwrap();
    let note = Note::from_bytes(both.as_bytes()).unwrap();
    let log_key = StandardVerifier::new(&key().to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(log_key), Box::new(Cosigner::new(&one))]);
    let (verified, unknown) = note.verify(&known).unwrap();
    assert_eq!(
        (verified.len(), unknown.len()),
        (2, 1),
        "the second witness is nobody they know"
    );
    assert_eq!(verified[1].name(), one.name().as_str());

    let mut line = first.clone();
    line.signature[20] ^= 1;
    let spoilt = signed.with_signature(&line).unwrap();
    let note = Note::from_bytes(spoilt.as_bytes()).unwrap();
    let known = VerifierList::new(vec![Box::new(Cosigner::new(&one))]);
    assert!(note.verify(&known).is_err());
}

/// Serves an export to the other implementation, which asks for tiles by its own paths.
struct Export(PathBuf);

impl TileReader for Export {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let path = |tile: &tlog_tiles::Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
        Ok(tiles
            .iter()
            .map(|tile| std::fs::read(path(tile)).unwrap())
            .collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

fn exported(log: &mut Log<MemoryStore>, folder: &Path) -> Export {
    log.sign_checkpoint(&keypair()).unwrap();
    let export = folder.join("export");
    log.export(&export).unwrap();
    Export(export)
}

#[test]
fn another_tile_reader_proves_entries_from_our_export() {
    for size in [1, 255, 256, 257, 70_000] {
        let (mut log, folder) = log(&numbered(size));
        let export = exported(&mut log, folder.path());
        let root = tlog_tiles::Hash(*log.root().as_bytes());
        let reader = TileHashReader::new(size, root, &export);
        assert_eq!(tlog_tiles::tree_hash(size, &reader).unwrap(), root);
        for index in [0, size / 2, size - 1] {
            let leaf = tlog_tiles::record_hash(&log.entry(index).unwrap());
            assert_eq!(
                reader
                    .read_hashes(&[tlog_tiles::stored_hash_index(0, index)])
                    .unwrap(),
                [leaf]
            );
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            tlog_tiles::check_record(&proof, size, root, index, leaf).unwrap();
            let proof: Vec<_> = proof.iter().map(|hash| TreeHash::from_bytes(hash.0)).collect();
            assert_eq!(log.inclusion_proof(index, size).unwrap(), proof);
        }
    }
}

#[test]
fn the_tiles_of_a_size_are_those_another_implementation_lists() {
    for size in [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
        let mut ours: Vec<_> = Tile::all(size).map(|tile| tile.path()).collect();
        let theirs = tlog_tiles::Tile::new_tiles(8, 0, size);
        let mut theirs: Vec<_> = theirs
            .iter()
            .map(|tile| tile.path().replacen("tile/8/", "tile/", 1))
            .collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "size {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ct_merkle_gives_the_same_roots_and_proofs(
        entries in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..20), 1..700),
        index in any::<usize>(), old in any::<usize>(),
    ) {
        let entries: Vec<_> = entries.into_iter().collect();
        let (log, _folder) = log(&entries);
        let size = log.size();
        let mut tree = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        let old = old % entries.len() + 1;
        let mut old_root = None;
        for entry in &entries {
            tree.push(entry.clone());
            if tree.len() == old as u64 {
                old_root = Some(tree.root());
            }
        }
        let hashes = |bytes: &[u8]| -> Vec<TreeHash> {
            bytes.as_chunks().0.iter().copied().map(TreeHash::from_bytes).collect()
        };
        let root: [u8; 32] = (*tree.root().as_bytes()).into();
        prop_assert_eq!(log.root(), TreeHash::from_bytes(root));

        let index = index % entries.len();
        let theirs = hashes(tree.prove_inclusion(index).as_bytes());
        let ours = log.inclusion_proof(index as u64, size).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert!(verify_inclusion(&TreeHash::leaf(&entries[index]), index as u64, size, &log.root(), &theirs));

        let theirs = hashes(tree.prove_consistency(entries.len() - old).as_bytes());
        let ours = log.consistency_proof(old as u64, size).unwrap();
        prop_assert_eq!(&ours, &theirs);
        let old_root = TreeHash::from_bytes((*old_root.unwrap().as_bytes()).into());
        prop_assert!(verify_consistency(old as u64, &old_root, size, &log.root(), &theirs));
    }
}
