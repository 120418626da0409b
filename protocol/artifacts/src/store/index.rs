//! What the store knows in memory: which blobs are here, who names them, and how many bytes that makes.
//!
//! Pure bookkeeping without I/O. It is rebuilt from disk when the store is opened and changed under one
//! lock together with the rename or unlink that makes the change true.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use super::partial::Partial;
use super::{Store, StoreError};
use crate::manifest::Manifest;
use crate::tree;

/// What a blob of `size` bytes takes on disk, its inner nodes included.
pub(super) fn footprint(size: u64) -> u64 {
    size.saturating_add(tree::nodes_size(size))
}

/// Everything the store knows.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) quota: u64,
    /// Footprints of all blobs.
    pub(super) stored: u64,
    /// Footprints of partial downloads and of writes in progress.
    pub(super) reserved: u64,
    /// Blobs on disk and their sizes.
    pub(super) blobs: HashMap<Digest, u64>,
    /// Known artifacts and when they were last used.
    pub(super) artifacts: BTreeMap<ArtifactId, SystemTime>,
    /// How many known artifacts name a blob, as a file or as their manifest.
    pub(super) refs: HashMap<Digest, u32>,
    /// Blobs that an artifact under assembly needs.
    pub(super) drafted: HashMap<Digest, u32>,
    /// Artifacts in use right now.
    pub(super) held: HashMap<ArtifactId, u32>,
    pub(super) pins: BTreeMap<ArtifactId, BTreeSet<String>>,
    /// Downloads under way, by digest and declared size.
    pub(super) partials: HashMap<PartialKey, Weak<Partial>>,
    last_moment: Option<SystemTime>,
}

/// A download is known by digest and size: of two sizes that manifests claim, one must be a lie.
pub(super) type PartialKey = (Digest, u64);

impl State {
    pub(super) fn new(quota: u64) -> Self {
        Self {
            quota,
            ..Self::default()
        }
    }

    /// The time, but later than at every earlier call: the order of use survives a clock set back.
    pub(super) fn next_moment(&mut self) -> SystemTime {
        let mut now = SystemTime::now();
        if let Some(last) = self.last_moment
            && now <= last
        {
            now = last + Duration::from_nanos(1);
        }
        self.last_moment = Some(now);
        now
    }

    /// Notes when an artifact was last used, as its mark says.
    pub(super) fn remember_use(&mut self, id: ArtifactId, used: SystemTime) {
        self.artifacts.insert(id, used);
        self.last_moment = self.last_moment.max(Some(used));
    }

    pub(super) fn add_blob(&mut self, digest: Digest, size: u64) {
        if let Some(old) = self.blobs.insert(digest, size) {
            self.stored = self.stored.saturating_sub(footprint(old));
        }
        self.stored = self.stored.saturating_add(footprint(size));
    }

    pub(super) fn drop_blob(&mut self, digest: &Digest) {
        if let Some(size) = self.blobs.remove(digest) {
            self.stored = self.stored.saturating_sub(footprint(size));
        }
    }

    /// Counts the blobs of an artifact that becomes known.
    pub(super) fn add_refs(&mut self, id: ArtifactId, manifest: &Manifest) {
        for digest in named(id, manifest) {
            count_up(&mut self.refs, digest);
        }
    }

    /// Gives up the blobs of an artifact, and returns those that nothing needs any more.
    pub(super) fn drop_refs(&mut self, id: ArtifactId, manifest: &Manifest) -> Vec<Digest> {
        let mut free: Vec<_> = named(id, manifest)
            .filter(|digest| count_down(&mut self.refs, digest))
            .collect();
        free.retain(|digest| !self.is_needed(digest));
        free
    }

    /// Whether a known artifact or one under assembly names the blob.
    pub(super) fn is_needed(&self, digest: &Digest) -> bool {
        self.refs.contains_key(digest) || self.drafted.contains_key(digest)
    }

    /// Whether the artifact must stay.
    pub(super) fn is_kept(&self, id: &ArtifactId) -> bool {
        self.pins.contains_key(id) || self.held.contains_key(id)
    }

    /// Sets `bytes` aside.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), StoreError> {
        let used = self.stored.saturating_add(self.reserved);
        match used.checked_add(bytes) {
            Some(total) if total <= self.quota => {
                self.reserved = self.reserved.saturating_add(bytes);
                Ok(())
            }
            _ => Err(StoreError::Quota {
                needed: bytes,
                used,
                quota: self.quota,
            }),
        }
    }

    pub(super) fn release(&mut self, bytes: u64) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }
}

/// The blobs an artifact names, each as often as it names it; its manifest is one of them.
fn named(id: ArtifactId, manifest: &Manifest) -> impl Iterator<Item = Digest> {
    std::iter::once(id.0).chain(manifest.files().iter().map(|file| file.digest))
}

pub(super) fn count_up<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: K) {
    let count = counts.entry(key).or_insert(0);
    *count = count.saturating_add(1);
}

/// Counts down and says whether that was the last.
pub(super) fn count_down<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) -> bool {
    let Some(count) = counts.get_mut(key) else {
        return false;
    };
    *count -= 1;
    let last = *count == 0;
    if last {
        counts.remove(key);
    }
    last
}

/// Bytes set aside, given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation<'a> {
    store: &'a Store,
    bytes: u64,
}

impl Reservation<'_> {
    /// Passes the bytes on to whatever now accounts for them, under the caller's lock.
    pub(super) fn settle(mut self, state: &mut State) {
        state.release(self.bytes);
        self.bytes = 0;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.store.state().release(self.bytes);
        }
    }
}

impl Store {
    /// Sets aside room for a blob of `size` bytes, collecting garbage where that is needed and helps.
    pub(super) fn reserve(&self, size: u64) -> Result<Reservation<'_>, StoreError> {
        let bytes = footprint(size);
        let mut state = self.state();
        self.make_room(&mut state, bytes)?;
        state.reserve(bytes)?;
        Ok(Reservation { store: self, bytes })
    }

    /// Makes room for all of these blobs, less those whose download has its room already. Nothing is set
    /// aside; it spares beginning what cannot be finished.
    pub(crate) fn check_room(&self, blobs: &[(Digest, u64)]) -> Result<(), StoreError> {
        let mut state = self.state();
        let new = blobs.iter().filter(|blob| !state.partials.contains_key(blob));
        let bytes = new.fold(0_u64, |sum, (_, size)| sum.saturating_add(footprint(*size)));
        self.make_room(&mut state, bytes)?;
        state.reserve(bytes)?;
        state.release(bytes);
        Ok(())
    }
}

/// Keeps an artifact from being collected while it lives.
#[derive(Debug)]
pub struct Hold {
    store: Arc<Store>,
    id: ArtifactId,
}

impl Hold {
    pub(super) fn new(store: Arc<Store>, id: ArtifactId) -> Self {
        count_up(&mut store.state().held, id);
        Self { store, id }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        count_down(&mut self.store.state().held, &self.id);
    }
}
