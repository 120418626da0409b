//! A follower's copy of a log. It fetches nothing itself: somebody offers entries and a checkpoint.
//!
//! Nothing is stored before the pinned key's signature verifies, the entries give exactly the signed
//! root, and the caller's check passed each of them. What contradicts the copy is kept as evidence
//! that anyone can check, see [`Fork`].

use std::path::Path;

use quorate_core::Digest;
use thiserror::Error;

use crate::MAX_ENTRY;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, VerifierKey};
use crate::log::{Log, LogError};
use crate::store::Store;
use crate::tree::{TreeHash, verify_consistency};

mod fork;

pub use fork::{FORK_PROOF, Fork, ForkError, MAX_FORK_PROOF};
pub(crate) use fork::{MAX_PROOF, hashes};

/// What an offer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// The copy now has `size` entries and the offered checkpoint, or part of the way to it.
    Stored {
        /// How many entries the copy has.
        size: u64,
    },
    /// The copy is that far already. Nothing changed.
    Known,
}

/// Why an offer was refused. Nothing was stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplicaError<E> {
    /// The checkpoint is malformed or not signed by the pinned key: blame its sender.
    #[error("the offered checkpoint was refused")]
    Checkpoint(#[from] CheckpointError),
    /// The log's key signed two checkpoints that cannot both be true.
    #[error(
        "the log forked: its key signed two checkpoints that contradict each other; keep them and stop following"
    )]
    Fork(Box<Fork>),
    /// The offer does not start where the copy ends, or stops short of the checkpoint.
    #[error(
        "the copy has {have} entries and the checkpoint {size}: offer the entries between, not {offered}"
    )]
    Count {
        /// How many the copy has.
        have: u64,
        /// How many the checkpoint is of.
        size: u64,
        /// How many were offered.
        offered: usize,
    },
    /// The entries do not give the signed root.
    #[error(
        "entries {first} and on do not give the signed root: fetch them from another peer; if all peers agree on them, \
         ask for a consistency proof, which shows whether the log forked"
    )]
    Root {
        /// The first offered entry.
        first: u64,
    },
    /// An entry is too long for any log.
    #[error("entry {index} is longer than {MAX_ENTRY} bytes: blame its sender")]
    Oversize {
        /// The entry.
        index: u64,
    },
    /// The log holds one entry twice, which an honest one does not.
    #[error("entry {index} repeats entry {earlier}: the coordinator broke the rules")]
    Repeated {
        /// The entry.
        index: u64,
        /// The same one, earlier.
        earlier: u64,
    },
    /// The signed log holds an entry that the caller's check refuses.
    #[error("entry {index} breaks the rules")]
    Refused {
        /// The entry.
        index: u64,
        /// What the check said.
        #[source]
        reason: E,
    },
    /// The copy itself failed.
    #[error("the copy of the log failed")]
    Log(#[from] LogError),
}

/// A follower's copy of one log.
#[derive(Debug)]
pub struct Replica<S> {
    log: Log<S>,
}

impl<S: Store> Replica<S> {
    /// Opens the copy of `key`'s log.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open(store: S, files: &Path, key: VerifierKey) -> Result<Self, LogError> {
        Log::open(store, files, key).map(Self::new)
    }

    /// Follows with a log that is open already.
    #[must_use]
    pub const fn new(log: Log<S>) -> Self {
        Self { log }
    }

    /// The copy, for reading.
    #[must_use]
    pub const fn log(&self) -> &Log<S> {
        &self.log
    }

    /// Takes in the entries that follow the copy's last one, up to exactly `checkpoint`.
    ///
    /// `check` sees each entry with its index, after the root was found right: an entry that it
    /// refuses is the coordinator's doing. A checkpoint that is not newer is only compared.
    ///
    /// # Errors
    /// [`ReplicaError`]; nothing is stored then.
    pub fn offer<B: AsRef<[u8]>, E>(
        &mut self,
        entries: &[B],
        checkpoint: &[u8],
        check: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Offered, ReplicaError<E>> {
        self.take(entries, checkpoint, None, check)
    }

    /// As [`Replica::offer`] for a log too long to take at once: entries up to somewhere before
    /// `checkpoint`, with the proof that the checkpoint's tree begins with them.
    ///
    /// # Errors
    /// [`ReplicaError`]; nothing is stored then.
    pub fn offer_part<B: AsRef<[u8]>, E>(
        &mut self,
        entries: &[B],
        checkpoint: &[u8],
        proof: &[TreeHash],
        check: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Offered, ReplicaError<E>> {
        self.take(entries, checkpoint, Some(proof), check)
    }

    fn take<B: AsRef<[u8]>, E>(
        &mut self,
        entries: &[B],
        checkpoint: &[u8],
        part: Option<&[TreeHash]>,
        check: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Offered, ReplicaError<E>> {
        let theirs = SignedCheckpoint::open(checkpoint, self.log.key())?;
        let have = self.log.size();
        if theirs.size() <= have {
            return self.compare(theirs);
        }
        let end = have.saturating_add(entries.len() as u64);
        let fits = if part.is_some() {
            have < end && end < theirs.size()
        } else {
            end == theirs.size()
        };
        if !fits {
            return Err(ReplicaError::Count {
                have,
                size: theirs.size(),
                offered: entries.len(),
            });
        }
        let fresh = self.digests(entries)?;
        let extended = self.log.extended(fresh.iter().map(|(entry, _)| *entry));
        let root = extended.tree.root();
        let signed = match part {
            None => root == *theirs.root(),
            Some(proof) => verify_consistency(end, &root, theirs.size(), theirs.root(), proof),
        };
        if !signed {
            return Err(ReplicaError::Root { first: have });
        }
        self.check_entries(&fresh, check)?;
        self.log
            .commit(&fresh, extended, part.is_none().then_some(theirs))?;
        Ok(Offered::Stored { size: end })
    }

    /// Compares a checkpoint of entries that the copy has with the copy.
    fn compare<E>(&mut self, theirs: SignedCheckpoint) -> Result<Offered, ReplicaError<E>> {
        let root = self.log.root_at(theirs.size())?;
        let ours = self.log.checkpoint().cloned();
        let held = ours.as_ref().map_or(0, SignedCheckpoint::size);
        if root == *theirs.root() {
            if theirs.size() <= held {
                return Ok(Offered::Known);
            }
            // Entries taken in part by part now have a checkpoint of their own.
            self.log.set_checkpoint(theirs)?;
            return Ok(Offered::Stored {
                size: self.log.size(),
            });
        }
        match ours {
            Some(ours) if theirs.size() <= held => {
                let proof = self.log.consistency_proof(theirs.size(), held)?;
                Err(ReplicaError::Fork(Box::new(Fork {
                    ours,
                    theirs,
                    prefix_root: root,
                    proof,
                })))
            }
            // What was taken in part by part has no checkpoint here yet to hold against this one.
            _ => Err(ReplicaError::Root { first: held }),
        }
    }

    /// Keeps a checkpoint of this log that witnesses cosigned. Whether they are enough is its caller's
    /// decision.
    ///
    /// # Errors
    /// As [`Log::set_cosigned`].
    pub fn keep_cosigned(&mut self, signed: SignedCheckpoint) -> Result<(), LogError> {
        self.log.set_cosigned(signed)
    }

    /// Judges a larger checkpoint by a consistency proof: `prefix_root` is what its sender says the
    /// root of our checkpoint's size is. Returns the evidence where that shows a fork; `None` where
    /// the proof is no proof, or shows no contradiction.
    ///
    /// # Errors
    /// [`CheckpointError`] where the pinned key did not sign the checkpoint.
    pub fn fork_from(
        &self,
        checkpoint: &[u8],
        prefix_root: TreeHash,
        proof: Vec<TreeHash>,
    ) -> Result<Option<Fork>, CheckpointError> {
        let theirs = SignedCheckpoint::open(checkpoint, self.log.key())?;
        let Some(ours) = self.log.checkpoint().cloned() else {
            return Ok(None);
        };
        let fork = Fork {
            ours,
            theirs,
            prefix_root,
            proof,
        };
        Ok(fork.is_proved(self.log.key()).then_some(fork))
    }

    fn digests<'a, B: AsRef<[u8]>, E>(
        &self,
        entries: &'a [B],
    ) -> Result<Vec<(&'a [u8], Digest)>, ReplicaError<E>> {
        (self.log.size()..)
            .zip(entries.iter().map(AsRef::as_ref))
            .map(|(index, entry)| {
                if entry.len() > MAX_ENTRY {
                    return Err(ReplicaError::Oversize { index });
                }
                Ok((entry, Digest::of(entry)))
            })
            .collect()
    }

    fn check_entries<E>(
        &self,
        fresh: &[(&[u8], Digest)],
        mut check: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), ReplicaError<E>> {
        let mut seen = std::collections::HashMap::new();
        for (index, (entry, digest)) in (self.log.size()..).zip(fresh) {
            let earlier = seen.insert(*digest, index);
            if let Some(earlier) = if earlier.is_some() {
                earlier
            } else {
                self.log.find(digest)?
            } {
                return Err(ReplicaError::Repeated { index, earlier });
            }
            check(index, entry).map_err(|reason| ReplicaError::Refused { index, reason })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
