//! The hash tree over a blob: BLAKE3's own, kept down to groups of 16 KiB.
//!
//! bao-tree gives the geometry: which nodes and groups a range needs, and in which order they travel.
//! [`Walk`] checks them one by one against the blob's digest; the provider runs it over what it reads
//! from disk, the receiver over what it reads from the stream, so the two cannot disagree.

use std::io::{self, Read, Write};
use std::ops::Range;

use bao_tree::iter::{BaoChunk, ResponseIter};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use quorate_core::Digest;

/// The bytes that are verified at once, and the step of every range.
pub(crate) const GROUP: u64 = 16 << 10;
/// The bytes of one inner node: two digests.
pub(crate) const NODE: usize = 64;

const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// The tree of a blob of `size` bytes.
pub(crate) fn geometry(size: u64) -> BaoTree {
    BaoTree::new(size, BLOCK)
}

/// How many bytes the inner nodes of a blob of `size` bytes take.
pub(crate) fn nodes_size(size: u64) -> u64 {
    geometry(size).outboard_size()
}

/// Reads exactly `size` bytes, writes their inner nodes in post order, and gives their digest.
pub(crate) fn hash(data: impl Read, size: u64, nodes: impl Write) -> io::Result<Digest> {
    let root = bao_tree::io::sync::outboard_post_order(data, geometry(size), nodes)?;
    Ok(Digest::from_bytes(*root.as_bytes()))
}

/// Whether `range` may be asked for of a blob of `size` bytes: whole groups, not empty, within the blob.
pub(crate) fn is_range(range: &Range<u64>, size: u64) -> bool {
    let whole = range.start.is_multiple_of(GROUP) && (range.end.is_multiple_of(GROUP) || range.end == size);
    whole && range.end <= size && (range.start < range.end || size == 0)
}

/// Bytes that do not belong to the digest, from this offset of the blob on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) offset: u64,
}

/// The nodes and groups of one range in the order they travel, each checked as it comes.
#[derive(Debug)]
pub(crate) struct Walk {
    steps: ResponseIter,
    expected: Vec<blake3::Hash>,
}

impl Walk {
    /// The walk over `range`, for which [`is_range`] must hold.
    pub(crate) fn new(digest: &Digest, size: u64, range: &Range<u64>) -> Self {
        let start = ChunkNum(range.start / 1024);
        // A range that reaches the end is left open: that is how bao-tree spells it.
        let chunks = if range.end >= size {
            ChunkRanges::from(start..)
        } else {
            ChunkRanges::from(start..ChunkNum(range.end / 1024))
        };
        Self {
            steps: ResponseIter::new(geometry(size), chunks),
            expected: vec![blake3::Hash::from(*digest.as_bytes())],
        }
    }

    /// What comes next.
    pub(crate) fn step(&mut self) -> Option<BaoChunk> {
        self.steps.next()
    }

    /// Checks the bytes of `step`, the one that [`Walk::step`] gave last.
    pub(crate) fn check(&mut self, step: &BaoChunk, bytes: &[u8]) -> Result<(), Mismatch> {
        let expected = self.expected.pop();
        match *step {
            BaoChunk::Parent {
                node,
                is_root,
                left,
                right,
                ..
            } => {
                let offset = node.chunk_range().start.to_bytes();
                let (l, r) = pair(bytes).ok_or(Mismatch { offset })?;
                let actual = if is_root {
                    merge_subtrees_root(&l, &r, Mode::Hash)
                } else {
                    blake3::Hash::from(merge_subtrees_non_root(&l, &r, Mode::Hash))
                };
                if right {
                    self.expected.push(blake3::Hash::from(r));
                }
                if left {
                    self.expected.push(blake3::Hash::from(l));
                }
                (expected == Some(actual))
                    .then_some(())
                    .ok_or(Mismatch { offset })
            }
            BaoChunk::Leaf {
                start_chunk, is_root, ..
            } => {
                let offset = start_chunk.to_bytes();
                let actual = group_hash(offset, bytes, is_root);
                (expected == Some(actual))
                    .then_some(())
                    .ok_or(Mismatch { offset })
            }
        }
    }
}

/// How many bytes a step takes on the wire.
pub(crate) fn step_len(step: &BaoChunk) -> usize {
    match step {
        BaoChunk::Parent { .. } => NODE,
        BaoChunk::Leaf { size, .. } => *size,
    }
}

fn pair(bytes: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (l, r) = bytes.split_first_chunk::<32>()?;
    Some((*l, r.try_into().ok()?))
}

fn group_hash(offset: u64, bytes: &[u8], is_root: bool) -> blake3::Hash {
    if is_root {
        return blake3::hash(bytes);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(bytes);
    blake3::Hash::from(hasher.finalize_non_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at / 7 % 251) as u8).collect()
    }

    /// Encodes `range` of `data` and decodes it again; gives the leaves' bytes.
    fn travel(data: &[u8], range: Range<u64>, spoil: impl Fn(usize, &mut [u8])) -> Result<Vec<u8>, Mismatch> {
        let size = data.len() as u64;
        let mut nodes = Vec::new();
        let digest = hash(data, size, &mut nodes).unwrap();
        assert_eq!(digest, Digest::of(data), "the tree's root is the plain digest");
        assert_eq!(nodes.len() as u64, nodes_size(size));
        assert!(is_range(&range, size), "{range:?} of {size}");
        let mut walk = Walk::new(&digest, size, &range);
        let (mut out, mut sent) = (Vec::new(), 0);
        while let Some(step) = walk.step() {
            let mut bytes = match step {
                BaoChunk::Parent { node, .. } => {
                    let at = geometry(size).post_order_offset(node).unwrap().value() as usize * NODE;
                    nodes[at..at + NODE].to_vec()
                }
                BaoChunk::Leaf {
                    start_chunk, size, ..
                } => {
                    let at = start_chunk.to_bytes() as usize;
                    data[at..at + size].to_vec()
                }
            };
            assert_eq!(bytes.len(), step_len(&step));
            spoil(sent, &mut bytes);
            sent += bytes.len();
            walk.check(&step, &bytes)?;
            if let BaoChunk::Leaf { .. } = step {
                out.extend_from_slice(&bytes);
            }
        }
        Ok(out)
    }

    #[test]
    fn ranges_of_all_shapes_travel() {
        let group = GROUP as usize;
        for size in [
            0,
            1,
            1023,
            group - 1,
            group,
            group + 1,
            3 * group + 5,
            8 * group,
            13 * group + 1024,
        ] {
            let data = blob(size);
            assert_eq!(travel(&data, 0..size as u64, |_, _| {}).unwrap(), data);
            let groups = size.div_ceil(group);
            for first in 0..groups {
                for last in first + 1..=groups {
                    let (start, end) = (first * group, size.min(last * group));
                    let got = travel(&data, start as u64..end as u64, |_, _| {}).unwrap();
                    assert_eq!(got, data[start..end], "{first}..{last} of {size}");
                }
            }
        }
    }

    #[test]
    fn any_spoiled_byte_is_noticed_in_its_own_step() {
        let data = blob(5 * GROUP as usize + 9);
        let size = data.len() as u64;
        let total = data.len() + nodes_size(size) as usize;
        for at in (0..total).step_by(997) {
            let noticed = travel(&data, 0..size, |sent, bytes| {
                assert!(sent <= at, "nothing after the spoiled step is looked at");
                if let Some(byte) = at.checked_sub(sent).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
            });
            assert!(noticed.is_err(), "byte {at}");
        }
    }

    #[test]
    fn ranges_are_whole_groups() {
        let size = 3 * GROUP + 5;
        for range in [
            0..1,
            1..GROUP,
            GROUP..GROUP,
            0..size + 1,
            0..4 * GROUP,
            size..size,
        ] {
            assert!(!is_range(&range, size), "{range:?}");
        }
        let (start, end) = (2 * GROUP, GROUP);
        assert!(!is_range(&(start..end), size), "backwards");
        assert!(is_range(&(0..0), 0));
    }
}
