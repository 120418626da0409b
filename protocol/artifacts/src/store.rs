//! The store: where artifacts rest on one node's disk.
//!
//! ```text
//! lock                 held by the one process that uses the store
//! blobs/ab/cdef…       a blob, named by its BLAKE3 digest; a manifest is a blob too
//! blobs/ab/cdef….tree  its inner hash nodes, where it has more than 16 KiB: ranges are served from them
//! artifacts/ID         an empty mark: blob ID is the manifest of an artifact. Its time is its last use
//! pins/ID              why the artifact must stay: a JSON list of reasons
//! partial/DIGEST-SIZE  a download under way; with .map, which of its groups are there
//! tmp/                 what is being written; emptied when the store is opened
//! ```
//!
//! Promises
//! - A blob appears under its name whole, synced and hashed, or not at all. Two writers of one blob do
//!   no harm. A mark appears only after its manifest is durable, and with [`Store::add_dir`] and the
//!   other ways to add, only after every blob is.
//! - The bytes of blobs, trees, downloads under way and writes in progress never exceed the quota. To
//!   make room the least recently used artifacts go; never a pinned one, never one in use, never a blob
//!   that an artifact which stays names.
//! - A full disk is [`StoreError::DiskFull`], and what was being written is gone.
//! - Nothing on disk is trusted when it is read out: [`Store::unpack`] and serving check each byte.
//!
//! Not promised: that a blob survives a failing disk. [`Store::verify`] finds such a blob and
//! [`Store::repair`] drops it, so that the next fetch brings it again.
//!
//! Every call blocks; async code calls through `spawn_blocking`.

mod blob;
mod dir;
mod draft;
mod error;
mod gc;
mod index;
mod open;
mod partial;
mod pins;
mod unpack;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use crate::manifest::Manifest;

pub(crate) use blob::BlobReader;
pub use draft::Draft;
pub use error::{Problem, StoreError};
pub use gc::Collected;
pub use index::Hold;
pub(crate) use partial::{Partial, Partially};

use error::Context;
use index::State;

/// How much is read at once where a whole blob is copied: enough for BLAKE3 to hash many chunks abreast.
pub(crate) const READ_SIZE: usize = 128 << 10;

/// The most files and bytes that may be taken in at once. Bounds, not promises: quota and disk may say no earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most files.
    pub files: usize,
    /// The most bytes of all files together.
    pub bytes: u64,
}

/// One artifact as [`Store::list`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactInfo {
    /// Its id.
    pub id: ArtifactId,
    /// How many files it has.
    pub files: usize,
    /// How many bytes its files have together.
    pub bytes: u64,
    /// Whether every blob is here.
    pub complete: bool,
    /// When it was last added, fetched, unpacked or served.
    pub last_used: SystemTime,
    /// Why it must stay; it may be collected where there is no reason.
    pub pins: Vec<String>,
}

/// How much the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes of blobs and trees.
    pub stored: u64,
    /// Bytes set aside for downloads under way and writes in progress.
    pub reserved: u64,
    /// The most that both may come to.
    pub quota: u64,
}

/// A content-addressed store of artifacts. Share it as `Arc<Store>`.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    state: Mutex<State>,
    /// Locked for as long as the store is open.
    _lock: std::fs::File,
}

impl Store {
    /// The artifacts this store knows, complete or not, in the order of their ids.
    ///
    /// # Errors
    /// Where a manifest cannot be read.
    pub fn list(&self) -> Result<Vec<ArtifactInfo>, StoreError> {
        let known: Vec<_> = self
            .state()
            .artifacts
            .iter()
            .map(|(id, used)| (*id, *used))
            .collect();
        let mut list = Vec::with_capacity(known.len());
        for (id, last_used) in known {
            let manifest = match self.manifest(id) {
                // Collected since the list was drawn up.
                Err(StoreError::Unknown(_)) => continue,
                other => other?,
            };
            list.push(ArtifactInfo {
                id,
                files: manifest.files().len(),
                bytes: manifest.total_size(),
                complete: self.missing_of(&manifest).is_empty(),
                last_used,
                pins: self.pins(id),
            });
        }
        Ok(list)
    }

    /// Whether the artifact is here with all its blobs.
    #[must_use]
    pub fn has(&self, id: ArtifactId) -> bool {
        self.missing(id).is_ok_and(|missing| missing.is_empty())
    }

    /// The manifest of an artifact, complete or not.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where it is not here.
    pub fn manifest(&self, id: ArtifactId) -> Result<Manifest, StoreError> {
        if !self.state().artifacts.contains_key(&id) {
            return Err(StoreError::Unknown(id));
        }
        self.read_manifest(id)
    }

    /// The blobs of an artifact that are not here yet, with their sizes, each once.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the artifact is not here.
    pub fn missing(&self, id: ArtifactId) -> Result<Vec<(Digest, u64)>, StoreError> {
        Ok(self.missing_of(&self.manifest(id)?))
    }

    fn missing_of(&self, manifest: &Manifest) -> Vec<(Digest, u64)> {
        let state = self.state();
        let mut seen = std::collections::HashSet::new();
        manifest
            .files()
            .iter()
            .filter(|file| {
                state.blobs.get(&file.digest) != Some(&file.size) && seen.insert((file.digest, file.size))
            })
            .map(|file| (file.digest, file.size))
            .collect()
    }

    /// How much the store holds.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let state = self.state();
        Usage {
            stored: state.stored,
            reserved: state.reserved,
            quota: state.quota,
        }
    }

    /// Changes the quota. A lower one takes effect with the next write or collection.
    pub fn set_quota(&self, bytes: u64) {
        self.state().quota = bytes;
    }

    /// Keeps the artifact from being collected while the guard lives, whether it is here yet or not.
    #[must_use]
    pub fn hold(self: &Arc<Self>, id: ArtifactId) -> Hold {
        Hold::new(Arc::clone(self), id)
    }

    /// Notes that the artifact was used just now.
    pub(crate) fn touch(&self, id: ArtifactId) {
        let mut state = self.state();
        let now = state.next_moment();
        if let Some(used) = state.artifacts.get_mut(&id) {
            *used = now;
            // The order of use is a hint for collection; a mark that cannot be dated is not worth failing for.
            let path = self.mark_path(id);
            if let Err(error) = std::fs::File::options()
                .write(true)
                .open(path)
                .and_then(|mark| mark.set_modified(now))
            {
                tracing::debug!(%id, %error, "the time of last use was not noted");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No invariant of the state spans a call that can panic, so a poisoned lock is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_manifest(&self, id: ArtifactId) -> Result<Manifest, StoreError> {
        open::read_manifest(&self.blob_path(&id.0), id)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        blob::path(&self.root, digest)
    }

    fn mark_path(&self, id: ArtifactId) -> PathBuf {
        self.root.join("artifacts").join(id.to_string())
    }

    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// Makes the names in a folder durable.
fn sync_dir(path: &Path) -> Result<(), StoreError> {
    std::fs::File::open(path)
        .and_then(|dir| dir.sync_all())
        .at("sync", path)
}

#[cfg(test)]
mod tests;
