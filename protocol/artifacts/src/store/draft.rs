//! An artifact being assembled: its files are stored one by one, and only `commit` makes them an artifact.
//!
//! All ways in lead through here (folders, bytes, archives), so the limits are enforced in one place. The
//! blobs of a draft cannot be collected; those of a draft that is dropped are garbage.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use super::error::{Context, StoreError};
use super::index::{count_down, count_up};
use super::{Limits, Store, sync_dir};
use crate::manifest::{File, MAX_FILES, Manifest, ManifestError, Mode, check_path};

/// An artifact being assembled.
#[derive(Debug)]
pub struct Draft {
    store: Arc<Store>,
    limits: Limits,
    files: Vec<File>,
    bytes: u64,
    folders: usize,
}

impl Store {
    /// Begins an artifact that may have as many files and bytes as `limits` say.
    #[must_use]
    pub fn draft(self: &Arc<Self>, limits: Limits) -> Draft {
        Draft {
            store: Arc::clone(self),
            limits,
            files: Vec::new(),
            bytes: 0,
            folders: 0,
        }
    }

    /// Adds an artifact of one plain file.
    ///
    /// # Errors
    /// As [`Draft::add`] and [`Draft::commit`].
    pub fn add_bytes(self: &Arc<Self>, path: &str, bytes: &[u8]) -> Result<ArtifactId, StoreError> {
        let size = bytes.len() as u64;
        let mut draft = self.draft(Limits {
            files: 1,
            bytes: size,
        });
        draft.add_slice(path, Mode::Plain, bytes)?;
        draft.commit()
    }

    /// Stores a manifest that came from elsewhere; its blobs may be missing still.
    pub(crate) fn add_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let id = manifest.id();
        if self.state().artifacts.contains_key(&id) {
            self.touch(id);
            return Ok(());
        }
        let bytes = manifest.bytes();
        let incoming = self.receive(&mut &*bytes, bytes.len() as u64, "the manifest")?;
        // Counted before it is named, so that a collection in between spares it.
        count_up(&mut self.state().drafted, id.0);
        let added = self.commit(incoming).and_then(|()| self.mark(id, manifest));
        count_down(&mut self.state().drafted, &id.0);
        added
    }

    /// Stores the bytes of a blob that came from elsewhere.
    pub(crate) fn add_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let incoming = self.receive(&mut &*bytes, bytes.len() as u64, "the blob")?;
        if incoming.digest != *digest {
            return Err(StoreError::WrongDigest(*digest));
        }
        self.commit(incoming)?;
        self.sync_blobs(&HashSet::from([*digest]))
    }

    /// Makes an artifact known. Its manifest must be stored.
    fn mark(&self, id: ArtifactId, manifest: &Manifest) -> Result<(), StoreError> {
        let path = self.mark_path(id);
        self.sync_blobs(&HashSet::from([id.0]))?;
        let mut state = self.state();
        if !state.artifacts.contains_key(&id) {
            std::fs::File::create(&path).at("write", &path)?;
            state.add_refs(id, manifest);
            let now = state.next_moment();
            state.artifacts.insert(id, now);
        }
        drop(state);
        self.touch(id);
        sync_dir(&self.root.join("artifacts"))
    }

    /// Makes the names of blobs durable.
    fn sync_blobs(&self, digests: &HashSet<Digest>) -> Result<(), StoreError> {
        let paths: Vec<_> = digests.iter().map(|digest| self.blob_path(digest)).collect();
        let shards: HashSet<_> = paths.iter().filter_map(|path| path.parent()).collect();
        shards.into_iter().try_for_each(sync_dir)
    }
}

impl Draft {
    /// Adds a file of exactly `size` bytes read from `from`.
    ///
    /// # Errors
    /// Where the path breaks a rule, a limit or the quota is exceeded, there are fewer or more bytes, or
    /// the disk fails. The draft is as it was before.
    pub fn add(&mut self, path: &str, mode: Mode, size: u64, from: &mut dyn Read) -> Result<(), StoreError> {
        self.check(path, size)?;
        let incoming = self.store.receive(from, size, path)?;
        let digest = incoming.digest;
        // Counted before it is named, so that a collection in between spares it.
        count_up(&mut self.store.state().drafted, digest);
        if let Err(error) = self.store.commit(incoming) {
            count_down(&mut self.store.state().drafted, &digest);
            return Err(error);
        }
        self.push(path, mode, size, digest);
        Ok(())
    }

    /// Adds a file of these bytes.
    ///
    /// # Errors
    /// As [`Draft::add`].
    pub fn add_slice(&mut self, path: &str, mode: Mode, bytes: &[u8]) -> Result<(), StoreError> {
        let size = bytes.len() as u64;
        self.check(path, size)?;
        if !self.add_known(path, mode, size, Digest::of(bytes))? {
            self.add(path, mode, size, &mut &*bytes)?;
        }
        Ok(())
    }

    /// Adds a file whose blob is here already, and says whether it is.
    pub(super) fn add_known(
        &mut self,
        path: &str,
        mode: Mode,
        size: u64,
        digest: Digest,
    ) -> Result<bool, StoreError> {
        self.check(path, size)?;
        let mut state = self.store.state();
        if state.blobs.get(&digest) != Some(&size) {
            return Ok(false);
        }
        count_up(&mut state.drafted, digest);
        drop(state);
        self.push(path, mode, size, digest);
        Ok(true)
    }

    /// Checks a file against the limits before any byte of it is read.
    pub(super) fn check(&self, path: &str, size: u64) -> Result<(), StoreError> {
        check_path(path).map_err(|problem| ManifestError::Path {
            path: path.chars().take(255).collect(),
            problem,
        })?;
        let files = self.limits.files.min(MAX_FILES);
        if self.files.len() >= files {
            return Err(StoreError::TooMuch {
                what: "files",
                limit: files as u64,
            });
        }
        match self.bytes.checked_add(size) {
            Some(bytes) if bytes <= self.limits.bytes => Ok(()),
            _ => Err(StoreError::TooMuch {
                what: "bytes",
                limit: self.limits.bytes,
            }),
        }
    }

    /// Counts a folder met on the way; they are not stored, but a source of endless ones is refused.
    pub(crate) fn count_folder(&mut self) -> Result<(), StoreError> {
        self.folders += 1;
        if self.folders > MAX_FILES {
            return Err(StoreError::TooMuch {
                what: "folders",
                limit: MAX_FILES as u64,
            });
        }
        Ok(())
    }

    fn push(&mut self, path: &str, mode: Mode, size: u64, digest: Digest) {
        self.bytes += size;
        self.files.push(File {
            digest,
            mode,
            path: path.to_owned(),
            size,
        });
    }

    /// Makes the files an artifact, once all of them are durable.
    ///
    /// # Errors
    /// Where the files make no valid manifest, or the disk fails.
    pub fn commit(self) -> Result<ArtifactId, StoreError> {
        let manifest = Manifest::new(self.files.clone())?;
        self.store
            .sync_blobs(&self.files.iter().map(|file| file.digest).collect())?;
        self.store.add_manifest(&manifest)?;
        Ok(manifest.id())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut state = self.store.state();
        for file in &self.files {
            count_down(&mut state.drafted, &file.digest);
        }
    }
}

impl Store {
    /// The digest of `size` bytes, without storing them.
    pub(super) fn digest_of(from: &mut dyn Read, size: u64, name: &str) -> Result<Digest, StoreError> {
        crate::tree::hash(from, size, std::io::sink()).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => StoreError::Changed(name.to_owned()),
            _ => StoreError::Io {
                action: "read",
                path: Path::new(name).to_owned(),
                source: error,
            },
        })
    }
}
