//! The evidence that a log showed two faces, and its form as a file.
//!
//! ```text
//! quorate.dev/fork-proof@v1
//! log NAME+KEYID+KEY                   which log this is about; believe it only from elsewhere
//! prefix ROOT                          the larger tree's root at the smaller one's size
//! HASH                                 the consistency proof of that, one hash a line
//!
//! checkpoint of the copy that noticed, a signed note
//!
//! checkpoint that contradicts it, a signed note
//! ```
//!
//! No line inside a part is empty, so the empty lines alone say where each part ends.

use thiserror::Error;

use crate::checkpoint::{CheckpointError, MAX_CHECKPOINT, SignedCheckpoint, VerifierKey};
use crate::tree::{TreeHash, verify_consistency};

/// The first line of a fork proof.
pub const FORK_PROOF: &str = "quorate.dev/fork-proof@v1";

/// The most hashes of a consistency proof between trees of fewer than 2^64 leaves.
pub(crate) const MAX_PROOF: usize = 63;

/// The most bytes of a fork proof: two checkpoints, and a head of short lines.
pub const MAX_FORK_PROOF: usize = 2 * MAX_CHECKPOINT + (8 << 10);

/// Why a text is no fork proof.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForkError {
    /// It is larger than any honest one.
    #[error("a fork proof of {size} bytes is refused: at most {MAX_FORK_PROOF} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// It breaks the format.
    #[error("this is no fork proof: {0}")]
    Format(&'static str),
    /// A checkpoint or the key in it cannot be read.
    #[error("this fork proof cannot be read")]
    Checkpoint(#[from] CheckpointError),
}

/// Two checkpoints, signed by one key, that cannot both be true.
///
/// The proof shows that the larger checkpoint's tree has the root `prefix_root` at the smaller one's
/// size; the smaller checkpoint signs another root for that size. Anyone who has the log's verifier
/// key can check this, without the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The checkpoint of the copy that noticed.
    pub ours: SignedCheckpoint,
    /// The one that contradicts it.
    pub theirs: SignedCheckpoint,
    /// The root of the larger checkpoint's tree at the smaller one's size.
    pub prefix_root: TreeHash,
    /// The proof of that.
    pub proof: Vec<TreeHash>,
}

impl Fork {
    /// Whether this proves that the holder of `key` forked its log.
    #[must_use]
    pub fn is_proved(&self, key: &VerifierKey) -> bool {
        let (small, large) = if self.ours.size() < self.theirs.size() {
            (&self.ours, &self.theirs)
        } else {
            (&self.theirs, &self.ours)
        };
        small.verify(key).is_ok()
            && large.verify(key).is_ok()
            && self.prefix_root != *small.root()
            && verify_consistency(
                small.size(),
                &self.prefix_root,
                large.size(),
                large.root(),
                &self.proof,
            )
    }

    /// The proof as a file. `key` is named in it for its reader's convenience.
    #[must_use]
    pub fn to_text(&self, key: &VerifierKey) -> String {
        let mut text = format!("{FORK_PROOF}\nlog {key}\nprefix {}\n", self.prefix_root);
        for hash in &self.proof {
            text.push_str(&format!("{hash}\n"));
        }
        for checkpoint in [&self.ours, &self.theirs] {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(checkpoint.as_bytes()));
        }
        text
    }

    /// Reads a file that [`Fork::to_text`] wrote. The key that it names comes with it, and proves
    /// nothing: whoever made the file could name any. Check with a key had from elsewhere.
    ///
    /// # Errors
    /// [`ForkError`]. That it can be read does not mean that it is proved: see [`Fork::is_proved`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, VerifierKey), ForkError> {
        if bytes.len() > MAX_FORK_PROOF {
            return Err(ForkError::TooLarge { size: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ForkError::Format("it is not UTF-8"))?;
        let parts: Vec<&str> = text.splitn(6, "\n\n").collect();
        let [head, our_text, our_lines, their_text, their_lines] = parts.as_slice() else {
            return Err(ForkError::Format(
                "it does not have a head and two signed checkpoints",
            ));
        };
        let mut lines = head.split('\n');
        if lines.next() != Some(FORK_PROOF) {
            return Err(ForkError::Format("its first line is another"));
        }
        let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name));
        let key = field("log ").ok_or(ForkError::Format("its second line does not name the log"))?;
        let key = key.parse()?;
        let prefix_root = field("prefix ")
            .and_then(|root| root.parse().ok())
            .ok_or(ForkError::Format("its third line gives no root of the prefix"))?;
        let fork = Self {
            ours: SignedCheckpoint::parse(format!("{our_text}\n\n{our_lines}\n").as_bytes())?,
            theirs: SignedCheckpoint::parse(format!("{their_text}\n\n{their_lines}").as_bytes())?,
            prefix_root,
            proof: hashes(lines).ok_or(ForkError::Format("its proof is not at most 63 hashes"))?,
        };
        Ok((fork, key))
    }
}

/// Hashes, one a line, as many as a consistency proof may have.
pub(crate) fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<TreeHash>> {
    let mut found = Vec::new();
    for line in lines {
        if found.len() == MAX_PROOF {
            return None;
        }
        found.push(line.parse().ok()?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::SignatureLine;
    use crate::fixture::{key, keypair, memory_log};

    /// A log that was grown to `ours` entries, and from the first `shared` of them to `theirs` others.
    fn fork(shared: u64, ours: u64, theirs: u64) -> Fork {
        let one = memory_log(ours).log;
        let mut other = memory_log(shared).log;
        let differing: Vec<_> = (shared..theirs)
            .map(|i| format!("other {i}").into_bytes())
            .collect();
        other.append_batch(&differing).unwrap();
        let (large, small) = if ours < theirs {
            (&other, ours)
        } else {
            (&one, theirs)
        };
        Fork {
            ours: one.head().sign(&keypair()).unwrap(),
            theirs: other.head().sign(&keypair()).unwrap(),
            prefix_root: large.root_at(small).unwrap(),
            proof: large.consistency_proof(small, large.size()).unwrap(),
        }
    }

    #[test]
    fn a_fork_proof_reads_back_from_its_text_and_is_proved() {
        for (shared, ours, theirs) in [(3, 10, 12), (3, 12, 10), (3, 7, 7), (4, 8, 9), (299, 300, 1000)] {
            let fork = fork(shared, ours, theirs);
            let text = fork.to_text(&key());
            let (read, named) = Fork::parse(text.as_bytes()).unwrap();
            assert_eq!((&read, named), (&fork, key()));
            assert!(read.is_proved(&key()), "{ours} against {theirs}");
        }
    }

    #[test]
    fn cosignatures_and_extension_lines_stay_in_it() {
        let mut fork = fork(3, 10, 12);
        let line = SignatureLine {
            name: "w.example".into(),
            key_id: [1, 2, 3, 4],
            signature: vec![9; 72],
        };
        fork.ours = fork.ours.with_signature(&line).unwrap();
        let mut extended = fork.theirs.checkpoint().clone();
        extended.extensions.push("an extension".to_owned());
        fork.theirs = extended.sign(&keypair()).unwrap();
        let (read, _) = Fork::parse(fork.to_text(&key()).as_bytes()).unwrap();
        assert_eq!(read, fork);
        assert!(read.is_proved(&key()));
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        let text = fork(3, 10, 12).to_text(&key());
        let longer =
            format!("prefix {}\n", TreeHash::empty()) + &format!("{}\n", TreeHash::empty()).repeat(64);
        for bad in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replacen("log ", "key ", 1),
            text.replacen("prefix ", "prefix  ", 1),
            text.replacen("prefix ", &longer, 1),
            text.clone() + "\n",
            text.clone() + "\n\n",
            text.trim_end().to_owned(),
            text.replacen("\n\n", "\n", 1),
            "x".repeat(MAX_FORK_PROOF + 1),
        ] {
            assert!(Fork::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_flipped_bit_accuses_an_honest_log(at in any::<usize>(), bit in 0..8_u32) {
            // The log only grew: nothing that is made of its checkpoints may look like a fork.
            let (small, large) = (memory_log(10).log, memory_log(12).log);
            let honest = Fork {
                ours: small.head().sign(&keypair()).unwrap(),
                theirs: large.head().sign(&keypair()).unwrap(),
                prefix_root: large.root_at(10).unwrap(),
                proof: large.consistency_proof(10, 12).unwrap(),
            };
            prop_assert!(!honest.is_proved(&key()));
            let mut bytes = honest.to_text(&key()).into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            if let Ok((read, _)) = Fork::parse(&bytes) {
                prop_assert!(!read.is_proved(&key()));
            }
        }

        #[test]
        fn a_flipped_bit_that_still_reads_is_written_back_alike(at in any::<usize>(), bit in 0..8_u32) {
            let mut bytes = fork(3, 10, 12).to_text(&key()).into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            if let Ok((read, named)) = Fork::parse(&bytes) {
                prop_assert_eq!(read.to_text(&named).into_bytes(), bytes);
            }
        }

        #[test]
        fn garbage_never_panics(head in "[a-zA-Z0-9+/= \n]{0,120}") {
            prop_assert!(Fork::parse(head.as_bytes()).is_err());
            let begun = format!("{FORK_PROOF}\n{head}");
            prop_assert!(Fork::parse(begun.as_bytes()).is_err());
        }
    }
}
