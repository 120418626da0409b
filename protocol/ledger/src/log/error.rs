//! Why a log could not do what it was asked, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::MAX_ENTRY;
use crate::audit::Finding;
use crate::checkpoint::CheckpointError;
use crate::files::FilesError;
use crate::store::StoreError;

/// Why a log could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// An entry is longer than an entry bundle can hold. Nothing was appended.
    #[error(
        "entry {place} of the batch has {size} bytes: at most {MAX_ENTRY} are allowed; put a digest in, not the data"
    )]
    Oversize {
        /// Its place in the batch.
        place: usize,
        /// Its size.
        size: usize,
    },
    /// The log does not have what was asked for.
    #[error("number {asked} was asked for, but there are only {size}")]
    OutOfRange {
        /// What was asked for.
        asked: u64,
        /// How many there are.
        size: u64,
    },
    /// The store is of another log.
    #[error(
        "this database holds the log `{found}`, not `{expected}`: give the right folder or the right key"
    )]
    OtherLog {
        /// The verifier key in the store.
        found: String,
        /// The verifier key that was asked for.
        expected: String,
    },
    /// An earlier append failed, so what the store holds is not known.
    #[error("an earlier append to this log failed: open it again before appending")]
    Failed,
    /// The log is damaged, and the plain files could not mend it.
    #[error("this log is damaged: move its folder aside and sync it again from a peer")]
    Damaged {
        /// What is wrong first.
        #[source]
        finding: Finding,
    },
    /// Acknowledged entries are gone from the database, and no file has them.
    #[error(
        "{acknowledged} entries were acknowledged, but {have} are left: sync again from a peer that has the others, \
         or delete {} to go on without them", mark.display()
    )]
    Lost {
        /// How many are left.
        have: u64,
        /// How many there were.
        acknowledged: u64,
        /// The file that remembers.
        mark: PathBuf,
    },
    /// A checkpoint does not belong here.
    #[error("the checkpoint was refused")]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint is of fewer entries than the one it should replace.
    #[error("a checkpoint of {offered} entries cannot replace one of {held}")]
    CheckpointOlder {
        /// Its size.
        offered: u64,
        /// The size of the one held.
        held: u64,
    },
    /// A checkpoint's root is not this log's: it must not be published.
    #[error("the checkpoint's root is not that of the first {size} entries here: sign what `head` returns")]
    CheckpointRoot {
        /// The checkpoint's size.
        size: u64,
    },
    /// There is no checkpoint yet.
    #[error("this log has no signed checkpoint yet: sign one first")]
    NoCheckpoint,
    /// The folder holds something else.
    #[error("{} holds another log or another version of this one: export to an empty folder", path.display())]
    ExportTarget {
        /// The folder.
        path: PathBuf,
    },
    /// The store failed.
    #[error("the log's database failed")]
    Store(#[from] StoreError),
    /// The plain files failed.
    #[error("the log's plain files failed")]
    Files(#[from] FilesError),
}
