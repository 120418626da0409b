//! From a folder to an artifact and back: what bundles and agents have in common.
//!
//! The same files make the same artifact wherever they lie. Times, owners and umasks never count; whether
//! a file may be executed is read from its first bytes, because a binary ships files without their modes.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_artifacts::store::Draft;
use quorate_artifacts::{Limits, Mode, Store, StoreError};
use quorate_core::digest::ArtifactId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::tree::{Tree, TreeError};

/// The most files and bytes of a bundle or an agent.
pub const BOUNDS: Limits = Limits {
    files: 10_000,
    // Tier `full` carries data sets and models.
    bytes: 64 << 30,
};
/// The longest description: `bundle.json` enters the log in a record, which is bounded likewise.
pub const MAX_DESCRIPTION_BYTES: u64 = 48 * 1024;

/// Why a folder cannot be packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackingError {
    /// A file cannot be read, or is none that may be packed.
    #[error("{problem} (in `{}`)", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong below it.
        problem: String,
        /// Why, where the file system said no.
        source: Option<io::Error>,
    },
    /// The description is too long.
    #[error(
        "the description `{name}` has {bytes} bytes, more than {MAX_DESCRIPTION_BYTES}; shorten its texts and lists"
    )]
    Description {
        /// Its file name.
        name: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// The description cannot be written.
    #[error("the description cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an artifact is no bundle or agent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has more files or bytes than [`BOUNDS`].
    #[error("artifact {0} is larger than a bundle or agent may be; ask its author to pack less")]
    TooLarge(ArtifactId),
    /// A file that must be there is not.
    #[error("artifact {id} has no `{path}`, so it is no {kind}")]
    Missing {
        /// The artifact.
        id: ArtifactId,
        /// What it should be.
        kind: &'static str,
        /// What is missing.
        path: &'static str,
    },
    /// The description is longer than [`MAX_DESCRIPTION_BYTES`].
    #[error("the description of artifact {0} is longer than {MAX_DESCRIPTION_BYTES} bytes")]
    DescriptionTooLong(ArtifactId),
    /// The description is not what it should be.
    #[error("the description of artifact {id} cannot be read; it may be of another version of Quorate")]
    Description {
        /// The artifact.
        id: ArtifactId,
        /// Why.
        source: serde_json::Error,
    },
    /// The description breaks a rule.
    #[error("artifact {id} is unsound: {problem}")]
    Unsound {
        /// The artifact.
        id: ArtifactId,
        /// Which rules, and where.
        problem: String,
    },
    /// This machine's trouble.
    #[error("cannot read the description from a temporary folder")]
    Host(#[source] io::Error),
}

/// An artifact that is being packed.
pub(crate) struct Packing {
    draft: Draft,
}

impl Packing {
    pub(crate) fn new(store: &Arc<Store>) -> Self {
        Self {
            draft: store.draft(BOUNDS),
        }
    }

    /// Adds the description under `name`.
    pub(crate) fn describe(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
    ) -> Result<(), PackingError> {
        let bytes = serde_json::to_vec(value)?;
        if bytes.len() as u64 > MAX_DESCRIPTION_BYTES {
            return Err(PackingError::Description {
                name,
                bytes: bytes.len(),
            });
        }
        self.bytes(name, &bytes)
    }

    /// Adds `bytes` under the path `target`.
    pub(crate) fn bytes(&mut self, target: &str, mut bytes: &[u8]) -> Result<(), PackingError> {
        let size = bytes.len() as u64;
        Ok(self.draft.add(target, Mode::Plain, size, &mut bytes)?)
    }

    /// Adds the file at `path` in `tree` under the path `target`.
    pub(crate) fn file(&mut self, tree: &Tree, path: &str, target: &str) -> Result<(), PackingError> {
        let mut found = tree.file(path).map_err(|error| unreadable(tree.path(), error))?;
        let mode = mode_of(&mut found.file).map_err(|source| {
            unreadable(
                tree.path(),
                TreeError::Io {
                    path: path.to_owned(),
                    source,
                },
            )
        })?;
        Ok(self.draft.add(target, mode, found.size, &mut found.file)?)
    }

    /// Adds every file below `path` in `tree` that `skip` does not name, at its own path.
    pub(crate) fn files(
        &mut self,
        tree: &Tree,
        path: &str,
        skip: &dyn Fn(&str) -> bool,
    ) -> Result<(), PackingError> {
        let skip = |path: &str| is_cache(path) || skip(path);
        let files = tree
            .files(path, &skip)
            .map_err(|error| unreadable(tree.path(), error))?;
        files.iter().try_for_each(|path| self.file(tree, path, path))
    }

    pub(crate) fn commit(self) -> Result<ArtifactId, PackingError> {
        Ok(self.draft.commit()?)
    }
}

/// What Python leaves beside its sources, which would change an artifact from one run to the next.
pub(crate) fn is_cache(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "__pycache__" || name.ends_with(".pyc")
}

pub(crate) fn unreadable(folder: &Path, error: TreeError) -> PackingError {
    let problem = error.to_string();
    let source = match error {
        TreeError::Io { source, .. } => Some(source),
        _ => None,
    };
    PackingError::Folder {
        folder: folder.to_owned(),
        problem,
        source,
    }
}

/// Scripts with an interpreter line and ELF programs are executable, and nothing else.
fn mode_of(file: &mut File) -> io::Result<Mode> {
    let mut head = Vec::new();
    (&mut *file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    let executable = head.starts_with(b"#!") || head == b"\x7fELF";
    Ok(if executable { Mode::Executable } else { Mode::Plain })
}

/// Reads the description of an artifact, having checked its size and that the `required` paths are there
/// (a folder's path ends with `/`).
pub(crate) fn open<T: DeserializeOwned>(
    store: &Arc<Store>,
    id: ArtifactId,
    kind: &'static str,
    name: &'static str,
    required: &[&'static str],
) -> Result<T, OpenError> {
    let _hold = store.hold(id);
    let manifest = store.manifest(id)?;
    if manifest.files().len() > BOUNDS.files || manifest.total_size() > BOUNDS.bytes {
        return Err(OpenError::TooLarge(id));
    }
    let has = |path: &str| match path.ends_with('/') {
        true => manifest.files().iter().any(|file| file.path.starts_with(path)),
        false => manifest.get(path).is_some(),
    };
    if let Some(path) = required.iter().find(|path| !has(path)) {
        return Err(OpenError::Missing { id, kind, path });
    }
    let size = manifest
        .get(name)
        .ok_or(OpenError::Missing { id, kind, path: name })?
        .size;
    if size > MAX_DESCRIPTION_BYTES {
        return Err(OpenError::DescriptionTooLong(id));
    }
    let bytes = read(store, id, name)?;
    serde_json::from_slice(&bytes).map_err(|source| OpenError::Description { id, source })
}

/// Reads one file by way of a temporary folder, which also checks every blob of the artifact.
fn read(store: &Arc<Store>, id: ArtifactId, path: &str) -> Result<Vec<u8>, OpenError> {
    let scratch = tempfile::tempdir().map_err(OpenError::Host)?;
    let target = scratch.path().join("artifact");
    store.unpack(id, &target)?;
    std::fs::read(target.join(path)).map_err(OpenError::Host)
}
