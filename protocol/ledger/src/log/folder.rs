//! A log in a folder: the database in `db`, the plain files in `files`.
//!
//! A damaged database is never written into. sled that lost a part of its file may accept writes and
//! forget them, so a new one is built beside it, from the files and from what the old one still gives
//! whole; then the two change places. The damaged one stays, under another name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quorate_core::Digest;

use super::open::{Unsound, rebuild_from, stored};
use super::{Log, LogError, schema};
use crate::audit::Finding;
use crate::checkpoint::VerifierKey;
use crate::store::{Batch, SledStore, Store, StoreError};
use crate::tree::TreeHash;

impl Log<SledStore> {
    /// Opens the log in the folder `home`, which is made where it is missing. A damaged database is
    /// replaced by one rebuilt from the plain files; [`Log::report`] then says so.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_dir(home: &Path, key: VerifierKey) -> Result<Self, LogError> {
        let folder = Folder {
            database: home.join("db"),
            fresh: home.join("db.fresh"),
            files: home.join("files"),
        };
        folder.finish_replacing()?;
        let (old, finding) = match SledStore::open(&folder.database) {
            Err(StoreError::Damaged { reason, .. }) => (None, Finding::Engine { reason }),
            other => match Self::open_sound(other?, &folder.files, &key) {
                Ok(Ok(log)) => return Ok(log),
                Ok(Err(Unsound { store, finding })) => (Some(store), finding),
                Err(LogError::Store(StoreError::Damaged { reason, .. })) => {
                    (None, Finding::Engine { reason })
                }
                Err(error) => return Err(error),
            },
        };
        folder.build_fresh(old, &key, &finding)?;
        let aside = folder
            .exchange()
            .map_err(|source| refused(&folder.database, source))?;
        tracing::warn!(aside = %aside.display(), "the damaged database was replaced and set aside");
        let mut log = Self::open_sound(SledStore::open(&folder.database)?, &folder.files, &key)?.map_err(
            |unsound| LogError::Damaged {
                finding: unsound.finding,
            },
        )?;
        log.report.rebuilt = Some(finding);
        log.report.set_aside = Some(aside);
        Ok(log)
    }
}

struct Folder {
    database: PathBuf,
    fresh: PathBuf,
    files: PathBuf,
}

impl Folder {
    /// A crash between the two renames of `exchange` leaves the finished database under its first name.
    fn finish_replacing(&self) -> Result<(), LogError> {
        if self.database.exists() || !self.fresh.exists() {
            return Ok(());
        }
        Ok(fs::rename(&self.fresh, &self.database).map_err(|source| refused(&self.fresh, source))?)
    }

    /// Builds a whole database beside the damaged one, or none.
    fn build_fresh(
        &self,
        old: Option<SledStore>,
        key: &VerifierKey,
        finding: &Finding,
    ) -> Result<(), LogError> {
        remove(&self.fresh).map_err(|source| refused(&self.fresh, source))?;
        let built = SledStore::open(&self.fresh)
            .map_err(LogError::from)
            .and_then(|mut fresh| {
                let first = rebuild_from(&self.files, &mut fresh, key, finding)?;
                old.map_or(Ok(()), |old| copy_rest(&old, &mut fresh, first, key))
            });
        if built.is_err() {
            // Half a database must not be taken for a finished one; the next start begins anew.
            remove(&self.fresh).map_err(|source| refused(&self.fresh, source))?;
        }
        built
    }

    /// Moves the damaged database to the first free name beside it, and the fresh one to its place.
    fn exchange(&self) -> io::Result<PathBuf> {
        let mut names = (1_u32..).map(|n| self.database.with_extension(format!("damaged-{n}")));
        let aside = names
            .find(|name| !name.exists())
            .ok_or(io::ErrorKind::AlreadyExists)?;
        fs::rename(&self.database, &aside)?;
        fs::rename(&self.fresh, &self.database)?;
        Ok(aside)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refused(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Copies the entries from number `first` on that only the damaged database holds, up to the first that
/// is not whole, and its checkpoint. Whether that is enough is checked when the copy is opened.
fn copy_rest<S: Store>(old: &S, fresh: &mut S, first: u64, key: &VerifierKey) -> Result<(), LogError> {
    let mut batch = Batch::default();
    for index in first.. {
        let Ok(Some(value)) = old.get(&schema::entry_key(index)) else {
            break;
        };
        let Some((_, entry)) =
            schema::decode_entry(&value).filter(|(leaf, entry)| *leaf == TreeHash::leaf(entry))
        else {
            break;
        };
        batch.put(schema::digest_key(&Digest::of(entry)), index.to_be_bytes());
        batch.put(schema::entry_key(index), value);
    }
    let rebuilt = stored(fresh, key)?.ok().flatten();
    if let Ok(Ok(Some(held))) = stored(old, key)
        && rebuilt.is_none_or(|rebuilt| rebuilt.size() < held.size())
    {
        batch.put(schema::CHECKPOINT, held.as_bytes());
    }
    fresh.write(batch)?;
    Ok(fresh.flush()?)
}

#[cfg(test)]
mod tests;
