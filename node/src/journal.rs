//! What a node must remember over a crash: attempts it began, and results it sealed.
//!
//! A result is written here, signed, before its seal leaves the node, so the seal can always be
//! opened later. A begun attempt without a result is one that a crash cut short: it is given up, on
//! record, and never run again under the same lease.

use std::path::{Path, PathBuf};

use quorate_core::digest::AttemptId;
use quorate_core::duties::Part;
use quorate_ledger::{Batch, SledStore, Store, StoreError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The journal could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum JournalError {
    /// The database failed.
    #[error("the node's journal cannot be used")]
    Store(#[from] StoreError),
    /// An entry is not what this version writes.
    #[error("the node's journal holds an entry that this version cannot read")]
    Entry(#[from] serde_json::Error),
}

/// A result: the seal, and the reveal that will open it, both signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// The attempt.
    pub(crate) attempt: AttemptId,
    /// In which part.
    pub(crate) part: Part,
    /// The `sealed-claim` or `sealed-rescore`.
    pub(crate) seal: String,
    /// The `reveal`.
    pub(crate) reveal: String,
}

/// The journal, one per node.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    /// None after a failed write: what that left on disk is known only when it is opened again.
    store: Option<SledStore>,
}

const BEGUN: &[u8] = b"begun/";
const SEALED: &[u8] = b"sealed/";

impl Journal {
    /// Opens the journal in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, JournalError> {
        Ok(Self {
            folder: folder.to_owned(),
            store: Some(SledStore::open(folder)?),
        })
    }

    fn store(&mut self) -> Result<&mut SledStore, JournalError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => SledStore::open(&self.folder)?,
        };
        Ok(self.store.insert(store))
    }

    /// Notes that an attempt begins. Durable when this returns.
    pub(crate) fn begin(&mut self, attempt: AttemptId) -> Result<(), JournalError> {
        self.put(key(BEGUN, attempt, Part::Executor), Vec::new())
    }

    /// Whether an attempt was begun.
    pub(crate) fn has_begun(&mut self, attempt: AttemptId) -> Result<bool, JournalError> {
        Ok(self.store()?.get(&key(BEGUN, attempt, Part::Executor))?.is_some())
    }

    /// Keeps a result. Durable when this returns.
    pub(crate) fn keep(&mut self, sealed: &Sealed) -> Result<(), JournalError> {
        let value = serde_json::to_vec(sealed)?;
        self.put(key(SEALED, sealed.attempt, sealed.part), value)
    }

    /// The result of an attempt in a part, if there is one.
    pub(crate) fn sealed(&mut self, attempt: AttemptId, part: Part) -> Result<Option<Sealed>, JournalError> {
        let value = self.store()?.get(&key(SEALED, attempt, part))?;
        Ok(value.map(|value| serde_json::from_slice(&value)).transpose()?)
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), JournalError> {
        let mut batch = Batch::default();
        batch.put(key, value);
        let store = self.store()?;
        let kept = store.write(batch).and_then(|()| store.flush());
        if kept.is_err() {
            self.store = None;
        }
        Ok(kept?)
    }
}

fn key(kind: &[u8], attempt: AttemptId, part: Part) -> Vec<u8> {
    let part: &[u8] = match part {
        Part::Executor => b"/executor",
        Part::Verifier => b"/verifier",
    };
    [kind, attempt.0.as_bytes(), part].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::Digest;

    #[test]
    fn what_was_kept_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let attempt = AttemptId(Digest::of(b"a"));
        let sealed = Sealed {
            attempt,
            part: Part::Verifier,
            seal: "seal".to_owned(),
            reveal: "reveal".to_owned(),
        };
        let mut journal = Journal::open(folder.path()).unwrap();
        journal.begin(attempt).unwrap();
        journal.keep(&sealed).unwrap();
        drop(journal);

        let mut journal = Journal::open(folder.path()).unwrap();
        assert!(journal.has_begun(attempt).unwrap());
        assert_eq!(journal.sealed(attempt, Part::Verifier).unwrap(), Some(sealed));
        assert_eq!(journal.sealed(attempt, Part::Executor).unwrap(), None);
        assert!(!journal.has_begun(AttemptId(Digest::of(b"b"))).unwrap());
    }
}
