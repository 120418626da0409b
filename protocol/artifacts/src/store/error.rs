//! What can go wrong in a store, and what to do then.

use std::io;
use std::path::{Path, PathBuf};

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use thiserror::Error;

use crate::manifest::ManifestError;

/// What is wrong with a stored blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It has another length.
    #[error("has {actual} bytes instead of {expected}")]
    Size {
        /// The bytes the manifest says.
        expected: u64,
        /// The bytes on disk.
        actual: u64,
    },
    /// Its bytes have another digest.
    #[error("has changed on disk")]
    Content,
}

/// Why a call on the store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system said no.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// No space left on the disk.
    #[error("the disk is full at `{}`; what was being written is removed again. Free some space and try once more", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// No room left in the quota.
    #[error(
        "{needed} more bytes do not fit: {used} of the quota of {quota} bytes are pinned or in use. Unpin artifacts or raise the quota"
    )]
    Quota {
        /// The bytes asked for.
        needed: u64,
        /// The bytes that cannot be freed.
        used: u64,
        /// The quota.
        quota: u64,
    },
    /// The artifact is not here.
    #[error("the store holds no artifact {0}; fetch or add it first")]
    Unknown(ArtifactId),
    /// A blob of an artifact is missing or damaged.
    #[error(
        "blob {digest} (`{path}` of artifact {artifact}) {problem}; repair the artifact and fetch it again"
    )]
    BadBlob {
        /// The artifact that names the blob.
        artifact: ArtifactId,
        /// The first path at which it names it.
        path: String,
        /// The blob.
        digest: Digest,
        /// What is wrong.
        problem: Problem,
    },
    /// Bytes that came under a digest which is not theirs.
    #[error("the bytes of blob {0} have another digest; nothing was stored")]
    WrongDigest(Digest),
    /// A link, device, socket or pipe where a file should be.
    #[error("`{path}` is {kind}; an artifact holds regular files only")]
    NotRegular {
        /// Where.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// More than the caller allows.
    #[error("more than the {limit} {what} allowed here")]
    TooMuch {
        /// Files, folders or bytes.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// The file was written to while it was read.
    #[error("`{0}` has other bytes than it said at first; add it again when nothing writes to it")]
    Changed(String),
    /// Something is in the folder already.
    #[error("`{}` is not an empty folder; choose an empty or a new one", .0.display())]
    TargetNotEmpty(PathBuf),
    /// Another process has the store open.
    #[error("another process uses the store at `{}`; stop it or choose another folder", .0.display())]
    Busy(PathBuf),
    /// The reason for a pin is no usable text.
    #[error("a reason for a pin is 1 to {max} bytes of text without control characters, and an artifact has at most {most} of them", max = super::pins::MAX_REASON, most = super::pins::MAX_REASONS)]
    Reason,
    /// The files make no valid manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Says on what an operation failed, and tells a full disk from other failures.
pub(super) trait Context<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| {
            let source: io::Error = error.into();
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull { path },
                _ => StoreError::Io { action, path, source },
            }
        })
    }
}
