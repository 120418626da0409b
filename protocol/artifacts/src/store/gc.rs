//! Making room: what nothing names goes first, then whole artifacts, the least recently used one first.
//!
//! What must stay (pinned, in use, under assembly) is never touched, nor any blob it names. Where even
//! the removal of everything else would not make the room that a write needs, nothing is removed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Weak;

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use super::error::{Context, StoreError};
use super::index::{PartialKey, State, count_down, footprint};
use super::{Store, blob, partial};
use crate::manifest::Manifest;

/// What a collection removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The artifacts that are gone, in the order they went.
    pub artifacts: Vec<ArtifactId>,
    /// The bytes that are free now.
    pub bytes: u64,
}

type Victim = (ArtifactId, Option<Manifest>);

impl Store {
    /// Removes what nothing names, and then artifacts until at most `goal` bytes are left, or only such
    /// as must stay. A goal of 0 keeps exactly those.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn collect_garbage(&self, goal: u64) -> Result<Collected, StoreError> {
        let mut state = self.state();
        let before = used(&state);
        self.remove_unnamed(&mut state)?;
        let (victims, _) = self.victims(&state, goal);
        let artifacts = victims.iter().map(|(id, _)| *id).collect();
        self.remove_all(&mut state, victims)?;
        Ok(Collected {
            artifacts,
            bytes: before.saturating_sub(used(&state)),
        })
    }

    /// Makes room for `bytes` more, where it is not there and can be had.
    pub(super) fn make_room(&self, state: &mut State, bytes: u64) -> Result<(), StoreError> {
        let Some(goal) = state.quota.checked_sub(bytes) else {
            return Ok(());
        };
        if used(state) <= goal {
            return Ok(());
        }
        self.remove_unnamed(state)?;
        let (victims, left) = self.victims(state, goal);
        if left <= goal {
            self.remove_all(state, victims)?;
        }
        Ok(())
    }

    /// Removes blobs and downloads that no artifact names.
    fn remove_unnamed(&self, state: &mut State) -> Result<(), StoreError> {
        let blobs: Vec<_> = state
            .blobs
            .keys()
            .filter(|digest| !state.is_needed(digest))
            .copied()
            .collect();
        for digest in blobs {
            self.remove_blob(state, &digest)?;
        }
        let partials: Vec<_> = state
            .partials
            .keys()
            .filter(|key| !state.is_needed(&key.0))
            .copied()
            .collect();
        for key in partials {
            self.remove_partial(state, key)?;
        }
        Ok(())
    }

    /// The artifacts to remove to come down to `goal`, and how many bytes would be left.
    fn victims(&self, state: &State, goal: u64) -> (Vec<Victim>, u64) {
        let mut left = used(state);
        let mut refs = state.refs.clone();
        let mut by_use: Vec<_> = state
            .artifacts
            .iter()
            .filter(|(id, _)| !state.is_kept(id))
            .collect();
        by_use.sort_by_key(|(id, used)| (**used, **id));
        let mut victims = Vec::new();
        for (&id, _) in by_use {
            if left <= goal {
                break;
            }
            let manifest = self.read_manifest(id).ok();
            if let Some(manifest) = &manifest {
                left = left.saturating_sub(would_free(state, &mut refs, id, manifest));
            }
            victims.push((id, manifest));
        }
        (victims, left)
    }

    fn remove_all(&self, state: &mut State, victims: Vec<Victim>) -> Result<(), StoreError> {
        for (id, manifest) in victims {
            self.remove_artifact(state, id, manifest.as_ref())?;
        }
        Ok(())
    }

    /// Forgets an artifact, then removes the blobs that only it named. Without a readable manifest its
    /// blobs stay until the store is opened anew, when nothing names them any more.
    pub(super) fn remove_artifact(
        &self,
        state: &mut State,
        id: ArtifactId,
        manifest: Option<&Manifest>,
    ) -> Result<(), StoreError> {
        remove(&self.mark_path(id))?;
        state.artifacts.remove(&id);
        tracing::debug!(%id, "artifact removed");
        let Some(manifest) = manifest else { return Ok(()) };
        for digest in state.drop_refs(id, manifest) {
            self.remove_blob(state, &digest)?;
            let partials: Vec<_> = state
                .partials
                .keys()
                .filter(|key| key.0 == digest)
                .copied()
                .collect();
            for key in partials {
                self.remove_partial(state, key)?;
            }
        }
        Ok(())
    }

    pub(super) fn remove_blob(&self, state: &mut State, digest: &Digest) -> Result<(), StoreError> {
        let path = self.blob_path(digest);
        remove(&blob::tree_path(&path))?;
        remove(&path)?;
        state.drop_blob(digest);
        Ok(())
    }

    fn remove_partial(&self, state: &mut State, key: PartialKey) -> Result<(), StoreError> {
        if state
            .partials
            .get(&key)
            .is_some_and(|open| Weak::strong_count(open) > 0)
        {
            return Ok(());
        }
        partial::remove_files(&self.partial_path(key))?;
        state.partials.remove(&key);
        state.release(footprint(key.1));
        Ok(())
    }
}

fn used(state: &State) -> u64 {
    state.stored.saturating_add(state.reserved)
}

/// Counts an artifact's blobs down in `refs` and adds up those that would have no name left.
fn would_free(state: &State, refs: &mut HashMap<Digest, u32>, id: ArtifactId, manifest: &Manifest) -> u64 {
    let named = std::iter::once(id.0).chain(manifest.files().iter().map(|file| file.digest));
    let mut bytes = 0;
    for digest in named {
        if count_down(refs, &digest) && !state.drafted.contains_key(&digest) {
            bytes += state.blobs.get(&digest).map_or(0, |size| footprint(*size));
            bytes += state
                .partials
                .keys()
                .filter(|key| key.0 == digest)
                .map(|key| footprint(key.1))
                .sum::<u64>();
        }
    }
    bytes
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
