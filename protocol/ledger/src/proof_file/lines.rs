//! The lines before a proof's checkpoint, one by one.

use std::iter::Peekable;
use std::str::Split;

use super::{MAX_PATH, MAX_PROOF, ProofFileError};
use crate::checkpoint::SignedCheckpoint;
use crate::tree::TreeHash;

/// A proof that is being read.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    lines: Peekable<Split<'a, char>>,
    /// How many lines were read.
    read: usize,
    checkpoint: &'a str,
}

impl<'a> Lines<'a> {
    /// Begins to read a proof whose first line is `header`.
    pub(super) fn begin(bytes: &'a [u8], header: &str) -> Result<Self, ProofFileError> {
        if bytes.len() > MAX_PROOF {
            return Err(ProofFileError::TooLarge { size: bytes.len() });
        }
        let wrong = |wrong| ProofFileError::Form { line: 1, wrong };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("begins a file that is not UTF-8"))?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or_else(|| wrong("is not followed by an empty line and a checkpoint"))?;
        let mut lines = Self {
            lines: head.split('\n').peekable(),
            read: 0,
            checkpoint,
        };
        if lines.next() == Some(header) {
            Ok(lines)
        } else {
            Err(wrong("is no known header"))
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.read += 1;
        self.lines.next()
    }

    /// The next line, which stays.
    pub(super) fn peek(&mut self) -> Option<&'a str> {
        self.lines.peek().copied()
    }

    /// What follows `mark` on the next line; `None` after the last.
    pub(super) fn next_after(&mut self, mark: &str) -> Result<Option<&'a str>, ProofFileError> {
        let Some(line) = self.next() else {
            return Ok(None);
        };
        let rest = line.strip_prefix(mark);
        rest.map(Some)
            .ok_or_else(|| self.error("begins with another word than belongs there"))
    }

    /// The hashes that come next: lines without a space.
    pub(super) fn hashes(&mut self) -> Result<Vec<TreeHash>, ProofFileError> {
        let mut hashes = Vec::new();
        while self.peek().is_some_and(|line| !line.contains(' ')) {
            let hash = self.next().and_then(|line| line.parse().ok());
            let hash = hash.ok_or_else(|| self.error("is no hash"))?;
            if hashes.len() == MAX_PATH {
                return Err(self.error("has one hash too many"));
            }
            hashes.push(hash);
        }
        Ok(hashes)
    }

    /// The checkpoint after the empty line.
    pub(super) fn checkpoint(&self) -> Result<SignedCheckpoint, ProofFileError> {
        Ok(SignedCheckpoint::parse(self.checkpoint.as_bytes())?)
    }

    /// What is wrong with the line that was read last.
    pub(super) const fn error(&self, wrong: &'static str) -> ProofFileError {
        ProofFileError::Form {
            line: self.read,
            wrong,
        }
    }
}
