//! Inclusion and consistency proofs: how they are made from stored nodes, and how they are checked.
//!
//! Making one asks for O(log n) nodes by (level, index), where level 0 are the leaves. Checking one
//! follows RFC 9162 section 2.1 and needs nothing but the hashes.

use super::{TreeHash, fold_peaks};

/// Where nodes come from: the root of the complete subtree `index` at `level`.
type Nodes<'a, E> = dyn FnMut(u8, u64) -> Result<TreeHash, E> + 'a;

/// The root over the leaves `low..high`, where `low` is a multiple of a power of two that is not
/// less than `high - low`.
pub(crate) fn range_root<E>(low: u64, high: u64, nodes: &mut Nodes<'_, E>) -> Result<TreeHash, E> {
    let mut peaks = Vec::new();
    let mut at = low;
    for level in (0..64_u8).rev().filter(|level| (high - low) >> level & 1 == 1) {
        peaks.push(nodes(level, at >> level)?);
        at += 1 << level;
    }
    Ok(fold_peaks(&peaks))
}

/// The largest power of two below `length`, which is at least 2: where RFC 6962 splits a tree.
const fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The proof that leaf `index` is in the tree of `size` leaves. `index < size`.
pub(crate) fn inclusion<E>(index: u64, size: u64, nodes: &mut Nodes<'_, E>) -> Result<Vec<TreeHash>, E> {
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_root(middle, high, nodes)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, nodes)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves extends the one of `old` leaves. `old <= new`.
pub(crate) fn consistency<E>(old: u64, new: u64, nodes: &mut Nodes<'_, E>) -> Result<Vec<TreeHash>, E> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut low, mut high) = (0, new);
    let mut path = Vec::new();
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range_root(middle, high, nodes)?);
            high = middle;
        } else {
            path.push(range_root(low, middle, nodes)?);
            low = middle;
        }
    }
    // Where the old tree is one complete subtree of the new one, the verifier knows its root.
    if low != 0 {
        path.push(range_root(low, high, nodes)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `proof` shows that `leaf` is number `index` of the `size` leaves under `root`.
#[must_use]
pub fn verify_inclusion(leaf: &TreeHash, index: u64, size: u64, root: &TreeHash, proof: &[TreeHash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = TreeHash::node(sibling, &hash);
            (position, last) = skip_lone_levels(position, last);
        } else {
            hash = TreeHash::node(&hash, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new` leaves under `new_root` begins with the `old` leaves
/// under `old_root`.
#[must_use]
pub fn verify_consistency(
    old: u64,
    old_root: &TreeHash,
    new: u64,
    new_root: &TreeHash,
    proof: &[TreeHash],
) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 || old > new {
        return old == 0 && proof.is_empty() && *old_root == TreeHash::empty();
    }
    let (first, rest) = match proof.split_first() {
        None => return false,
        Some(_) if old.is_power_of_two() => (old_root, proof),
        Some(split) => split,
    };
    climb(old, new, first, rest).is_some_and(|roots| roots == (*old_root, *new_root))
}

/// The root that a consistency proof gives the tree of `new` leaves under `new_root` at its first `old`
/// leaves, where the proof carries what that takes. `None` where it does not fit `new_root`, and where
/// `old` is a power of two: a proof then leaves out the old root, which its reader must know.
pub(crate) fn prefix_root(old: u64, new: u64, new_root: &TreeHash, proof: &[TreeHash]) -> Option<TreeHash> {
    if old == 0 || old >= new || old.is_power_of_two() {
        return None;
    }
    let (first, rest) = proof.split_first()?;
    let (old_hash, new_hash) = climb(old, new, first, rest)?;
    (new_hash == *new_root).then_some(old_hash)
}

/// The roots of the old and of the new tree that a consistency proof leads to, from the subtree `first`
/// that both end their common part with.
fn climb(old: u64, new: u64, first: &TreeHash, rest: &[TreeHash]) -> Option<(TreeHash, TreeHash)> {
    let (mut position, mut last) = (old - 1, new - 1);
    let shared = position.trailing_ones();
    (position, last) = (position >> shared, last >> shared);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return None;
        }
        if position & 1 == 1 || position == last {
            old_hash = TreeHash::node(sibling, &old_hash);
            new_hash = TreeHash::node(sibling, &new_hash);
            (position, last) = skip_lone_levels(position, last);
        } else {
            new_hash = TreeHash::node(&new_hash, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    (last == 0).then_some((old_hash, new_hash))
}

/// Climbs past the levels at which the last node has no sibling and is carried up unchanged.
const fn skip_lone_levels(position: u64, last: u64) -> (u64, u64) {
    if position == 0 {
        return (position, last);
    }
    let lone = position.trailing_zeros();
    (position >> lone, last >> lone)
}
