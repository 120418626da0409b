//! The storage below a log: a small ordered map from bytes to bytes.
//!
//! An engine promises: a [`Batch`] is written whole or not at all, also over a crash; what was
//! written before a successful [`Store::flush`] survives a crash; a damaged value is an error, never
//! other bytes. It does not promise that an unflushed batch is lost. One suite checks every engine.

use std::path::PathBuf;

use thiserror::Error;

#[cfg(test)]
mod conformance;
mod memory;
mod sled;

pub use memory::MemoryStore;
pub use sled::SledStore;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The pairs under one prefix, in the order of their keys.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Pair, StoreError>> + 'a>;

/// An ordered map from bytes to bytes with one writer.
pub trait Store: Send {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the stored bytes are not those that were written.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// All pairs whose key starts with `prefix`, in order. One damaged value is one `Err`; the
    /// pairs after it still follow.
    fn scan<'a>(&'a self, prefix: &[u8]) -> Scan<'a>;

    /// Writes all of `batch` or nothing. Durable only after [`Store::flush`].
    ///
    /// # Errors
    /// Where the engine cannot write. The store then refuses further writes until opened anew.
    fn write(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Returns when everything written so far is on stable storage.
    ///
    /// # Errors
    /// Where the engine cannot write. The store then refuses further writes until opened anew.
    fn flush(&mut self) -> Result<(), StoreError>;
}

/// Pairs to be written together. A later pair replaces an earlier one with the same key.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pairs: Vec<Pair>,
}

impl Batch {
    /// Adds a pair.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.pairs.push((key.into(), value.into()));
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs, in the order in which they were put.
    #[must_use]
    pub fn into_pairs(self) -> Vec<Pair> {
        self.pairs
    }
}

/// Why an engine could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room. Reading goes on where the database could be opened.
    #[error(
        "the disk that holds {} is full: free at least {need_mib} MiB there, then start again; \
         nothing that was acknowledged is lost", path.display()
    )]
    DiskFull {
        /// The database's folder.
        path: PathBuf,
        /// What must be free before writing goes on.
        need_mib: u64,
    },
    /// Another process, or another handle in this one, has the database open.
    #[error("{} is in use: stop the other process that has it open", path.display())]
    Locked {
        /// The database's folder.
        path: PathBuf,
    },
    /// One value is not what was written.
    #[error("the value under key {} is damaged", hex(key))]
    Corrupt {
        /// Its key.
        key: Vec<u8>,
    },
    /// A value was written by a version this one does not know.
    #[error(
        "the value under key {} has format {found}, which this version cannot read: use a newer one",
        hex(key)
    )]
    Version {
        /// Its key.
        key: Vec<u8>,
        /// The format's number.
        found: u8,
    },
    /// The engine's own files are damaged.
    #[error("the database in {} is damaged ({reason}): move it aside and open again to rebuild it", path.display())]
    Damaged {
        /// The database's folder.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// An earlier write failed, so what is on disk is not known.
    #[error("an earlier write to {} failed: open it again before writing", path.display())]
    Failed {
        /// The database's folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot use the database in {}", path.display())]
    Io {
        /// The database's folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
