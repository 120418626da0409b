//! One log: its entries, the tree above them and its latest signed checkpoint.
//!
//! Promises: an append returns after its entries are durable, and either all of them are in the log or
//! none; an entry is in the log once, however often it is appended; an acknowledged entry never
//! changes its index or its bytes. What damage does to these is found when the log is opened.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use quorate_core::{Digest, Keypair};

use crate::MAX_ENTRY;
use crate::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use crate::files::Files;
use crate::store::{Batch, Store};
use crate::tree::{TILE_WIDTH, Tile, Tree, TreeHash};

pub(crate) mod check;
mod cosigned;
mod error;
mod folder;
mod open;
pub(crate) mod schema;
mod view;

pub use error::LogError;
pub use open::OpenReport;
pub(crate) use view::View;

/// A log in a store, with its plain files.
#[derive(Debug)]
pub struct Log<S> {
    store: S,
    files: Files,
    key: VerifierKey,
    tree: Tree,
    checkpoint: Option<SignedCheckpoint>,
    cosigned: Option<SignedCheckpoint>,
    report: OpenReport,
    failed: bool,
}

impl<S: Store> Log<S> {
    /// Appends entries and returns their indices, once they are durable. An entry that is in the log
    /// already keeps its index.
    ///
    /// # Errors
    /// [`LogError::Oversize`] appends nothing. After any other error the log must be opened again
    /// to know what it holds; it holds the whole batch or nothing of it.
    pub fn append_batch<B: AsRef<[u8]>>(&mut self, entries: &[B]) -> Result<Vec<u64>, LogError> {
        self.may_write()?;
        let mut fresh: Vec<(&[u8], Digest)> = Vec::new();
        let mut pending = HashMap::new();
        let mut indices = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
            if entry.len() > MAX_ENTRY {
                return Err(LogError::Oversize {
                    place,
                    size: entry.len(),
                });
            }
            let digest = Digest::of(entry);
            let known = pending.get(&digest).copied();
            let known = if known.is_some() {
                known
            } else {
                self.find(&digest)?
            };
            let index = known.unwrap_or(self.size() + fresh.len() as u64);
            if known.is_none() {
                pending.insert(digest, index);
                fresh.push((entry, digest));
            }
            indices.push(index);
        }
        if !fresh.is_empty() {
            let tree = self.extended(fresh.iter().map(|(entry, _)| *entry));
            self.commit(&fresh, tree, None)?;
        }
        Ok(indices)
    }

    const fn may_write(&self) -> Result<(), LogError> {
        if self.failed {
            Err(LogError::Failed)
        } else {
            Ok(())
        }
    }

    /// The tree as it would be with further entries, and the tiles they complete.
    pub(crate) fn extended<'a>(&self, entries: impl Iterator<Item = &'a [u8]>) -> Extended {
        let mut tree = self.tree.clone();
        let mut leaves = Vec::new();
        let mut tiles = Batch::default();
        for entry in entries {
            let leaf = TreeHash::leaf(entry);
            leaves.push(leaf);
            tree.push(leaf, &mut |level, index, hashes: &[TreeHash]| {
                tiles.put(schema::tile_key(level, index), schema::encode_tile(hashes));
            });
        }
        Extended { tree, leaves, tiles }
    }

    /// Writes checked entries, and the checkpoint that came with them, in one batch.
    pub(crate) fn commit(
        &mut self,
        fresh: &[(&[u8], Digest)],
        extended: Extended,
        checkpoint: Option<SignedCheckpoint>,
    ) -> Result<(), LogError> {
        self.may_write()?;
        let mut batch = extended.tiles;
        let first = self.size();
        if first == 0 {
            batch.put(schema::KEY, self.key.to_string());
        }
        for ((index, (entry, digest)), leaf) in (first..).zip(fresh).zip(&extended.leaves) {
            batch.put(schema::entry_key(index), schema::encode_entry(leaf, entry));
            batch.put(schema::digest_key(digest), index.to_be_bytes());
        }
        if let Some(checkpoint) = &checkpoint {
            batch.put(schema::CHECKPOINT, checkpoint.as_bytes());
        }
        self.failed = true;
        self.store.write(batch)?;
        self.store.flush()?;
        self.failed = false;
        self.tree = extended.tree;
        self.after_commit(first, checkpoint);
        Ok(())
    }

    /// The files lag behind the database without harm, so their trouble does not undo an append; the
    /// next append, checkpoint or start makes up for it.
    fn after_commit(&mut self, first: u64, checkpoint: Option<SignedCheckpoint>) {
        let mut done = self.files.acknowledge(self.size()).map_err(LogError::from);
        if let Some(checkpoint) = checkpoint {
            done = done.and_then(|()| self.publish(&checkpoint));
            self.checkpoint = Some(checkpoint);
        } else if first / TILE_WIDTH != self.size() / TILE_WIDTH {
            let view = View {
                store: &self.store,
                tree: &self.tree,
            };
            done = done.and_then(|()| self.files.write_full(&view));
        }
        if let Err(error) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the plain files lag behind the database"
            );
        }
    }

    fn publish(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), LogError> {
        let old = self.checkpoint.as_ref().map_or(0, SignedCheckpoint::size);
        let view = View {
            store: &self.store,
            tree: &self.tree,
        };
        self.files.publish(&view, old, checkpoint)
    }

    /// Where the entry with this digest stands.
    ///
    /// # Errors
    /// [`LogError::Store`].
    pub fn find(&self, digest: &Digest) -> Result<Option<u64>, LogError> {
        // After a failed write the store may list entries that were never acknowledged.
        Ok(schema::find(&self.store, digest)?.filter(|index| *index < self.size()))
    }

    /// One entry.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`], or [`LogError::Damaged`] naming the entry.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        self.view().entry(index)
    }

    /// Neighbouring entries from `range`, cut at the log's end and before `max_bytes` are exceeded;
    /// the first one is always given, so that a reader gets on.
    ///
    /// # Errors
    /// [`LogError::Damaged`] naming the entry.
    pub fn entries(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Vec<u8>>, LogError> {
        let mut found = Vec::new();
        let mut total = 0_usize;
        for index in range.start..range.end.min(self.size()) {
            let entry = self.entry(index)?;
            total = total.saturating_add(entry.len());
            if total > max_bytes && !found.is_empty() {
                break;
            }
            found.push(entry);
        }
        Ok(found)
    }

    /// How many entries are durable.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root of all of them.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.tree.root()
    }

    /// The root of the first `size` entries.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`].
    pub fn root_at(&self, size: u64) -> Result<TreeHash, LogError> {
        self.view().root_at(size)
    }

    /// The proof that entry `index` is among the first `size`.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`].
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<TreeHash>, LogError> {
        self.view().inclusion(index, size)
    }

    /// The proof that the first `new` entries begin with the first `old`.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`].
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, LogError> {
        self.view().consistency(old, new)
    }

    /// The hashes of a tile, for serving it.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] where the log has no such tile, or not so wide a one.
    pub fn tile(&self, tile: Tile) -> Result<Vec<TreeHash>, LogError> {
        self.view().tile(tile)
    }

    /// What a checkpoint signed now would say.
    #[must_use]
    pub fn head(&self) -> Checkpoint {
        Checkpoint {
            origin: self.key.origin().clone(),
            size: self.size(),
            root: self.root(),
            extensions: Vec::new(),
        }
    }

    /// The latest signed checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// Signs the head and stores that. Publish the checkpoint only after this returns.
    ///
    /// # Errors
    /// As [`Log::set_checkpoint`].
    pub fn sign_checkpoint(&mut self, key: &Keypair) -> Result<SignedCheckpoint, LogError> {
        let signed = self.head().sign(key)?;
        self.set_checkpoint(signed.clone())?;
        Ok(signed)
    }

    /// Stores a checkpoint of this log: a newer one, or the same with more signatures. The plain files
    /// are complete up to it when this returns.
    ///
    /// # Errors
    /// [`LogError::Checkpoint`], [`LogError::CheckpointOlder`], [`LogError::CheckpointRoot`],
    /// [`LogError::OutOfRange`]; nothing is changed then.
    pub fn set_checkpoint(&mut self, signed: SignedCheckpoint) -> Result<(), LogError> {
        self.may_write()?;
        self.may_replace(self.checkpoint.as_ref(), &signed)?;
        // Files first: whatever a published checkpoint covers can be rebuilt.
        self.publish(&signed)?;
        let mut batch = Batch::default();
        batch.put(schema::KEY, self.key.to_string());
        batch.put(schema::CHECKPOINT, signed.as_bytes());
        self.store.write(batch)?;
        self.store.flush()?;
        self.checkpoint = Some(signed);
        Ok(())
    }

    /// Whether `signed` may take the place of `held`: it is of this log, and not older.
    fn may_replace(
        &self,
        held: Option<&SignedCheckpoint>,
        signed: &SignedCheckpoint,
    ) -> Result<(), LogError> {
        signed.verify(&self.key)?;
        let held = held.map_or(0, SignedCheckpoint::size);
        if signed.size() < held {
            return Err(LogError::CheckpointOlder {
                offered: signed.size(),
                held,
            });
        }
        if self.root_at(signed.size())? != *signed.root() {
            return Err(LogError::CheckpointRoot { size: signed.size() });
        }
        Ok(())
    }

    /// Writes the log up to its checkpoint into the folder `path`, in the `tlog-tiles` layout: what
    /// any static file server can offer. An earlier export there is brought up to date.
    ///
    /// # Errors
    /// [`LogError::NoCheckpoint`], [`LogError::ExportTarget`], [`LogError::Files`].
    pub fn export(&self, path: &Path) -> Result<(), LogError> {
        let checkpoint = self.checkpoint.as_ref().ok_or(LogError::NoCheckpoint)?;
        let mut files = Files::open(path);
        let other = || LogError::ExportTarget {
            path: path.to_owned(),
        };
        let old = match files.checkpoint(&self.key).map_err(|_| other())? {
            None if files.in_full_bundles() > 0 => return Err(other()),
            None => 0,
            Some(old) if old.size() > checkpoint.size() || self.root_at(old.size())? != *old.root() => {
                return Err(other());
            }
            Some(old) => old.size(),
        };
        files.publish(&self.view(), old, checkpoint)?;
        if let Some(cosigned) = self
            .cosigned
            .as_ref()
            .filter(|one| one.size() <= checkpoint.size())
        {
            files.write_cosigned(cosigned)?;
        }
        Ok(())
    }

    /// The key under which this log's checkpoints are verified.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// What opening found and mended.
    #[must_use]
    pub const fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Closes the log and gives back its store.
    #[cfg(test)]
    pub(crate) fn into_store(self) -> S {
        self.store
    }

    const fn view(&self) -> View<'_, S> {
        View {
            store: &self.store,
            tree: &self.tree,
        }
    }
}

/// A tree with entries that are not in the log yet.
#[derive(Debug)]
pub(crate) struct Extended {
    pub(crate) tree: Tree,
    leaves: Vec<TreeHash>,
    tiles: Batch,
}

#[cfg(test)]
mod tests;
