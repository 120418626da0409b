//! The walk over a store that opening and auditing share: every entry is hashed again and compared
//! with all that was derived from it.

use std::collections::BTreeMap;

use quorate_core::Digest;

use super::schema;
use crate::audit::{Damage, Finding};
use crate::checkpoint::SignedCheckpoint;
use crate::store::{Pair, Store, StoreError};
use crate::tree::{TILE_WIDTH, Tree, TreeHash};

/// A derived value that is missing or wrong, and the pair that should be there.
#[derive(Debug)]
pub(crate) struct Fix {
    pub(crate) finding: Finding,
    pub(crate) pair: Pair,
}

/// What a walk found.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The tree of the entries before the first bad one.
    pub(crate) tree: Tree,
    /// The first bad entry.
    pub(crate) bad: Option<Finding>,
    /// Digests and tiles to be written anew.
    pub(crate) fixes: Vec<Fix>,
    /// The roots at the sizes that were asked for, as far as the walk came.
    roots: BTreeMap<u64, TreeHash>,
}

impl Walk {
    /// Whether the entries give `checkpoint`'s root.
    pub(crate) fn compare(&self, checkpoint: &SignedCheckpoint) -> Result<(), Finding> {
        match self.roots.get(&checkpoint.size()) {
            None => Err(Finding::Short {
                have: self.tree.size(),
                size: checkpoint.size(),
            }),
            Some(root) if root != checkpoint.root() => Err(Finding::root(checkpoint, *root)),
            Some(_) => Ok(()),
        }
    }
}

/// Walks over all entries, up to the first bad one.
///
/// # Errors
/// Where the engine itself fails; a damaged value is a finding.
pub(crate) fn walk<'a, S: Store>(
    store: &S,
    checkpoints: impl IntoIterator<Item = &'a SignedCheckpoint>,
) -> Result<Walk, StoreError> {
    let wanted: Vec<u64> = checkpoints.into_iter().map(SignedCheckpoint::size).collect();
    let mut walk = Walk {
        tree: Tree::default(),
        bad: None,
        fixes: Vec::new(),
        roots: BTreeMap::new(),
    };
    if wanted.contains(&0) {
        walk.roots.insert(0, TreeHash::empty());
    }
    // The leaf hashes that were stored together, where the tile is full.
    let mut stored = None;
    for item in store.scan(schema::ENTRIES) {
        let index = walk.tree.size();
        if index.is_multiple_of(TILE_WIDTH) {
            stored = readable(schema::read_tile(store, 0, index / TILE_WIDTH))?;
        }
        match check_entry(item, index, stored.as_deref())? {
            Ok((leaf, digest)) => {
                push(&mut walk, store, leaf)?;
                check_digest(&mut walk, store, index, &digest)?;
            }
            Err(damage) => {
                walk.bad = Some(Finding::Entry { index, damage });
                break;
            }
        }
        if wanted.contains(&walk.tree.size()) {
            walk.roots.insert(walk.tree.size(), walk.tree.root());
        }
    }
    Ok(walk)
}

fn check_entry(
    item: Result<Pair, StoreError>,
    index: u64,
    stored: Option<&[TreeHash]>,
) -> Result<Result<(TreeHash, Digest), Damage>, StoreError> {
    let key_fits = |key: &[u8]| schema::entry_index(key) == Some(index);
    let (key, value) = match item {
        Ok(pair) => pair,
        Err(StoreError::Corrupt { key }) => {
            return Ok(Err(if key_fits(&key) {
                Damage::Unreadable
            } else {
                Damage::Missing
            }));
        }
        Err(error) => return Err(error),
    };
    if !key_fits(&key) {
        return Ok(Err(Damage::Missing));
    }
    let Some((beside, entry)) = schema::decode_entry(&value) else {
        return Ok(Err(Damage::Unreadable));
    };
    let leaf = TreeHash::leaf(entry);
    let place = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
    let in_tile = stored.map(|hashes| hashes.get(place) == Some(&leaf));
    if beside != leaf || in_tile == Some(false) {
        return Ok(Err(Damage::HashDiffers));
    }
    Ok(Ok((leaf, Digest::of(entry))))
}

/// Appends the leaf and compares the tiles that it completes.
fn push<S: Store>(walk: &mut Walk, store: &S, leaf: TreeHash) -> Result<(), StoreError> {
    let mut full = Vec::new();
    walk.tree.push(leaf, &mut |level, index, hashes: &[TreeHash]| {
        full.push((level, index, hashes.to_vec()))
    });
    for (level, index, hashes) in full {
        if readable(schema::read_tile(store, level, index))?.as_ref() != Some(&hashes) {
            walk.fixes.push(Fix {
                finding: Finding::Tile { level, index },
                pair: (schema::tile_key(level, index), schema::encode_tile(&hashes)),
            });
        }
    }
    Ok(())
}

fn check_digest<S: Store>(walk: &mut Walk, store: &S, index: u64, digest: &Digest) -> Result<(), StoreError> {
    if readable(schema::find(store, digest))? != Some(index) {
        walk.fixes.push(Fix {
            finding: Finding::Digest { index },
            pair: (schema::digest_key(digest), index.to_be_bytes().to_vec()),
        });
    }
    Ok(())
}

/// A damaged derived value is as good as a missing one.
fn readable<T>(value: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match value {
        Err(StoreError::Corrupt { .. }) => Ok(None),
        other => other,
    }
}
