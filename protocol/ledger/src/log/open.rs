//! Opening a log: what it holds is recomputed, compared with the signed checkpoints, and mended from
//! the plain files where it must be.

use std::path::{Path, PathBuf};

use super::check::{Walk, walk};
use super::{Log, LogError, View, cosigned, schema};
use crate::audit::Finding;
use crate::checkpoint::{SignedCheckpoint, VerifierKey};
use crate::files::{Files, FilesError, RebuildError, rebuild};
use crate::store::{Batch, Store, StoreError};

/// What opening found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// What was wrong first, where entries had to be rebuilt from the plain files.
    pub rebuilt: Option<Finding>,
    /// How many digests and tiles were written anew.
    pub rederived: usize,
    /// Where the damaged database was moved to, where it was replaced.
    pub set_aside: Option<PathBuf>,
}

impl<S: Store> Log<S> {
    /// Opens the log of `key` in `store`, with its plain files in the folder `files`.
    ///
    /// All entries are hashed again. Where they do not give the roots of the checkpoints held, the
    /// files are written over what the store holds, and all is checked once more. That mends values; an
    /// engine whose own structure is damaged must be replaced, which [`Log::open_dir`] does.
    ///
    /// # Errors
    /// [`LogError::OtherLog`], [`LogError::Damaged`] or [`LogError::Lost`] where the files cannot
    /// help either, [`LogError::Store`], [`LogError::Files`].
    pub fn open(store: S, files: &Path, key: VerifierKey) -> Result<Self, LogError> {
        let Unsound { mut store, finding } = match Self::open_sound(store, files, &key)? {
            Ok(log) => return Ok(log),
            Err(unsound) => unsound,
        };
        rebuild_from(files, &mut store, &key, &finding)?;
        let mut log = Self::open_sound(store, files, &key)?.map_err(|unsound| LogError::Damaged {
            finding: unsound.finding,
        })?;
        log.report.rebuilt = Some(finding);
        Ok(log)
    }

    /// Opens a log that needs no more than its derived values written anew; gives the store back
    /// otherwise.
    pub(super) fn open_sound(
        mut store: S,
        files: &Path,
        key: &VerifierKey,
    ) -> Result<Result<Self, Unsound<S>>, LogError> {
        check_key(&store, key)?;
        let mut files = Files::open(files);
        let published = published(&files, key)?;
        let found = match check(&store, &files, key, published.as_ref())? {
            Ok(found) => found,
            Err(finding) => return Ok(Err(Unsound { store, finding })),
        };
        let acknowledged = files.acknowledged();
        let have = found.walk.tree.size();
        if acknowledged > have {
            return Err(LogError::Lost {
                have,
                acknowledged,
                mark: files.acknowledged_path(),
            });
        }
        write_derived(&mut store, &found)?;
        let view = View {
            store: &store,
            tree: &found.walk.tree,
        };
        if let Err(error) = catch_up(&mut files, &view, published.as_ref(), found.newest.as_ref()) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the plain files lag behind the database"
            );
        }
        let cosigned = cosigned::load(&files, key, &view)?;
        Ok(Ok(Self {
            store,
            files,
            key: key.clone(),
            tree: found.walk.tree,
            checkpoint: found.newest,
            cosigned,
            report: OpenReport {
                rederived: found.walk.fixes.len(),
                ..OpenReport::default()
            },
            failed: false,
        }))
    }
}

/// A store that holds something else than the checkpoints say.
pub(super) struct Unsound<S> {
    pub(super) store: S,
    pub(super) finding: Finding,
}

/// A store that agrees with the checkpoints.
struct Found {
    walk: Walk,
    /// The newer one of the store's checkpoint and the files'.
    newest: Option<SignedCheckpoint>,
    /// Whether that one is in the store.
    is_stored: bool,
}

fn check_key<S: Store>(store: &S, key: &VerifierKey) -> Result<(), LogError> {
    let found = match store.get(schema::KEY) {
        // Written anew with the next checkpoint, which names the log as well.
        Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(()),
        Ok(Some(found)) => String::from_utf8_lossy(&found).into_owned(),
        Err(error) => return Err(error.into()),
    };
    let expected = key.to_string();
    if found == expected {
        Ok(())
    } else {
        Err(LogError::OtherLog { found, expected })
    }
}

/// The files' checkpoint. One that cannot be trusted counts as none: it is written anew.
fn published(files: &Files, key: &VerifierKey) -> Result<Option<SignedCheckpoint>, LogError> {
    match files.checkpoint(key) {
        Err(error @ FilesError::Checkpoint { .. }) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "ignoring the plain files' checkpoint"
            );
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// The store's checkpoint, or what is wrong with it.
pub(super) fn stored<S: Store>(
    store: &S,
    key: &VerifierKey,
) -> Result<Result<Option<SignedCheckpoint>, Finding>, LogError> {
    Ok(match store.get(schema::CHECKPOINT) {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) => SignedCheckpoint::open(&bytes, key)
            .map(Some)
            .map_err(|_| Finding::Checkpoint),
        Err(StoreError::Corrupt { .. }) => Err(Finding::Checkpoint),
        Err(error) => return Err(error.into()),
    })
}

/// Hashes all entries again and compares them with both checkpoints.
fn check<S: Store>(
    store: &S,
    files: &Files,
    key: &VerifierKey,
    published: Option<&SignedCheckpoint>,
) -> Result<Result<Found, Finding>, LogError> {
    let stored = match stored(store, key)? {
        Ok(stored) => stored,
        Err(finding) => return Ok(Err(finding)),
    };
    let mut walk = walk(store, stored.iter().chain(published))?;
    if let Some(finding) = walk.bad.take() {
        return Ok(Err(finding));
    }
    if let Err(finding) = stored.iter().try_for_each(|checkpoint| walk.compare(checkpoint)) {
        return Ok(Err(finding));
    }
    let is_stored = stored.as_ref().map(SignedCheckpoint::size) >= published.map(SignedCheckpoint::size);
    if let Err(finding) = published.map_or(Ok(()), |checkpoint| walk.compare(checkpoint)) {
        // The store is what its own, newer checkpoint signs. To write the files over it would destroy
        // the better copy, and perhaps the evidence of a fork.
        return if is_stored {
            Err(LogError::Damaged { finding })
        } else {
            Ok(Err(finding))
        };
    }
    let (have, size) = (walk.tree.size(), files.in_full_bundles());
    if have < size {
        return Ok(Err(Finding::Short { have, size }));
    }
    let newest = if is_stored { stored } else { published.cloned() };
    Ok(Ok(Found {
        walk,
        newest,
        is_stored,
    }))
}

/// Writes whole files over what `store` holds. Files that are not whole leave the damage as it is.
pub(super) fn rebuild_from<S: Store>(
    files: &Path,
    store: &mut S,
    key: &VerifierKey,
    finding: &Finding,
) -> Result<u64, LogError> {
    tracing::error!(%finding, "the log is damaged: rebuilding it from the plain files");
    rebuild(&Files::open(files), store, key).map_err(|error| match error {
        RebuildError::Store(error) => error.into(),
        RebuildError::Files(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the plain files are no help"
            );
            LogError::Damaged {
                finding: finding.clone(),
            }
        }
    })
}

fn write_derived<S: Store>(store: &mut S, found: &Found) -> Result<(), LogError> {
    let mut batch = Batch::default();
    for fix in &found.walk.fixes {
        let (key, value) = &fix.pair;
        batch.put(key.clone(), value.clone());
    }
    if let Some(newest) = found.newest.as_ref().filter(|_| !found.is_stored) {
        batch.put(schema::CHECKPOINT, newest.as_bytes());
    }
    if !batch.is_empty() {
        store.write(batch)?;
        store.flush()?;
    }
    Ok(())
}

/// Brings the files to where the database is: they are behind after a crash, or after being deleted.
fn catch_up<S: Store>(
    files: &mut Files,
    view: &View<'_, S>,
    published: Option<&SignedCheckpoint>,
    newest: Option<&SignedCheckpoint>,
) -> Result<(), LogError> {
    files.write_full(view)?;
    match newest {
        Some(newest) if published != Some(newest) => {
            files.publish(view, published.map_or(0, SignedCheckpoint::size), newest)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
