//! Artifacts to and from tar streams, the form in which container engines take files in and give them out.
//!
//! An archive is written by whoever ran in the container, so it is read as a hostile text. Taken are
//! regular files and folders with plain relative paths, each named once. Everything else ends the call:
//! links of both kinds, devices, pipes, sparse files, absolute paths, `..`, names and numbers that
//! overflow their fields, contradicting headers. No path of an archive is ever used on this machine's file
//! system: the bytes go to the store, and a folder comes from [`Store::unpack`] under its own rules.

mod pax;
mod reader;

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

use quorate_core::digest::ArtifactId;
use thiserror::Error;

use crate::manifest::PathProblem;
use crate::store::{self, Limits, Store, StoreError};
use reader::{Entry, Reader};

/// Why an archive was not read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The stream failed.
    #[error("the archive's stream failed")]
    Stream(#[source] io::Error),
    /// The stream ended in the middle.
    #[error("the archive ends before its end mark; it was cut short")]
    Cut,
    /// Not tar, or tar that two readers could take for two things.
    #[error("entry {entry} of the archive is malformed: {what}")]
    Malformed {
        /// Which header, counted from 1.
        entry: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Something that is no file and no folder.
    #[error("the archive holds {kind} at {path:?}; an artifact holds regular files only")]
    NotRegular {
        /// Where.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path that breaks a rule.
    #[error("the archive's path {path:?} {problem}")]
    Path {
        /// The path, cut to a printable length.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// One path twice.
    #[error("the archive names {0:?} twice")]
    Duplicate(String),
    /// The store refused the files.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes in an archive as an artifact of at most as many files and bytes as `limits` say.
///
/// What follows the archive's end mark is not read.
///
/// # Errors
/// Where the archive is cut short, hostile or larger than allowed, or the store cannot take it.
pub fn unpack(store: &Arc<Store>, from: impl Read, limits: Limits) -> Result<ArtifactId, ArchiveError> {
    let mut reader = Reader::new(from);
    let mut draft = store.draft(limits);
    let mut seen = HashSet::new();
    while let Some(entry) = reader.next()? {
        let path = match &entry {
            Entry::Root => {
                draft.count_folder()?;
                continue;
            }
            Entry::Folder { path } | Entry::File { path, .. } => path,
        };
        if !seen.insert(path.clone()) {
            return Err(ArchiveError::Duplicate(path.clone()));
        }
        match entry {
            Entry::File { path, mode, size } => {
                draft
                    .add(&path, mode, size, &mut reader.body())
                    .map_err(|error| {
                        // The draft saw too few bytes: here that means the stream ended.
                        if matches!(error, StoreError::Changed(_)) {
                            ArchiveError::Cut
                        } else {
                            error.into()
                        }
                    })?
            }
            Entry::Folder { .. } | Entry::Root => draft.count_folder()?,
        }
    }
    Ok(draft.commit()?)
}

/// Writes an artifact as an archive: the same bytes for the same artifact, everywhere.
///
/// # Errors
/// [`StoreError::BadBlob`] where a blob is missing or damaged; the stream then ends in the middle.
pub fn pack(store: &Arc<Store>, id: ArtifactId, to: impl Write) -> Result<(), ArchiveError> {
    let _hold = store.hold(id);
    let manifest = store.manifest(id)?;
    store.touch(id);
    let mut builder = tar::Builder::new(to);
    for file in manifest.files() {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode.bits());
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(file.size);
        let mut blob = BufReader::with_capacity(store::READ_SIZE, store.read_checked(id, file)?);
        if let Err(error) = builder.append_data(&mut header, &file.path, &mut blob) {
            return Err(match blob.into_inner().failure() {
                Some(failure) => failure.into(),
                None => ArchiveError::Stream(error),
            });
        }
    }
    builder
        .into_inner()
        .and_then(|mut to| to.flush())
        .map_err(ArchiveError::Stream)
}

#[cfg(test)]
mod tests;
