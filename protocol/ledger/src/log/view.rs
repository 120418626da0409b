//! Reading a log: entries, tiles, roots and proofs, out of a store and the tree above it.

use super::{LogError, schema};
use crate::audit::{Damage, Finding};
use crate::store::{Store, StoreError};
use crate::tree::{self, Tile, Tree, TreeHash};

/// A store and the tree of its acknowledged entries.
#[derive(Debug)]
pub(crate) struct View<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) tree: &'a Tree,
}

impl<S: Store> View<'_, S> {
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        if index >= self.size() {
            return Err(LogError::OutOfRange {
                asked: index,
                size: self.size(),
            });
        }
        let bad = |damage| LogError::Damaged {
            finding: Finding::Entry { index, damage },
        };
        let mut value = match self.store.get(&schema::entry_key(index)) {
            Ok(value) => value.ok_or_else(|| bad(Damage::Missing))?,
            Err(StoreError::Corrupt { .. }) => return Err(bad(Damage::Unreadable)),
            Err(error) => return Err(error.into()),
        };
        let (_, entry) = schema::decode_entry(&value).ok_or_else(|| bad(Damage::Unreadable))?;
        let start = value.len() - entry.len();
        Ok(value.split_off(start))
    }

    pub(crate) fn tile(&self, tile: Tile) -> Result<Vec<TreeHash>, LogError> {
        let out_of_range = LogError::OutOfRange {
            asked: tile.index,
            size: self.size(),
        };
        self.tree
            .tile(tile, &mut |level, index| self.full_tile(level, index))?
            .ok_or(out_of_range)
    }

    /// The root of the first `size` entries.
    pub(crate) fn root_at(&self, size: u64) -> Result<TreeHash, LogError> {
        self.within(size)?;
        tree::range_root(0, size, &mut |level, index| self.node(level, index))
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Result<Vec<TreeHash>, LogError> {
        self.within(size)?;
        if index >= size {
            return Err(LogError::OutOfRange { asked: index, size });
        }
        tree::inclusion(index, size, &mut |level, index| self.node(level, index))
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, LogError> {
        self.within(new)?;
        if old > new {
            return Err(LogError::OutOfRange {
                asked: old,
                size: new,
            });
        }
        tree::consistency(old, new, &mut |level, index| self.node(level, index))
    }

    fn within(&self, size: u64) -> Result<(), LogError> {
        if size > self.size() {
            return Err(LogError::OutOfRange {
                asked: size,
                size: self.size(),
            });
        }
        Ok(())
    }

    fn node(&self, level: u8, index: u64) -> Result<TreeHash, LogError> {
        let node = self
            .tree
            .node(level, index, &mut |level, index| self.full_tile(level, index))?;
        node.ok_or(LogError::OutOfRange {
            asked: index,
            size: self.size(),
        })
    }

    fn full_tile(&self, level: u8, index: u64) -> Result<Vec<TreeHash>, LogError> {
        let damaged = || LogError::Damaged {
            finding: Finding::Tile { level, index },
        };
        match schema::read_tile(self.store, level, index) {
            Ok(hashes) => hashes.ok_or_else(damaged),
            Err(StoreError::Corrupt { .. }) => Err(damaged()),
            Err(error) => Err(error.into()),
        }
    }
}
