//! The log as plain files, in the C2SP `tlog-tiles` layout: what an export is, and what a damaged
//! database is rebuilt from.
//!
//! ```text
//! checkpoint                      the latest signed checkpoint
//! checkpoint.cosigned             the latest one that enough witnesses cosigned
//! tile/entries/000                256 entries, each after its length in two bytes
//! tile/0/000                      the leaf hashes of those entries: their checksums
//! tile/1/000.p/3                  the hashes above, for static serving
//! acknowledged                    how many entries were ever acknowledged
//! ```
//!
//! Full bundles and tiles appear as soon as their last entry is durable in the database, partial ones
//! with each checkpoint. A file appears whole or not at all. At any moment the files that the
//! `checkpoint` here needs are there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::audit::Finding;
use crate::checkpoint::{CheckpointError, MAX_CHECKPOINT, SignedCheckpoint, VerifierKey};
use crate::log::schema::{decode_tile, encode_tile};
use crate::log::{LogError, View};
use crate::store::Store;
use crate::tree::{TILE_WIDTH, Tile, TreeHash};

pub mod bundle;
mod verify;

pub(crate) use verify::walk;
pub use verify::{RebuildError, rebuild};

const CHECKPOINT: &str = "checkpoint";
const COSIGNED: &str = "checkpoint.cosigned";

/// Why the plain files could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FilesError {
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The checkpoint file is no checkpoint of this log.
    #[error("{} cannot be trusted", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The files are not what was written.
    #[error("the files in {} are damaged", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong first.
        source: Finding,
    },
}

/// A folder of plain files.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    /// All full tiles of a tree of this size are here.
    written: u64,
}

impl Files {
    /// Opens the folder `root`. It is made with the first file that is written.
    #[must_use]
    pub fn open(root: impl Into<PathBuf>) -> Self {
        let mut files = Self {
            root: root.into(),
            written: 0,
        };
        // A bundle is written after all that belongs to it, so its presence says the rest is there.
        while files
            .root
            .join(full(0, files.written / TILE_WIDTH).entries_path())
            .exists()
        {
            files.written += TILE_WIDTH;
        }
        files
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How many entries the full bundles hold.
    pub(crate) const fn in_full_bundles(&self) -> u64 {
        self.written - self.written % TILE_WIDTH
    }

    /// The checkpoint, verified under `key`; `None` where there is none yet.
    ///
    /// # Errors
    /// [`FilesError::Checkpoint`] where it is not `key`'s, [`FilesError::Io`].
    pub fn checkpoint(&self, key: &VerifierKey) -> Result<Option<SignedCheckpoint>, FilesError> {
        self.signed(CHECKPOINT, key)
    }

    /// The latest checkpoint that witnesses cosigned, the log's own signature verified under `key`;
    /// `None` where there is none yet.
    ///
    /// # Errors
    /// As [`Files::checkpoint`].
    pub fn cosigned(&self, key: &VerifierKey) -> Result<Option<SignedCheckpoint>, FilesError> {
        self.signed(COSIGNED, key)
    }

    fn signed(&self, name: &str, key: &VerifierKey) -> Result<Option<SignedCheckpoint>, FilesError> {
        let Some(bytes) = self.read(name, MAX_CHECKPOINT as u64)? else {
            return Ok(None);
        };
        SignedCheckpoint::open(&bytes, key)
            .map(Some)
            .map_err(|source| FilesError::Checkpoint {
                path: self.root.join(name),
                source,
            })
    }

    pub(crate) fn write_cosigned(&self, checkpoint: &SignedCheckpoint) -> Result<(), FilesError> {
        self.write(COSIGNED, checkpoint.as_bytes())
    }

    /// Writes the full bundles and tiles that are not here yet.
    pub(crate) fn write_full<S: Store>(&mut self, log: &View<'_, S>) -> Result<(), LogError> {
        self.write_tiles(log, log.size(), false)
    }

    /// Writes all that `checkpoint` needs, then the checkpoint itself, then removes what only the one
    /// of `old` entries needed.
    pub(crate) fn publish<S: Store>(
        &mut self,
        log: &View<'_, S>,
        old: u64,
        checkpoint: &SignedCheckpoint,
    ) -> Result<(), LogError> {
        self.write_tiles(log, checkpoint.size(), true)?;
        self.write(CHECKPOINT, checkpoint.as_bytes())?;
        for tile in Tile::added(old, checkpoint.size()) {
            self.prune(tile, &tile.path());
            if tile.level == 0 {
                self.prune(tile, &tile.entries_path());
            }
        }
        Ok(())
    }

    fn write_tiles<S: Store>(&mut self, log: &View<'_, S>, size: u64, partial: bool) -> Result<(), LogError> {
        // Upper levels first: see `open`.
        let mut tiles: Vec<_> = Tile::added(self.written, size)
            .filter(|tile| partial || tile.width == TILE_WIDTH)
            .collect();
        tiles.reverse();
        // Within a level in rising order, so that an interruption leaves no gap.
        tiles.sort_by_key(|tile| (std::cmp::Reverse(tile.level), tile.index));
        for tile in tiles {
            self.write(&tile.path(), &encode_tile(&log.tile(tile)?))?;
            if tile.level == 0 {
                let first = tile.index * TILE_WIDTH;
                let mut bytes = Vec::new();
                for index in first..first + tile.width {
                    bundle::push(&mut bytes, &log.entry(index)?);
                }
                self.write(&tile.entries_path(), &bytes)?;
            }
        }
        self.written = self.written.max(size);
        Ok(())
    }

    /// Removes the partial forms of a tile other than the one at `path`. Left-overs do no harm, so a
    /// failure here is none.
    fn prune(&self, tile: Tile, path: &str) {
        let path = self.root.join(path);
        if tile.width == TILE_WIDTH {
            let mut folder = path.into_os_string();
            folder.push(".p");
            let _ = fs::remove_dir_all(folder);
            return;
        }
        let siblings = path.parent().and_then(|folder| fs::read_dir(folder).ok());
        for sibling in siblings
            .into_iter()
            .flatten()
            .flatten()
            .filter(|sibling| sibling.path() != path)
        {
            let _ = fs::remove_file(sibling.path());
        }
    }

    /// The first `width` hashes of a tile.
    pub(crate) fn tile(&self, tile: Tile) -> Result<Option<Vec<TreeHash>>, FilesError> {
        let most = TILE_WIDTH * 32;
        let bytes = match self.read(&full(tile.level, tile.index).path(), most)? {
            None => self.read(&tile.path(), most)?,
            found => found,
        };
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        Ok(bytes.and_then(|bytes| decode_tile(&bytes)?.get(..width).map(<[_]>::to_vec)))
    }

    /// The bytes of the bundle below a tile of level 0; it may hold more than `tile.width` entries.
    pub(crate) fn bundle(&self, tile: Tile) -> Result<Option<Vec<u8>>, FilesError> {
        match self.read(&full(0, tile.index).entries_path(), bundle::MAX_BUNDLE)? {
            None => self.read(&tile.entries_path(), bundle::MAX_BUNDLE),
            found => Ok(found),
        }
    }

    /// Notes that `size` entries are acknowledged. Not flushed: it is here to notice an engine that
    /// forgets its last entries when it opens, and after a power cut it may say less, never more.
    pub(crate) fn acknowledge(&self, size: u64) -> Result<(), FilesError> {
        let path = self.acknowledged_path();
        fs::create_dir_all(&self.root)
            .and_then(|()| fs::write(&path, format!("{size:020}\n")))
            .map_err(|source| FilesError::Io { path, source })
    }

    /// The last number given to [`Files::acknowledge`], where it can still be read.
    pub(crate) fn acknowledged(&self) -> u64 {
        let text = self.read("acknowledged", 64).ok().flatten();
        text.and_then(|text| std::str::from_utf8(&text).ok()?.trim_end().parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn acknowledged_path(&self) -> PathBuf {
        self.root.join("acknowledged")
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, FilesError> {
        let path = self.root.join(path);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        match read {
            // What is too long is damaged; its reader finds out from the first `most` bytes.
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FilesError::Io { path, source }),
        }
    }

    /// Writes beside the place, makes that durable, then moves it there.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FilesError> {
        let path = self.root.join(path);
        write_atomically(&path, bytes).map_err(|source| FilesError::Io { path, source })
    }
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

/// The full tile at a place.
const fn full(level: u8, index: u64) -> Tile {
    Tile {
        level,
        index,
        width: TILE_WIDTH,
    }
}
