//! What the unit tests share: a key, numbered entries, logs in memory.

use std::ops::Range;
use std::path::PathBuf;

use quorate_core::Keypair;

use crate::checkpoint::VerifierKey;
use crate::log::Log;
use crate::store::{MemoryStore, Store};

pub(crate) fn keypair() -> Keypair {
    Keypair::from_secret([5; 32])
}

pub(crate) fn key() -> VerifierKey {
    VerifierKey::new("log.example/one".parse().unwrap(), keypair().public())
}

pub(crate) fn numbered(range: Range<u64>) -> Vec<Vec<u8>> {
    range.map(|i| format!("entry {i}").into_bytes()).collect()
}

/// A log in memory, with its files in a folder that lasts as long.
pub(crate) struct Fixture {
    pub(crate) log: Log<MemoryStore>,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Closes the log, lets `harm` at its store, and opens it again.
    pub(crate) fn reopen(self, harm: impl FnOnce(&mut MemoryStore)) -> Result<Self, crate::LogError> {
        let files = self.files();
        let mut store = self.log.into_store();
        harm(&mut store);
        Ok(Self {
            log: Log::open(store, &files, key())?,
            folder: self.folder,
        })
    }
}

pub(crate) fn memory_log(entries: u64) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), &folder.path().join("files"), key()).unwrap();
    log.append_batch(&numbered(0..entries)).unwrap();
    Fixture { log, folder }
}

/// Changes one byte of the value under `key`.
pub(crate) fn flip(store: &mut impl Store, key: &[u8], at: usize) {
    let mut value = store.get(key).unwrap().unwrap();
    let at = at % value.len();
    value[at] ^= 0x40;
    let mut batch = crate::Batch::default();
    batch.put(key, value);
    store.write(batch).unwrap();
}
