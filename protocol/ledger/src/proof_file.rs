//! Proofs as files: that entries stand in a log, for somebody who has neither the log nor a network.
//!
//! Two forms, both text, each ending with one signed checkpoint as it was published. C2SP `tlog-proof` is about
//! one entry, which travels beside it. A [`RowProof`] carries several entries with their proofs:
//!
//! ```text
//! quorate.dev/row-proof@v1
//! entry INDEX BASE64
//! HASH                        the entry's inclusion proof, from the leaf's sibling up
//! entry INDEX BASE64          indices rise
//! …
//!
//! CHECKPOINT
//! ```
//!
//! Reading is bounded, and checks the form only. Nothing is trusted before `verify` was given the log's key,
//! which the reader must have from somewhere else.

mod lines;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use self::lines::Lines;
use crate::MAX_ENTRY;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, VerifierKey, parse_size};
use crate::tree::{TreeHash, verify_inclusion};

/// The most bytes of a proof file.
pub const MAX_PROOF: usize = 4 << 20;
/// The most entries of a row's proof.
pub const MAX_PROVED: usize = 1000;
/// The most hashes of an inclusion proof: enough for 2^63 entries.
pub const MAX_PATH: usize = 63;

/// The first line of a row's proof.
pub const ROW_PROOF: &str = "quorate.dev/row-proof@v1";
/// The first line of a proof of one entry, as C2SP `tlog-proof` has it.
pub const TLOG_PROOF: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// It is larger than any honest one.
    #[error("a proof of {size} bytes is refused: at most {MAX_PROOF} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// It breaks the format.
    #[error("line {line} of the proof {wrong}: the file is damaged or no proof")]
    Form {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// Its checkpoint is none, or not the log's.
    #[error("the proof's checkpoint cannot be trusted")]
    Checkpoint(#[from] CheckpointError),
    /// An entry is not where the proof says.
    #[error(
        "entry {index} is not proved to stand in the log under this checkpoint: the entry, its number or its proof was \
         altered"
    )]
    NotIncluded {
        /// Which entry.
        index: u64,
    },
}

/// An entry with its place and the proof of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedEntry {
    /// Its place in the log.
    pub index: u64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// The inclusion proof.
    pub path: Vec<TreeHash>,
}

/// Several entries of a log, each proved under one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProof {
    /// The entries, in the order of the log.
    pub entries: Vec<ProvedEntry>,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl RowProof {
    /// Reads a proof and checks its form.
    ///
    /// # Errors
    /// [`ProofFileError`] where it is too large or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let mut lines = Lines::begin(bytes, ROW_PROOF)?;
        let mut entries: Vec<ProvedEntry> = Vec::new();
        while let Some(rest) = lines.next_after("entry ")? {
            let wrong = |wrong| lines.error(wrong);
            let (index, entry) = rest.split_once(' ').ok_or_else(|| wrong("has no entry"))?;
            let index = parse_size(index).map_err(|_| wrong("has no plain decimal number"))?;
            if entries.last().is_some_and(|last| last.index >= index) {
                return Err(wrong("has an entry that is not after the one before"));
            }
            if entries.len() == MAX_PROVED {
                return Err(wrong("has one entry too many"));
            }
            let entry = STANDARD.decode(entry).map_err(|_| wrong("is not base64"))?;
            if entry.len() > MAX_ENTRY {
                return Err(wrong("has an entry longer than any log holds"));
            }
            let path = lines.hashes()?;
            entries.push(ProvedEntry { index, entry, path });
        }
        if entries.is_empty() {
            return Err(lines.error("has no entry"));
        }
        let checkpoint = lines.checkpoint()?;
        Ok(Self { entries, checkpoint })
    }

    /// The proof as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{ROW_PROOF}\n");
        for ProvedEntry { index, entry, path } in &self.entries {
            // Writing to a string does not fail.
            let _ = writeln!(text, "entry {index} {}", STANDARD.encode(entry));
            push_hashes(&mut text, path);
        }
        push_checkpoint(&mut text, &self.checkpoint);
        text
    }

    /// Checks that `key` signed the checkpoint and that every entry stands under it.
    ///
    /// # Errors
    /// [`ProofFileError::Checkpoint`], [`ProofFileError::NotIncluded`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(), ProofFileError> {
        self.checkpoint.verify(key)?;
        self.entries
            .iter()
            .try_for_each(|proved| included(&proved.entry, proved.index, &proved.path, &self.checkpoint))
    }
}

/// A C2SP `tlog-proof`: that some entry stands at a place in a log. The entry is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The entry's place in the log.
    pub index: u64,
    /// The inclusion proof.
    pub path: Vec<TreeHash>,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Reads a proof and checks its form. Extra data, which nothing authenticates, is passed over.
    ///
    /// # Errors
    /// [`ProofFileError`] where it is too large or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let mut lines = Lines::begin(bytes, TLOG_PROOF)?;
        if lines.peek().is_some_and(|line| line.starts_with("extra ")) {
            let extra = lines.next_after("extra ")?.unwrap_or_default();
            STANDARD.decode(extra).map_err(|_| lines.error("is not base64"))?;
        }
        let index = lines.next_after("index ")?.and_then(|text| parse_size(text).ok());
        let index = index.ok_or_else(|| lines.error("has no plain decimal number"))?;
        let path = lines.hashes()?;
        if lines.peek().is_some() {
            return Err(lines.error("is followed by what is no hash"));
        }
        let checkpoint = lines.checkpoint()?;
        Ok(Self {
            index,
            path,
            checkpoint,
        })
    }

    /// The proof as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{TLOG_PROOF}\nindex {}\n", self.index);
        push_hashes(&mut text, &self.path);
        push_checkpoint(&mut text, &self.checkpoint);
        text
    }

    /// Checks that `key` signed the checkpoint and that `entry` stands under it.
    ///
    /// # Errors
    /// [`ProofFileError::Checkpoint`], [`ProofFileError::NotIncluded`].
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<(), ProofFileError> {
        self.checkpoint.verify(key)?;
        included(entry, self.index, &self.path, &self.checkpoint)
    }
}

fn included(
    entry: &[u8],
    index: u64,
    path: &[TreeHash],
    under: &SignedCheckpoint,
) -> Result<(), ProofFileError> {
    if verify_inclusion(&TreeHash::leaf(entry), index, under.size(), under.root(), path) {
        Ok(())
    } else {
        Err(ProofFileError::NotIncluded { index })
    }
}

fn push_hashes(text: &mut String, path: &[TreeHash]) {
    for hash in path {
        let _ = writeln!(text, "{hash}");
    }
}

/// A checkpoint that was read is UTF-8.
fn push_checkpoint(text: &mut String, checkpoint: &SignedCheckpoint) {
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(checkpoint.as_bytes()));
}

#[cfg(test)]
mod tests;
