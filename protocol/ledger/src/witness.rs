//! A witness: who cosigns a log's checkpoints, and never two that cannot both be true.
//!
//! The rules are those of C2SP `tlog-witness`, whatever carries the requests. Promises: what was
//! cosigned is on stable storage before the cosignature is given out; for one log's name each
//! cosigned tree begins with the one cosigned before it, over restarts and crashes too. What a witness
//! refuses because it contradicts what it cosigned, it hands back as evidence, where it is some.

use std::collections::BTreeMap;

use quorate_core::Keypair;
use thiserror::Error;

use crate::checkpoint::{
    CheckpointError, Origin, SignatureLine, SignedCheckpoint, VerifierKey, WitnessKey, cosign,
};
use crate::log::{Log, LogError};
use crate::replica::Fork;
use crate::store::{Batch, Store, StoreError};
use crate::tree::{TreeHash, prefix_root, verify_consistency};

mod request;

pub use request::{AddCheckpoint, MAX_ADD_CHECKPOINT, RequestError};

/// Why a witness does not cosign.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The log is none of those this witness was told to trust.
    #[error("this witness does not follow a log called `{0}`")]
    UnknownOrigin(String),
    /// The log's key did not sign the checkpoint.
    #[error("the checkpoint is not the log's")]
    Untrusted(#[source] CheckpointError),
    /// The request is to go from a larger tree to a smaller one.
    #[error("a checkpoint of {size} entries cannot follow one of {old}")]
    Backwards {
        /// The size to begin with.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// The request does not begin where this witness stands.
    #[error("this witness last cosigned {known} entries: ask again with a proof from there")]
    Conflict {
        /// The size that it last cosigned; zero if it never did.
        known: u64,
    },
    /// The log's key signed two trees of one size.
    #[error("the checkpoint has another root than the one of {size} entries that this witness cosigned")]
    OtherRoot {
        /// Their size.
        size: u64,
        /// Both checkpoints.
        fork: Option<Box<Fork>>,
    },
    /// The proof does not lead from what was cosigned to this checkpoint.
    #[error("nothing shows that the {size} entries begin with the {known} that this witness cosigned")]
    Inconsistent {
        /// The size that was last cosigned.
        known: u64,
        /// The checkpoint's size.
        size: u64,
        /// Both checkpoints, where the proof shows that they contradict each other.
        fork: Option<Box<Fork>>,
    },
    /// Two logs go by one name. Cosignatures are about names, so only one of them can be followed.
    #[error(
        "the name `{origin}` belongs to another log here, with the key `{held}`: ask the coordinator to choose \
         another name"
    )]
    OriginTaken {
        /// The name.
        origin: String,
        /// The key of the log that has it.
        held: String,
    },
    /// What the witness remembers is not what it wrote.
    #[error(
        "the record of what was cosigned for `{origin}` is damaged: this witness cosigns nothing more of it"
    )]
    Memory {
        /// The log's name.
        origin: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The copy of the log cannot give a proof.
    #[error("the copy of the log cannot be used")]
    Log(#[from] LogError),
    /// The witness could not write down what it was to cosign.
    #[error("what was to be cosigned could not be kept")]
    Store(#[from] StoreError),
}

impl WitnessError {
    /// The HTTP status that `tlog-witness` gives this answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Backwards { .. } => 400,
            Self::Untrusted(_) | Self::OriginTaken { .. } => 403,
            Self::UnknownOrigin(_) => 404,
            Self::Conflict { .. } | Self::OtherRoot { .. } => 409,
            Self::Inconsistent { .. } => 422,
            Self::Memory { .. } | Self::Log(_) | Self::Store(_) => 500,
        }
    }

    /// The evidence, if this is about two signed checkpoints that cannot both be true.
    #[must_use]
    pub fn fork(&self) -> Option<&Fork> {
        match self {
            Self::OtherRoot { fork, .. } | Self::Inconsistent { fork, .. } => fork.as_deref(),
            _ => None,
        }
    }
}

/// One witness with one key, for any number of logs.
#[derive(Debug)]
pub struct Witness<S> {
    store: S,
    key: Keypair,
    name: WitnessKey,
    logs: BTreeMap<Origin, VerifierKey>,
}

impl<S: Store> Witness<S> {
    /// The witness of a node: its key is the node's, its name the node's id. What it cosigned is in
    /// `store`, and nothing else is.
    #[must_use]
    pub fn new(store: S, key: Keypair) -> Self {
        let name = WitnessKey::of(key.node_id());
        Self {
            store,
            key,
            name,
            logs: BTreeMap::new(),
        }
    }

    /// What others pin who ask for this witness's cosignatures.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.name
    }

    /// Follows the log of `log` from now on.
    ///
    /// # Errors
    /// [`WitnessError::OriginTaken`] where another log has its name here, now or before a restart.
    pub fn trust(&mut self, log: VerifierKey) -> Result<(), WitnessError> {
        let taken = |held: &VerifierKey| WitnessError::OriginTaken {
            origin: log.origin().to_string(),
            held: held.to_string(),
        };
        match self.logs.get(log.origin()) {
            Some(held) if *held == log => return Ok(()),
            Some(held) => return Err(taken(held)),
            None => {}
        }
        if let Some(held) = self.store.get(&owner_key(log.origin()))? {
            let held: VerifierKey =
                String::from_utf8_lossy(&held)
                    .parse()
                    .map_err(|source| WitnessError::Memory {
                        origin: log.origin().to_string(),
                        source,
                    })?;
            if held != log {
                return Err(taken(&held));
            }
        }
        self.logs.insert(log.origin().clone(), log);
        Ok(())
    }

    /// The last checkpoint of the log called `origin` that was cosigned.
    ///
    /// # Errors
    /// [`WitnessError::Memory`], [`WitnessError::Store`].
    pub fn latest(&self, origin: &Origin) -> Result<Option<SignedCheckpoint>, WitnessError> {
        let Some(bytes) = self.store.get(&latest_key(origin))? else {
            return Ok(None);
        };
        SignedCheckpoint::parse(&bytes)
            .map(Some)
            .map_err(|source| WitnessError::Memory {
                origin: origin.to_string(),
                source,
            })
    }

    /// Checks the request, writes down what it asks to cosign, and only then cosigns it, at `at`
    /// seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`WitnessError`], with the status of `tlog-witness`. Nothing is cosigned then.
    pub fn add_checkpoint(
        &mut self,
        request: &AddCheckpoint,
        at: u64,
    ) -> Result<SignatureLine, WitnessError> {
        let new = &request.checkpoint;
        let origin = &new.checkpoint().origin;
        let log = self
            .logs
            .get(origin)
            .ok_or_else(|| WitnessError::UnknownOrigin(origin.to_string()))?;
        new.verify(log).map_err(WitnessError::Untrusted)?;
        if request.old > new.size() {
            return Err(WitnessError::Backwards {
                old: request.old,
                size: new.size(),
            });
        }
        let latest = self.latest(origin)?;
        judge(request, latest.as_ref(), log)?;
        let mut batch = Batch::default();
        batch.put(owner_key(origin), log.to_string());
        batch.put(latest_key(origin), new.as_bytes());
        self.store.write(batch)?;
        self.store.flush()?;
        Ok(cosign(new, &self.key, self.name.name(), at))
    }

    /// Cosigns a checkpoint of a log of which this witness's node holds a copy that it checked entry by
    /// entry, at `at` seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// As [`Witness::add_checkpoint`], with the evidence that the copy adds; [`WitnessError::Log`] where
    /// the copy does not reach so far.
    pub fn cosign<L: Store>(
        &mut self,
        copy: &Log<L>,
        checkpoint: &SignedCheckpoint,
        at: u64,
    ) -> Result<SignatureLine, WitnessError> {
        let latest = self.latest(&checkpoint.checkpoint().origin)?;
        let old = latest.as_ref().map_or(0, SignedCheckpoint::size);
        if old > checkpoint.size() {
            return Err(WitnessError::Conflict { known: old });
        }
        let request = AddCheckpoint {
            old,
            proof: copy.consistency_proof(old, checkpoint.size())?,
            checkpoint: checkpoint.clone(),
        };
        match (self.add_checkpoint(&request, at), latest) {
            (
                Err(WitnessError::Inconsistent {
                    known,
                    size,
                    fork: None,
                }),
                Some(ours),
            ) => {
                let fork = Fork {
                    ours,
                    theirs: request.checkpoint,
                    prefix_root: copy.root_at(old)?,
                    proof: request.proof,
                };
                let fork = fork.is_proved(copy.key()).then(|| Box::new(fork));
                Err(WitnessError::Inconsistent { known, size, fork })
            }
            (other, _) => other,
        }
    }
}

/// Whether what was cosigned last may be followed by what `request` asks for.
fn judge(
    request: &AddCheckpoint,
    latest: Option<&SignedCheckpoint>,
    log: &VerifierKey,
) -> Result<(), WitnessError> {
    let new = &request.checkpoint;
    let (known, root) = latest.map_or((0, TreeHash::empty()), |latest| (latest.size(), *latest.root()));
    if request.old != known {
        return Err(WitnessError::Conflict { known });
    }
    let evidence = |prefix_root| {
        let fork = Fork {
            ours: latest?.clone(),
            theirs: new.clone(),
            prefix_root,
            proof: request.proof.clone(),
        };
        fork.is_proved(log).then(|| Box::new(fork))
    };
    if new.size() == known && *new.root() != root {
        // Of two trees of one size each is its own proof.
        return Err(WitnessError::OtherRoot {
            size: known,
            fork: evidence(root).filter(|fork| fork.proof.is_empty()),
        });
    }
    if !verify_consistency(known, &root, new.size(), new.root(), &request.proof) {
        // A proof that fits the new tree says what it begins with: perhaps not with ours.
        let prefix = prefix_root(known, new.size(), new.root(), &request.proof);
        return Err(WitnessError::Inconsistent {
            known,
            size: new.size(),
            fork: prefix.and_then(evidence),
        });
    }
    Ok(())
}

fn latest_key(origin: &Origin) -> Vec<u8> {
    [b"c", origin.as_str().as_bytes()].concat()
}

fn owner_key(origin: &Origin) -> Vec<u8> {
    [b"k", origin.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests;
