//! Opening a store: takes the lock, sweeps what a crash left behind, and rebuilds the index.
//!
//! Swept: everything in `tmp/`, trees without a blob, maps without their download. Kept: downloads under
//! way, and blobs that nothing names, which the next collection takes. An artifact whose manifest can no
//! longer be read loses its mark, with a warning; its pin stays, so that fetching it again restores it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use super::error::{Context, Problem, StoreError};
use super::index::{State, footprint};
use super::{Store, blob, partial, pins};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};

impl Store {
    /// Opens the store at `root`, making it where there is none, to hold at most `quota` bytes.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where another process has it open; otherwise where the disk fails.
    pub fn open(root: &Path, quota: u64) -> Result<Arc<Self>, StoreError> {
        for folder in ["blobs", "artifacts", "pins", "partial", "tmp"] {
            let path = root.join(folder);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .at("make", &path)?;
        }
        let lock = lock(root)?;
        sweep_tmp(&root.join("tmp"))?;
        let mut state = State::new(quota);
        scan_blobs(root, &mut state)?;
        scan_artifacts(root, &mut state)?;
        scan_partials(root, &mut state)?;
        state.pins = pins::load(root)?;
        Ok(Arc::new(Self {
            root: root.to_owned(),
            state: Mutex::new(state),
            _lock: lock,
        }))
    }
}

fn lock(root: &Path) -> Result<fs::File, StoreError> {
    let path = root.join("lock");
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .at("open", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy(root.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(error).at("lock", &path),
    }
}

/// The entries of a folder of our own, with their names.
pub(super) fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut list = Vec::new();
    for entry in fs::read_dir(dir).at("read", dir)? {
        let entry = entry.at("read", dir)?;
        list.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    Ok(list)
}

fn sweep_tmp(tmp: &Path) -> Result<(), StoreError> {
    for (_, path) in entries(tmp)? {
        fs::remove_file(&path).at("remove", &path)?;
    }
    Ok(())
}

fn scan_blobs(root: &Path, state: &mut State) -> Result<(), StoreError> {
    let blobs = root.join("blobs");
    for (shard, dir) in entries(&blobs)? {
        let mut trees = Vec::new();
        for (name, path) in entries(&dir)? {
            if let Some(stem) = name.strip_suffix(blob::TREE_SUFFIX) {
                trees.push((format!("{shard}{stem}"), path));
            } else if let Ok(digest) = format!("{shard}{name}").parse::<Digest>() {
                let size = fs::metadata(&path).at("look at", &path)?.len();
                state.add_blob(digest, size);
            } else {
                tracing::warn!(path = %path.display(), "not a blob; left alone");
            }
        }
        for (name, path) in trees {
            if name
                .parse()
                .is_ok_and(|digest| !state.blobs.contains_key(&digest))
            {
                fs::remove_file(&path).at("remove", &path)?;
            }
        }
    }
    Ok(())
}

fn scan_artifacts(root: &Path, state: &mut State) -> Result<(), StoreError> {
    let marks = root.join("artifacts");
    for (name, path) in entries(&marks)? {
        let Ok(id) = name.parse::<ArtifactId>() else {
            tracing::warn!(path = %path.display(), "not an artifact's mark; left alone");
            continue;
        };
        match read_manifest(&blob::path(root, &id.0), id) {
            Ok(manifest) => {
                let used = fs::metadata(&path)
                    .and_then(|mark| mark.modified())
                    .at("look at", &path)?;
                state.remember_use(id, used);
                state.add_refs(id, &manifest);
            }
            Err(error) => {
                tracing::warn!(%id, %error, "the manifest cannot be read; fetch the artifact again");
                fs::remove_file(&path).at("remove", &path)?;
            }
        }
    }
    Ok(())
}

fn scan_partials(root: &Path, state: &mut State) -> Result<(), StoreError> {
    let partials = root.join("partial");
    for (name, path) in entries(&partials)? {
        if name.ends_with(partial::MAP_SUFFIX) {
            if !path.with_extension("").exists() {
                fs::remove_file(&path).at("remove", &path)?;
            }
            continue;
        }
        match partial::key_of(&name) {
            Some(key) if partial::is_usable(&path, key.1) && state.blobs.get(&key.0) != Some(&key.1) => {
                state.reserved = state.reserved.saturating_add(footprint(key.1));
                state.partials.insert(key, Weak::new());
            }
            _ => partial::remove_files(&path)?,
        }
    }
    Ok(())
}

/// Reads a manifest's blob: bounded, and checked against its id.
pub(super) fn read_manifest(path: &Path, id: ArtifactId) -> Result<Manifest, StoreError> {
    let bad = |problem| StoreError::BadBlob {
        artifact: id,
        path: "the manifest".to_owned(),
        digest: id.0,
        problem,
    };
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(bad(Problem::Missing)),
        other => other.at("open", path)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_MANIFEST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .at("read", path)?;
    if Digest::of(&bytes) != id.0 {
        return Err(bad(Problem::Content));
    }
    Ok(Manifest::from_bytes(&bytes)?)
}
