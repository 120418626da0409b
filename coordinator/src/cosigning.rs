//! Which checkpoint nodes are asked to cosign, and whose cosignatures count. Pure: the clock, the log
//! and the history are handed in.
//!
//! Nodes meet on one size: a candidate stays the same until enough operators cosigned it, or until
//! waiting is of no use. An operator has one vote, by any of its nodes that the checkpoint's own
//! entries enroll, so that who counts can be read from the log that the checkpoint is of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::text::{Name, Timestamp};
use quorate_core::wire::MAX_COSIGNATURE;
use quorate_core::{History, NodeId, PublicKey};
use quorate_ledger::{CheckpointError, SignatureLine, SignedCheckpoint, WitnessKey};
use thiserror::Error;

/// How long nodes may take to meet on a candidate before a larger one takes its place. They look
/// round every two seconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The least time between two candidates: a busy log grows many times a second, and each
/// candidate costs every node a disk flush.
const PACE: Duration = Duration::from_secs(1);

/// Cosignatures kept on one checkpoint. Pages carry them all.
const MAX_LINES: usize = 32;

/// Why a cosignature does not count.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CosignError {
    /// It is of another checkpoint than the one that is to be cosigned.
    #[error("a cosignature of {size} entries is not wanted now: cosign the candidate of the latest page")]
    NotWanted {
        /// Its size.
        size: u64,
    },
    /// The sender is not among the nodes that the checkpoint's entries enroll.
    #[error("node {node} is not enrolled in the first {size} entries: only enrolled nodes are witnesses")]
    Stranger {
        /// The sender.
        node: NodeId,
        /// The checkpoint's size.
        size: u64,
    },
    /// It is too long to be a cosignature.
    #[error("a cosignature of {size} bytes is refused: at most {MAX_COSIGNATURE} are allowed")]
    TooLong {
        /// Its length.
        size: usize,
    },
    /// The line is another's.
    #[error("the line is not node {node}'s: a node cosigns under its own id, with its own key")]
    NotYours {
        /// The sender.
        node: NodeId,
    },
    /// The line cannot be read or does not verify.
    #[error("the cosignature was refused")]
    Line(#[from] CheckpointError),
}

/// An operator who cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backer {
    /// What the operator calls itself.
    pub name: Name,
    /// By which of its nodes.
    pub node: NodeId,
    /// When, in seconds since 1970-01-01 UTC by that node's clock.
    pub at: u64,
}

/// Which of a log's operators stand behind a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backing {
    /// How many entries the checkpoint has.
    pub size: u64,
    /// The operators.
    pub operators: BTreeMap<PublicKey, Backer>,
    /// How many the log's first entry asks for.
    pub quorum: u8,
}

impl Backing {
    /// Reads who cosigned `checkpoint`, which is of the log that comes to `history`. Lines of others
    /// than the log's own nodes say nothing here.
    ///
    /// # Errors
    /// [`CheckpointError`] where a line of one of the log's nodes is false.
    pub fn of(
        checkpoint: &SignedCheckpoint,
        history: &History,
        now: Timestamp,
    ) -> Result<Self, CheckpointError> {
        let size = checkpoint.size();
        let mut operators = BTreeMap::new();
        let named: BTreeSet<NodeId> = checkpoint
            .signatures()
            .iter()
            .filter_map(|line| line.name.parse().ok())
            .collect();
        for (node, state) in named
            .iter()
            .filter_map(|node| Some((node, history.nodes().get(node)?)))
        {
            if state.enrolled >= size {
                continue;
            }
            let found = checkpoint.cosignatures(&[WitnessKey::of(*node)], now.0 / 1000)?;
            operators.extend(found.first().map(|cosignature| {
                let backer = Backer {
                    name: state.name.clone(),
                    node: *node,
                    at: cosignature.at,
                };
                (state.operator, backer)
            }));
        }
        Ok(Self {
            size,
            operators,
            quorum: history.coordinator().witness_quorum,
        })
    }

    /// Whether as many operators cosigned as the log asks for. A log that asks for none has no quorum.
    #[must_use]
    pub fn is_quorum(&self) -> bool {
        self.quorum > 0 && self.operators.len() >= usize::from(self.quorum)
    }
}

/// A cosignature as a node sent it.
#[derive(Debug, Clone, Copy)]
pub struct Vote<'a> {
    /// Who sent it, as the network knows it.
    pub node: NodeId,
    /// The size that it is about.
    pub size: u64,
    /// The line.
    pub line: &'a [u8],
}

/// The candidate and what was said of it so far.
#[derive(Debug, Default)]
pub struct Cosigning {
    candidate: Option<SignedCheckpoint>,
    /// When there last was a new candidate.
    since: Timestamp,
}

impl Cosigning {
    /// What nodes are asked to cosign, with the lines it has.
    #[must_use]
    pub const fn candidate(&self) -> Option<&SignedCheckpoint> {
        self.candidate.as_ref()
    }

    /// Makes the log's head the candidate where its turn has come. `cosigned` is the size that has its
    /// quorum.
    pub fn propose(&mut self, head: &SignedCheckpoint, cosigned: u64, history: &History, now: Timestamp) {
        let held = self.candidate.as_ref().map_or(cosigned, SignedCheckpoint::size);
        let wait = if self.candidate.is_some() { PATIENCE } else { PACE };
        if head.size() <= held || now.since(self.since) < wait || !can_reach_quorum(history, head.size()) {
            return;
        }
        self.candidate = Some(head.clone());
        self.since = now;
    }

    /// Counts a vote. Returns the checkpoint to keep and to show, where its quorum is reached: the
    /// candidate's, or `cosigned` with one line more.
    ///
    /// # Errors
    /// [`CosignError`] for the sender to read.
    pub fn count(
        &mut self,
        vote: Vote<'_>,
        cosigned: Option<&SignedCheckpoint>,
        history: &History,
        now: Timestamp,
    ) -> Result<Option<SignedCheckpoint>, CosignError> {
        let is_about = |checkpoint: &&SignedCheckpoint| checkpoint.size() == vote.size;
        let about = self.candidate.as_ref().filter(is_about);
        let is_candidate = about.is_some();
        let about = about
            .or_else(|| cosigned.filter(is_about))
            .ok_or(CosignError::NotWanted { size: vote.size })?;
        let line = line_of(vote, history)?;
        let with = about.with_signature(&line)?;
        // This checks the new line too.
        let backing = Backing::of(&with, history, now)?;
        let before = Backing::of(about, history, now)?;
        if backing.operators.len() == before.operators.len() || with.signatures().len() > MAX_LINES {
            return Ok(None);
        }
        let reached = backing.is_quorum();
        if is_candidate {
            self.candidate = (!reached).then(|| with.clone());
        }
        Ok(reached.then_some(with))
    }
}

/// Whether the first `size` entries enroll as many operators as must cosign.
fn can_reach_quorum(history: &History, size: u64) -> bool {
    let quorum = usize::from(history.coordinator().witness_quorum);
    let nodes = history.nodes().values().filter(|node| node.enrolled < size);
    let operators: BTreeSet<&PublicKey> = nodes.map(|node| &node.operator).collect();
    quorum > 0 && operators.len() >= quorum
}

fn line_of(vote: Vote<'_>, history: &History) -> Result<SignatureLine, CosignError> {
    let (node, size) = (vote.node, vote.size);
    if vote.line.len() > MAX_COSIGNATURE {
        return Err(CosignError::TooLong {
            size: vote.line.len(),
        });
    }
    let enrolled = history
        .nodes()
        .get(&node)
        .is_some_and(|state| state.enrolled < size);
    if !enrolled {
        return Err(CosignError::Stranger { node, size });
    }
    let text = String::from_utf8_lossy(vote.line);
    let line = SignatureLine::parse(text.strip_suffix('\n').unwrap_or(&text))?;
    let key = WitnessKey::of(node);
    if line.name == key.name().as_str() && line.key_id == key.key_id() {
        Ok(line)
    } else {
        Err(CosignError::NotYours { node })
    }
}

#[cfg(test)]
mod tests;
