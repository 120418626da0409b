//! A download under way: a file of the blob's full length, and a map of the groups that are there.
//!
//! Only verified bytes are written. The map reaches the disk after the bytes it speaks of, every
//! [`CHECKPOINT`] bytes and when the last user lets go, so a killed process loses at most that much. Should
//! a power cut leave the map ahead of the bytes all the same, the digest over the whole blob, taken before
//! it gets its name, notices; then the download begins again.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use quorate_core::Digest;

use super::error::{Context, StoreError};
use super::index::{PartialKey, State, footprint};
use super::{Store, blob, gc, sync_dir};
use crate::tree::GROUP;

pub(super) const MAP_SUFFIX: &str = ".map";

/// After how many new bytes the map is written.
const CHECKPOINT: u64 = 32 << 20;

/// A blob that is to be downloaded.
#[derive(Debug)]
pub(crate) enum Partially {
    /// It is here already.
    Here,
    /// Its groups go here.
    Open(Arc<Partial>),
}

/// An open download. Several writers may share it.
#[derive(Debug)]
pub(crate) struct Partial {
    digest: Digest,
    size: u64,
    path: PathBuf,
    data: File,
    map_file: File,
    map: Mutex<Map>,
}

#[derive(Debug)]
struct Map {
    bits: Vec<u8>,
    unsaved: u64,
}

impl Map {
    fn has(&self, group: u64) -> bool {
        self.bits
            .get((group / 8) as usize)
            .is_some_and(|byte| byte & (1 << (group % 8)) != 0)
    }

    fn set(&mut self, group: u64) {
        if let Some(byte) = self.bits.get_mut((group / 8) as usize) {
            *byte |= 1 << (group % 8);
        }
    }
}

fn map_len(size: u64) -> u64 {
    size.div_ceil(GROUP).div_ceil(8)
}

/// The digest and size in the name of a download's file.
pub(super) fn key_of(name: &str) -> Option<PartialKey> {
    let (digest, size) = name.split_once('-')?;
    Some((digest.parse().ok()?, size.parse().ok()?))
}

fn map_path(data: &Path) -> PathBuf {
    data.with_extension("map")
}

/// Whether a download found on disk can be gone on with.
pub(super) fn is_usable(path: &Path, size: u64) -> bool {
    let len = |path: &Path| fs::metadata(path).map(|meta| meta.len()).ok();
    len(path) == Some(size) && len(&map_path(path)) == Some(map_len(size))
}

/// Removes a download's files.
pub(super) fn remove_files(path: &Path) -> Result<(), StoreError> {
    gc::remove(path)?;
    gc::remove(&map_path(path))
}

impl Partial {
    fn open(path: PathBuf, key: PartialKey) -> Result<Self, StoreError> {
        let (digest, size) = key;
        let open = |path: &Path| {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .at("open", path)
        };
        let map_path = map_path(&path);
        let (data, map_file) = (open(&path)?, open(&map_path)?);
        if !is_usable(&path, size) {
            map_file
                .set_len(0)
                .and_then(|()| data.set_len(size))
                .at("write", &path)?;
            // Written, not only lengthened: the map must find its room when the disk is full.
            map_file
                .write_all_at(&vec![0; map_len(size) as usize], 0)
                .at("write", &map_path)?;
        }
        let mut bits = vec![0; map_len(size) as usize];
        map_file.read_exact_at(&mut bits, 0).at("read", &map_path)?;
        Ok(Self {
            digest,
            size,
            path,
            data,
            map_file,
            map: Mutex::new(Map { bits, unsaved: 0 }),
        })
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ranges of whole groups that are not there yet.
    pub(crate) fn missing(&self) -> Vec<Range<u64>> {
        let map = self.map();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for group in (0..self.size.div_ceil(GROUP)).filter(|&group| !map.has(group)) {
            let (start, end) = (group * GROUP, self.size.min((group + 1) * GROUP));
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }

    /// Writes verified bytes: whole groups from a group's beginning.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.data.write_all_at(bytes, offset).at("write to", &self.path)?;
        let mut map = self.map();
        let end = offset + bytes.len() as u64;
        for group in offset / GROUP..end.div_ceil(GROUP) {
            map.set(group);
        }
        map.unsaved += bytes.len() as u64;
        if map.unsaved >= CHECKPOINT {
            self.data.sync_data().at("sync", &self.path)?;
            self.save(&mut map)?;
        }
        Ok(())
    }

    fn save(&self, map: &mut Map) -> Result<(), StoreError> {
        self.map_file
            .write_all_at(&map.bits, 0)
            .at("write the map of", &self.path)?;
        map.unsaved = 0;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut map = self.map();
        if map.unsaved > 0
            && let Err(error) = self.save(&mut map)
        {
            tracing::warn!(%error, "the last part of a download will be fetched again");
        }
    }
}

impl Store {
    pub(super) fn partial_path(&self, key: PartialKey) -> PathBuf {
        self.root.join("partial").join(format!("{}-{}", key.0, key.1))
    }

    /// Opens the download of a blob, setting aside room for all of it where it is new.
    pub(crate) fn partial(&self, digest: Digest, size: u64) -> Result<Partially, StoreError> {
        let key = (digest, size);
        let mut state = self.state();
        if state.blobs.get(&digest) == Some(&size) {
            return Ok(Partially::Here);
        }
        let known = state.partials.get(&key);
        if let Some(open) = known.and_then(Weak::upgrade) {
            return Ok(Partially::Open(open));
        }
        if known.is_none() {
            self.make_room(&mut state, footprint(size))?;
            state.reserve(footprint(size))?;
            state.partials.insert(key, Weak::new());
        }
        match Partial::open(self.partial_path(key), key) {
            Ok(partial) => {
                let partial = Arc::new(partial);
                state.partials.insert(key, Arc::downgrade(&partial));
                Ok(Partially::Open(partial))
            }
            Err(error) => {
                self.forget(&mut state, key);
                Err(error)
            }
        }
    }

    /// Makes a download whose groups are all there a blob.
    ///
    /// # Errors
    /// [`StoreError::WrongDigest`] where the file was damaged on disk; the download is gone then.
    pub(crate) fn finish(&self, partial: &Partial) -> Result<(), StoreError> {
        let key = (partial.digest, partial.size);
        let (digest, nodes) = self.hash_file(&partial.data, partial.size, &partial.path)?;
        if digest != partial.digest {
            self.forget(&mut self.state(), key);
            return Err(StoreError::WrongDigest(partial.digest));
        }
        blob::seal(&partial.data).at("sync", &partial.path)?;
        let path = self.blob_path(&digest);
        self.shard(&path)?;
        let mut state = self.state();
        // Another user of the same download may have finished it meanwhile.
        if state.partials.contains_key(&key) {
            if state.blobs.get(&digest) != Some(&partial.size) {
                if let Some(nodes) = nodes {
                    let path = blob::tree_path(&path);
                    nodes
                        .persist(&path)
                        .map_err(|error| error.error)
                        .at("write", &path)?;
                }
                fs::rename(&partial.path, &path).at("write", &path)?;
                state.add_blob(digest, partial.size);
            }
            self.forget(&mut state, key);
        }
        drop(state);
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// Takes a download off the books and removes what is left of its files.
    fn forget(&self, state: &mut State, key: PartialKey) {
        let known = state.partials.remove(&key).is_some();
        if let Err(error) = remove_files(&self.partial_path(key)) {
            tracing::warn!(%error, "a download's files stay until the store is opened anew");
        }
        if known {
            state.release(footprint(key.1));
        }
    }
}
