//! The offline audit: everything is recomputed from the entries, from the first one on, and compared
//! with what is stored and with the signed checkpoint. It changes nothing.
//!
//! It proves that the log is the one its coordinator signed. Whether the entries obey the rules about
//! records is `quorate-core`'s audit.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, VerifierKey};
use crate::files::{self, Files, FilesError};
use crate::log::{check, schema};
use crate::store::{Store, StoreError};
use crate::tree::TreeHash;

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// It is not there, or cut short.
    #[error("is missing")]
    Missing,
    /// Its checksum is wrong.
    #[error("cannot be read: its checksum is wrong")]
    Unreadable,
    /// It does not hash to the leaf hash stored for it.
    #[error("does not hash to the leaf hash stored for it")]
    HashDiffers,
    /// Its bundle goes on after it.
    #[error("is followed by bytes that belong to no entry")]
    Trailing,
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// An entry changed.
    #[error("entry {index} {damage}")]
    Entry {
        /// The first such entry.
        index: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A stored tile is not what the entries give. The entries match their leaf hashes.
    #[error(
        "hash tile {index} of level {level} is not what the entries give; the entries match their leaf hashes"
    )]
    Tile {
        /// The tile's level.
        level: u8,
        /// The tile's number.
        index: u64,
    },
    /// An entry cannot be found by its digest.
    #[error("entry {index} is not listed under its digest")]
    Digest {
        /// The entry.
        index: u64,
    },
    /// The checkpoint beside the entries changed.
    #[error("the stored checkpoint cannot be read or is not signed by the log's key")]
    Checkpoint,
    /// The database's own files are damaged.
    #[error("the database cannot be read ({reason})")]
    Engine {
        /// What the engine said.
        reason: String,
    },
    /// There are fewer entries than the checkpoint says.
    #[error("there are {have} entries, but the checkpoint is of {size}")]
    Short {
        /// How many there are.
        have: u64,
        /// How many there should be.
        size: u64,
    },
    /// The entries match their leaf hashes, but these do not give the signed root.
    #[error(
        "all entries match their leaf hashes, but the root of the first {size} is {computed}, not {signed} as signed: \
         entries were replaced together with their hashes"
    )]
    Root {
        /// The checkpoint's size.
        size: u64,
        /// What the entries give.
        computed: TreeHash,
        /// What was signed.
        signed: TreeHash,
    },
}

impl Finding {
    pub(crate) const fn root(checkpoint: &SignedCheckpoint, computed: TreeHash) -> Self {
        Self::Root {
            size: checkpoint.size(),
            computed,
            signed: *checkpoint.root(),
        }
    }
}

/// Why an audit failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The log is damaged or was altered.
    #[error("the log is not what was signed: fetch it again from a peer and keep this copy as evidence")]
    Found(#[from] Finding),
    /// The checkpoint is no checkpoint of this log.
    #[error("the checkpoint cannot be trusted")]
    Checkpoint(#[from] CheckpointError),
    /// There is nothing signed to compare the files with.
    #[error("{} has no checkpoint: it is no export of a log, or the checkpoint was removed", path.display())]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// The database could not be read.
    #[error("the database cannot be read")]
    Store(#[from] StoreError),
    /// The plain files could not be read.
    #[error("the plain files cannot be read")]
    Files(#[source] FilesError),
}

impl From<FilesError> for AuditError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Damaged { source, .. } => Self::Found(source),
            FilesError::Checkpoint { source, .. } => Self::Checkpoint(source),
            other => Self::Files(other),
        }
    }
}

/// A clean audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// How many entries were checked.
    pub entries: u64,
    /// The root of all of them.
    pub root: TreeHash,
    /// The verified checkpoint. Entries after it are checked, but signed by nobody yet.
    pub checkpoint: Option<Checkpoint>,
}

/// Audits the log in `store` against `key`.
///
/// # Errors
/// [`AuditError::Found`] names the first bad entry.
pub fn audit_store<S: Store>(store: &S, key: &VerifierKey) -> Result<AuditReport, AuditError> {
    let bytes = match store.get(schema::CHECKPOINT) {
        Err(StoreError::Corrupt { .. }) => return Err(Finding::Checkpoint.into()),
        other => other?,
    };
    let checkpoint = bytes
        .map(|bytes| SignedCheckpoint::open(&bytes, key))
        .transpose()?;
    let mut walk = check::walk(store, &checkpoint)?;
    if let Some(finding) = walk.bad.take() {
        return Err(finding.into());
    }
    checkpoint
        .iter()
        .try_for_each(|checkpoint| walk.compare(checkpoint))?;
    if let Some(fix) = walk.fixes.drain(..).next() {
        return Err(fix.finding.into());
    }
    Ok(AuditReport {
        entries: walk.tree.size(),
        root: walk.tree.root(),
        checkpoint: checkpoint.map(|signed| signed.checkpoint().clone()),
    })
}

/// Audits the plain files in the folder `path`, an export or a log's own, against `key`.
///
/// # Errors
/// [`AuditError::Found`] names the first bad entry.
pub fn audit_directory(path: &Path, key: &VerifierKey) -> Result<AuditReport, AuditError> {
    read_directory(path, key, &mut |_, _| {})
}

/// Audits as [`audit_directory`] does, and hands every entry with its index to `visit` on the way.
/// What was visited before an error is not to be trusted.
///
/// # Errors
/// As [`audit_directory`].
pub fn read_directory(
    path: &Path,
    key: &VerifierKey,
    visit: &mut dyn FnMut(u64, &[u8]),
) -> Result<AuditReport, AuditError> {
    let files = Files::open(path);
    let walked = files::walk(&files, key, &mut |index, entry, _| {
        visit(index, entry);
        Ok::<_, AuditError>(())
    })?;
    let signed = walked.checkpoint.ok_or_else(|| AuditError::NoCheckpoint {
        path: path.to_owned(),
    })?;
    Ok(AuditReport {
        entries: walked.entries,
        root: walked.root,
        checkpoint: Some(signed.checkpoint().clone()),
    })
}

#[cfg(test)]
mod tests;
