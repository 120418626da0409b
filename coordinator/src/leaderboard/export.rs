//! The leaderboard as static files with relative links.
//!
//! Each file is written beside its place and renamed, so a reader sees the old or the new one and
//! never half of one. Pages come before the pages that link to them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::page::{attempt_page, attempt_path, render, top_level};
use super::{AttemptView, Leaderboard};

/// Why an export ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file or folder could not be written.
    #[error("cannot write `{}`: check that the folder exists, is yours, and has room", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A page could not be made.
    #[error("the page `{0}` could not be made")]
    Page(String),
}

/// Writes every page of `board`, its JSON and its text table under `dir`, and says how many files
/// that were. Files of an earlier export that have no successor stay.
///
/// # Errors
/// [`ExportError`]; what was written until then stays, each file whole.
pub fn export(dir: &Path, board: &Leaderboard) -> Result<usize, ExportError> {
    let attempts = board.attempts.iter().map(|attempt| page(board, attempt));
    let rest = top_level().map(|path| {
        let (_, bytes) = render(path, board).ok_or_else(|| ExportError::Page(path.to_owned()))?;
        Ok((path.to_owned(), bytes))
    });
    let mut count = 0;
    for file in attempts.chain(rest) {
        let (path, bytes) = file?;
        write(&dir.join(path), &bytes)?;
        count += 1;
    }
    Ok(count)
}

fn page(board: &Leaderboard, attempt: &AttemptView) -> Result<(String, Vec<u8>), ExportError> {
    let path = attempt_path(attempt.id);
    match attempt_page(board, attempt) {
        Some(bytes) => Ok((path, bytes)),
        None => Err(ExportError::Page(path)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    replace(path, bytes).map_err(|source| ExportError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}
