//! The manifest: which files an artifact has.
//!
//! An artifact's id is the BLAKE3 digest of its manifest's bytes, so a manifest has exactly one
//! spelling: JSON without white space, fields in alphabetical order, files in the byte order of their
//! paths. Bytes spelled otherwise are refused, never repaired. A [`Manifest`] that exists obeys every
//! rule of this module; whoever holds one may write its paths below a folder without looking again.

mod path;

use std::collections::{HashMap, HashSet};

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use path::folders;
pub use path::{MAX_DEPTH, MAX_PATH_BYTES, PathProblem, check_path};

/// The longest manifest that is written or read.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// The most files an artifact may have, and the most folders those files may lie in.
pub const MAX_FILES: usize = 20_000;
/// The most bytes the files may have together: the largest integer every JSON reader keeps exact.
pub const MAX_TOTAL_BYTES: u64 = (1 << 53) - 1;

/// Why a list of files, or the bytes of one, is no manifest.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More bytes than a manifest may have.
    #[error(
        "the manifest has {0} bytes, more than {MAX_MANIFEST_BYTES}; pack the files into fewer or shorten their paths"
    )]
    TooLong(usize),
    /// More files than an artifact may have.
    #[error("the artifact has {0} files, more than {MAX_FILES}; pack small files into archives")]
    TooManyFiles(usize),
    /// More folders than an artifact may have.
    #[error("the files lie in more than {MAX_FILES} folders; pack small files into archives")]
    TooManyFolders,
    /// The sizes add up to more than [`MAX_TOTAL_BYTES`].
    #[error("the files claim more than {MAX_TOTAL_BYTES} bytes together")]
    TooManyBytes,
    /// A path that could leave the artifact's folder or confuse a reader.
    #[error("the path {path:?} {problem}")]
    Path {
        /// The path, cut to a printable length.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// The same path twice.
    #[error("the path {0:?} appears twice")]
    Duplicate(String),
    /// One file's path is a folder of another's.
    #[error("the path {0:?} is a file and a folder at once")]
    FileAndFolder(String),
    /// One digest with two sizes: bytes have one length.
    #[error("the manifest gives two sizes for blob {0}")]
    TwoSizes(Digest),
    /// Not JSON, or not the fields of a manifest.
    #[error("these bytes are no manifest")]
    Syntax(#[source] serde_json::Error),
    /// A manifest, but not in its one spelling.
    #[error(
        "the manifest is not in canonical form, so its digest would not be its id; ask its author to pack it again"
    )]
    NotCanonical,
}

/// Whether a file may be executed. No other permission travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// `rw-r--r--`
    #[serde(rename = "0644")]
    Plain,
    /// `rwxr-xr-x`
    #[serde(rename = "0755")]
    Executable,
}

impl Mode {
    /// The permission bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }

    /// The mode of a file with these permission bits: executable where its owner may execute it.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        if bits & 0o100 == 0 {
            Self::Plain
        } else {
            Self::Executable
        }
    }
}

/// One file of an artifact. The fields stand in the order of their canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Whether it may be executed.
    pub mode: Mode,
    /// Where it lies, relative to the artifact's folder.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
}

/// The files of an artifact, valid and in canonical order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    files: Vec<File>,
    total: u64,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    files: Vec<File>,
}

impl Manifest {
    /// The manifest of `files`, which may come in any order.
    ///
    /// # Errors
    /// Where a rule of this module is broken; the error names the file.
    pub fn new(mut files: Vec<File>) -> Result<Self, ManifestError> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self::sorted(files)
    }

    /// Reads a manifest's bytes.
    ///
    /// # Errors
    /// Where they are too long, no manifest, break a rule, or are not the canonical spelling.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(ManifestError::Syntax)?;
        if !wire.files.is_sorted_by(|a, b| a.path <= b.path) {
            return Err(ManifestError::NotCanonical);
        }
        let manifest = Self::sorted(wire.files)?;
        if manifest.bytes != bytes {
            return Err(ManifestError::NotCanonical);
        }
        Ok(manifest)
    }

    fn sorted(files: Vec<File>) -> Result<Self, ManifestError> {
        let total = check(&files)?;
        let wire = Wire { files };
        let bytes = serde_json::to_vec(&wire).map_err(ManifestError::Syntax)?;
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        Ok(Self {
            files: wire.files,
            total,
            bytes,
        })
    }

    /// The artifact's id: the digest of the canonical bytes.
    #[must_use]
    pub fn id(&self) -> ArtifactId {
        ArtifactId(Digest::of(&self.bytes))
    }

    /// The canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The files, in the byte order of their paths.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The file at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&File> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()?;
        self.files.get(at)
    }

    /// How many bytes the files have together, a blob that is named twice counted twice.
    #[must_use]
    pub const fn total_size(&self) -> u64 {
        self.total
    }
}

impl Manifest {
    /// How many bytes the blobs have together, each counted once.
    pub(crate) fn distinct_size(&self) -> u64 {
        let blobs: HashMap<_, _> = self.files.iter().map(|file| (file.digest, file.size)).collect();
        blobs.values().sum()
    }
}

/// Checks sorted files against every rule and adds up their sizes.
fn check(files: &[File]) -> Result<u64, ManifestError> {
    if files.len() > MAX_FILES {
        return Err(ManifestError::TooManyFiles(files.len()));
    }
    let mut paths = HashSet::with_capacity(files.len());
    let mut sizes = HashMap::with_capacity(files.len());
    let mut total = 0_u64;
    for file in files {
        check_path(&file.path).map_err(|problem| ManifestError::Path {
            path: file.path.chars().take(MAX_PATH_BYTES).collect(),
            problem,
        })?;
        if !paths.insert(file.path.as_str()) {
            return Err(ManifestError::Duplicate(file.path.clone()));
        }
        if *sizes.entry(file.digest).or_insert(file.size) != file.size {
            return Err(ManifestError::TwoSizes(file.digest));
        }
        total = total
            .checked_add(file.size)
            .filter(|&total| total <= MAX_TOTAL_BYTES)
            .ok_or(ManifestError::TooManyBytes)?;
    }
    let mut seen = HashSet::new();
    for file in files {
        for folder in folders(&file.path) {
            if paths.contains(folder) {
                return Err(ManifestError::FileAndFolder(folder.to_owned()));
            }
            if seen.insert(folder) && seen.len() > MAX_FILES {
                return Err(ManifestError::TooManyFolders);
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests;
