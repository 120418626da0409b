//! Inclusion proofs where every leaf is at hand, such as from a log's plain files: no store is needed.

use super::{TreeHash, proof};

/// A tree of known leaves. Holds two hashes for each.
#[derive(Debug, Clone)]
pub struct Prover {
    /// The roots of the complete subtrees of 1, 2, 4, … leaves.
    levels: Vec<Vec<TreeHash>>,
}

impl Prover {
    /// The tree over `leaves`.
    #[must_use]
    pub fn new(leaves: Vec<TreeHash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let pairs = below.as_chunks().0;
            levels.push(
                pairs
                    .iter()
                    .map(|[left, right]| TreeHash::node(left, right))
                    .collect(),
            );
        }
        Self { levels }
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root over all of them.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        proof::range_root(0, self.size(), &mut |level, index| self.node(level, index))
            .unwrap_or_else(|Missing| TreeHash::empty())
    }

    /// The proof that leaf `index` is among them, from its sibling up; `None` where there is no such leaf.
    #[must_use]
    pub fn inclusion(&self, index: u64) -> Option<Vec<TreeHash>> {
        if index >= self.size() {
            return None;
        }
        proof::inclusion(index, self.size(), &mut |level, index| self.node(level, index)).ok()
    }

    fn node(&self, level: u8, index: u64) -> Result<TreeHash, Missing> {
        let nodes = self.levels.get(usize::from(level)).ok_or(Missing)?;
        let index = usize::try_from(index).map_err(|_| Missing)?;
        nodes.get(index).copied().ok_or(Missing)
    }
}

/// A node that no proof of this tree asks for.
struct Missing;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Frontier, verify_inclusion};

    #[test]
    fn every_leaf_of_every_size_is_proved_and_only_in_its_place() {
        let leaves: Vec<TreeHash> = (0_u8..40).map(|n| TreeHash::leaf(&[n])).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            let prover = Prover::new(leaves.to_vec());
            let (root, size) = (prover.root(), prover.size());
            assert_eq!(root, Frontier::of(leaves).root());
            for (index, leaf) in (0..).zip(leaves) {
                let proof = prover.inclusion(index).unwrap();
                assert!(
                    verify_inclusion(leaf, index, size, &root, &proof),
                    "{index} of {size}"
                );
                let other = (index + 1) % size;
                assert!(other == index || !verify_inclusion(leaf, other, size, &root, &proof));
            }
            assert_eq!(prover.inclusion(size), None);
        }
        assert_eq!(Prover::new(Vec::new()).root(), TreeHash::empty());
    }
}
