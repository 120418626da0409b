//! The body of a `tlog-witness` `add-checkpoint` request.

use thiserror::Error;

use crate::checkpoint::{CheckpointError, MAX_CHECKPOINT, SignedCheckpoint, parse_size};
use crate::replica::{MAX_PROOF, hashes};
use crate::tree::TreeHash;

/// The most bytes of a request: a checkpoint, and 63 hashes and a size before it.
pub const MAX_ADD_CHECKPOINT: usize = MAX_CHECKPOINT + (4 << 10);

/// Why bytes are no request. HTTP has the status 400 for it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// They are more than any honest request has.
    #[error("a request of {size} bytes is refused: at most {MAX_ADD_CHECKPOINT} are allowed")]
    TooLarge {
        /// How many.
        size: usize,
    },
    /// They break the format.
    #[error("this is no add-checkpoint request: {0}")]
    Format(&'static str),
    /// Their checkpoint cannot be read.
    #[error("the request's checkpoint cannot be read")]
    Checkpoint(#[from] CheckpointError),
}

/// A request to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness cosigned last.
    pub old: u64,
    /// The RFC 6962 consistency proof from there to the checkpoint.
    pub proof: Vec<TreeHash>,
    /// What to cosign.
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`RequestError`] says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_ADD_CHECKPOINT {
            return Err(RequestError::TooLarge { size: bytes.len() });
        }
        let wrong = RequestError::Format;
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(wrong("no empty line sets off the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or(wrong("its first line is not `old` and a size"))?;
        Ok(Self {
            old: parse_size(old)?,
            proof: hashes(lines).ok_or(wrong("its proof is not at most 63 hashes"))?,
            checkpoint: SignedCheckpoint::parse(checkpoint.as_bytes())?,
        })
    }

    /// The request's body. At most 63 hashes are a proof that a witness reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("old {}\n", self.old);
        for hash in self.proof.iter().take(MAX_PROOF) {
            head.push_str(&format!("{hash}\n"));
        }
        head.push('\n');
        [head.as_bytes(), self.checkpoint.as_bytes()].concat()
    }
}
