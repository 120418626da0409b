//! Handing in: the declared files of an attempt's work folder, and nothing else.
//!
//! The agent wrote that folder, so all of it is hostile: no link is followed, only regular files are
//! copied, and bounds hold on bytes as they are read, not as they were announced. A [`Defect`] is what
//! the agent did or left undone, and the attempt fails with it; [`HandInError::Host`] is this machine's
//! trouble and says nothing about the attempt.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use quorate_artifacts::Limits;
use quorate_core::text::Note;
use thiserror::Error;

use crate::declared::{Declared, DeclaredError};
use crate::tree::{Found, Tree, TreeError};

/// What is wrong with what the agent left: the attempt fails.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Defect {
    /// A declared file, or a declared folder with a file in it, is not there.
    #[error("the declared path `{0}` is missing from the work folder")]
    Missing(String),
    /// A link, device, socket or pipe.
    #[error("`{path}` is {kind}; only regular files are handed in")]
    NotRegular {
        /// Where.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A file name that no artifact may have.
    #[error("{0}")]
    Name(String),
    /// More than the task allows.
    #[error("the declared paths hold more than the {limit} {what} allowed")]
    TooMuch {
        /// Files or bytes.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
}

/// Why nothing was handed in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HandInError {
    /// The agent's doing.
    #[error(transparent)]
    Defect(#[from] Defect),
    /// A declaration in the bundle that no packed bundle should have.
    #[error("the declared path `{path}` {problem}; the bundle is unsound, report it to its author")]
    Declaration {
        /// The declaration.
        path: String,
        /// What is wrong with it.
        problem: DeclaredError,
    },
    /// This machine's trouble.
    #[error("cannot {action} `{}`", path.display())]
    Host {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// How much was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedIn {
    /// Files copied.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies the `declared` files of `work` into `into`, a new or empty folder, within `bounds`.
///
/// What was copied before an error stays there; the caller owns `into` and removes it.
///
/// # Errors
/// [`HandInError::Defect`] where the attempt has to fail, anything else where this host or the bundle is
/// at fault.
pub fn collect(work: &Path, declared: &[Note], into: &Path, bounds: Limits) -> Result<HandedIn, HandInError> {
    vacant(into).map_err(|source| host("hand in to", into, source))?;
    let tree = Tree::open(work).map_err(|error| host("open", work, io::Error::other(error)))?;
    let mut paths = BTreeSet::new();
    for text in declared {
        let one = Declared::parse(text.as_str()).map_err(|problem| HandInError::Declaration {
            path: text.to_string(),
            problem,
        })?;
        match one {
            Declared::File(path) => drop(paths.insert(path.to_owned())),
            Declared::Tree(path) => {
                let files = tree
                    .files(path, &|_| false)
                    .map_err(|error| blame(error, &tree))?;
                if files.is_empty() {
                    return Err(Defect::Missing(text.to_string()).into());
                }
                paths.extend(files);
            }
        }
        if paths.len() > bounds.files {
            return Err(Defect::TooMuch {
                what: "files",
                limit: bounds.files as u64,
            }
            .into());
        }
    }
    let mut bytes = 0;
    for path in &paths {
        let found = tree.file(path).map_err(|error| blame(error, &tree))?;
        bytes += copy(found, path, into, bounds.bytes - bytes)?.ok_or(Defect::TooMuch {
            what: "bytes",
            limit: bounds.bytes,
        })?;
    }
    Ok(HandedIn {
        files: paths.len(),
        bytes,
    })
}

/// Makes `into`, and refuses one with files in it: they would be handed in too.
fn vacant(into: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    match fs::read_dir(into)?.next() {
        Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        None => Ok(()),
    }
}

/// Copies one file; none where it has more than `room` bytes.
fn copy(found: Found, path: &str, into: &Path, room: u64) -> Result<Option<u64>, HandInError> {
    if found.size > room {
        return Ok(None);
    }
    let target = into.join(path);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|source| host("make", folder, source))?;
    }
    let mode = if found.executable { 0o755 } else { 0o644 };
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&target)
        .map_err(|source| host("write", &target, source))?;
    // One byte more than there is room for, so that a file that grows meanwhile is noticed.
    let copied = io::copy(&mut found.file.take(room.saturating_add(1)), &mut to)
        .map_err(|source| host("write", &target, source))?;
    Ok((copied <= room).then_some(copied))
}

fn host(action: &'static str, path: &Path, source: io::Error) -> HandInError {
    HandInError::Host {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Tells the agent's doing from this machine's trouble.
fn blame(error: TreeError, tree: &Tree) -> HandInError {
    match error {
        TreeError::Missing(path) => Defect::Missing(path).into(),
        TreeError::NotRegular { path, kind } => Defect::NotRegular { path, kind }.into(),
        TreeError::Path { .. } => Defect::Name(error.to_string()).into(),
        TreeError::TooMany(_) => Defect::TooMuch {
            what: "files and folders",
            limit: quorate_artifacts::manifest::MAX_FILES as u64,
        }
        .into(),
        // A file that the agent made unreadable, as far as the node's own user goes.
        TreeError::Io { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
            Defect::NotRegular {
                path,
                kind: "unreadable",
            }
            .into()
        }
        TreeError::Io { path, source } => host("read", &tree.path().join(path), source),
    }
}

#[cfg(test)]
mod tests;
