//! This node as a witness: one memory of what it cosigned, for all logs it follows.
//!
//! Opened when the first checkpoint is to be cosigned, so a node whose logs ask for no witnesses pays
//! nothing for it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_core::Keypair;
use quorate_ledger::{Log, SignatureLine, SignedCheckpoint, SledStore, Witness, WitnessError, WitnessKey};

/// Cheap to clone; all clones are one witness.
#[derive(Debug, Clone)]
pub(crate) struct Witnessing {
    path: PathBuf,
    key: Keypair,
    opened: Arc<Mutex<Option<Witness<SledStore>>>>,
}

impl Witnessing {
    /// The witness with the node's key `key`, which remembers in the folder `path`.
    pub(crate) fn new(path: PathBuf, key: Keypair) -> Self {
        Self {
            path,
            key,
            opened: Arc::default(),
        }
    }

    /// What others pin who ask for this node's cosignatures.
    pub(crate) fn key(&self) -> WitnessKey {
        WitnessKey::of(self.key.node_id())
    }

    /// Cosigns a checkpoint of a log of which `copy` is a checked copy, at `at` seconds since 1970-01-01
    /// UTC. Blocks.
    pub(crate) fn cosign(
        &self,
        copy: &Log<SledStore>,
        checkpoint: &SignedCheckpoint,
        at: u64,
    ) -> Result<SignatureLine, WitnessError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut witness = match opened.take() {
            Some(witness) => witness,
            None => Witness::new(SledStore::open(&self.path)?, self.key.clone()),
        };
        let done = witness
            .trust(copy.key().clone())
            .and_then(|()| witness.cosign(copy, checkpoint, at));
        // What a failed write left on disk is known only when the store is opened again.
        if !matches!(done, Err(WitnessError::Store(_))) {
            *opened = Some(witness);
        }
        done
    }
}
