//! Proving that an entry is among the signed ones, from the entries themselves (RFC 6962, 2.1.1).

use quorate_ledger::TreeHash;

/// The proof that leaf `index` is among `leaves`; none where it is not.
pub(super) fn inclusion(index: usize, leaves: &[TreeHash]) -> Option<Vec<TreeHash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let (mut index, mut leaves) = (index, leaves);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at_checked(split(leaves.len()))?;
        if index < left.len() {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            index -= left.len();
            leaves = right;
        }
    }
    proof.reverse();
    Some(proof)
}

fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::empty(),
        [leaf] => *leaf,
        _ => leaves
            .split_at_checked(split(leaves.len()))
            .map_or_else(TreeHash::empty, |(left, right)| {
                TreeHash::node(&root(left), &root(right))
            }),
    }
}

/// The largest power of two below `count`, which is at least 2.
const fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::tree::verify_inclusion;

    #[test]
    fn every_leaf_of_every_size_is_proved_and_only_in_its_place() {
        let leaves: Vec<TreeHash> = (0_u8..40).map(|n| TreeHash::leaf(&[n])).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            let root = root(leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = inclusion(index, leaves).unwrap();
                assert!(
                    verify_inclusion(leaf, index as u64, size as u64, &root, &proof),
                    "{index} of {size}"
                );
                let other = (index + 1) % size;
                assert!(other == index || !verify_inclusion(leaf, other as u64, size as u64, &root, &proof));
            }
            assert_eq!(inclusion(size, leaves), None);
        }
    }
}
