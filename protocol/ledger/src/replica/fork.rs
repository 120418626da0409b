//! The evidence that a log showed two faces.

use crate::checkpoint::{SignedCheckpoint, VerifierKey};
use crate::tree::{TreeHash, verify_consistency};

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
}
