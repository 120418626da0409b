//! The ledger's one writer: a thread that owns the log and the desk over it.
//!
//! Requests are taken in batches: their records are appended together and made durable once, then
//! everybody is answered. So an acknowledged record is on disk, and a busy coordinator pays one
//! disk flush for many records. If an append fails, nobody of the batch is told it succeeded and
//! the desk is rebuilt from the log. On a full disk the log is still read, and written again as soon
//! as there is room.

mod worker;

use std::sync::Arc;

use quorate_core::digest::{AttemptId, CampaignId};
use quorate_core::history::RuleError;
use quorate_core::record::{Admission, Correction};
use quorate_core::text::Timestamp;
use quorate_core::wire::{Page, Prefix, WorkRequest};
use quorate_core::{History, NodeId};
use quorate_ledger::{Log, LogError, SledStore};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use self::worker::{Worker, serve_all};
use crate::cosigning::CosignError;
use crate::desk::{Charter, DeskError, Keys, Publication};

/// Requests that may wait. A node asks about once a second, so this is a burst of many nodes; more
/// is answered by making the asker wait, which slows the network's readers and not the disk.
const QUEUE: usize = 256;

/// Why the scribe could not serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScribeError {
    /// The desk refused.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The log could not be written or read.
    #[error("the ledger cannot be used")]
    Log(#[from] LogError),
    /// A cosignature does not count.
    #[error(transparent)]
    Cosign(#[from] CosignError),
    /// The log's content breaks the rules.
    #[error("entry {index} of the ledger breaks the rules: restore the ledger from a follower")]
    Broken {
        /// The first bad entry.
        index: u64,
        /// What is wrong with it.
        source: Box<RuleError>,
    },
    /// The batch's append failed. A record may be in the log all the same; sending it again is safe.
    #[error("the ledger could not be written; send it again later: {0}")]
    NotRecorded(String),
    /// The scribe has ended.
    #[error("the coordinator is shutting down")]
    Gone,
}

type Answer<T> = oneshot::Sender<Result<T, ScribeError>>;

enum Ask {
    Submit {
        envelope: Vec<u8>,
        answer: Answer<u64>,
    },
    Work {
        node: NodeId,
        request: WorkRequest,
        answer: Answer<Option<AttemptId>>,
    },
    Publish {
        publication: Box<Publication>,
        answer: Answer<CampaignId>,
    },
    Correct {
        correction: Correction,
        answer: Answer<u64>,
    },
    Admit {
        admission: Admission,
        answer: Answer<u64>,
    },
    Page {
        from: u64,
        answer: Answer<Page>,
    },
    Prefix {
        size: u64,
        answer: Answer<Prefix>,
    },
    Cosign {
        node: NodeId,
        size: u64,
        line: Vec<u8>,
        answer: Answer<()>,
    },
    View {
        answer: Answer<Arc<History>>,
    },
    Tick,
}

/// The log's head, as announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// The signed checkpoint.
    pub checkpoint: Vec<u8>,
}

/// A way to ask the scribe. Cheap to clone; the scribe ends when all are dropped.
#[derive(Debug, Clone)]
pub struct Scribe {
    asks: mpsc::Sender<Ask>,
    head: watch::Receiver<Head>,
}

/// Opens the log that the scribe writes.
pub type OpenLog = Box<dyn Fn() -> Result<Log<SledStore>, LogError> + Send>;

/// Says how the scribe ended: well when nobody asks any more, or with what stopped it.
pub type Ended = oneshot::Receiver<Result<(), ScribeError>>;

/// Tells the time. Handed in, so that tests own it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Scribe {
    /// Opens the log, beginning it if it is empty, and starts the thread. `open` is called again
    /// after a failed append, since what a failed write left on disk is known only then.
    ///
    /// # Errors
    /// Where the log's content is not what the rules allow, or is another coordinator's.
    pub fn start(
        open: OpenLog,
        keys: Keys,
        charter: impl Into<Charter>,
        clock: Clock,
    ) -> Result<(Self, Ended), ScribeError> {
        let charter = charter.into();
        let worker = Worker::take_up(open()?, &keys, &charter, &clock)?;
        let (asks, mut inbox) = mpsc::channel(QUEUE);
        let (announce, head) = watch::channel(worker.head());
        let (end, ended) = oneshot::channel();
        let work = move || {
            let take_up = || Worker::take_up(open()?, &keys, &charter, &clock);
            let _ = end.send(serve_all(worker, &mut inbox, &announce, take_up));
        };
        std::thread::Builder::new()
            .name("scribe".to_owned())
            .spawn(work)
            .map_err(|error| ScribeError::NotRecorded(error.to_string()))?;
        Ok((Self { asks, head }, ended))
    }

    /// Records a node's or operator's envelope; its index in the log.
    ///
    /// # Errors
    /// Where the rules forbid it or the disk does.
    pub async fn submit(&self, envelope: Vec<u8>) -> Result<u64, ScribeError> {
        self.ask(|answer| Ask::Submit { envelope, answer }).await
    }

    /// The attempt that `node` holds, or a new lease, if there is one.
    ///
    /// # Errors
    /// Where the node is not enrolled.
    pub async fn work(&self, node: NodeId, request: WorkRequest) -> Result<Option<AttemptId>, ScribeError> {
        self.ask(|answer| Ask::Work {
            node,
            request,
            answer,
        })
        .await
    }

    /// Publishes a campaign.
    ///
    /// # Errors
    /// Where the rules forbid it.
    pub async fn publish(&self, publication: Publication) -> Result<CampaignId, ScribeError> {
        let publication = Box::new(publication);
        self.ask(|answer| Ask::Publish { publication, answer }).await
    }

    /// Withdraws a row.
    ///
    /// # Errors
    /// Where the correction names no verdict.
    pub async fn correct(&self, correction: Correction) -> Result<u64, ScribeError> {
        self.ask(|answer| Ask::Correct { correction, answer }).await
    }

    /// Lets an operator, or whoever holds an invitation, enroll; the admission's index in the log.
    ///
    /// # Errors
    /// Where the rules forbid it.
    pub async fn admit(&self, admission: Admission) -> Result<u64, ScribeError> {
        self.ask(|answer| Ask::Admit { admission, answer }).await
    }

    /// A page of the log.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn page(&self, from: u64) -> Result<Page, ScribeError> {
        self.ask(|answer| Ask::Page { from, answer }).await
    }

    /// What the log was when it had `size` entries.
    ///
    /// # Errors
    /// Where the log never had that size, or cannot be read.
    pub async fn prefix(&self, size: u64) -> Result<Prefix, ScribeError> {
        self.ask(|answer| Ask::Prefix { size, answer }).await
    }

    /// Counts the cosignature of the candidate of `size` entries that `node` sent.
    ///
    /// # Errors
    /// Where it does not count, with the reason.
    pub async fn cosign(&self, node: NodeId, size: u64, line: Vec<u8>) -> Result<(), ScribeError> {
        self.ask(|answer| Ask::Cosign {
            node,
            size,
            line,
            answer,
        })
        .await
    }

    /// What the log comes to.
    ///
    /// # Errors
    /// Where the scribe has ended.
    pub async fn view(&self) -> Result<Arc<History>, ScribeError> {
        self.ask(|answer| Ask::View { answer }).await
    }

    /// Does what is due by the clock.
    ///
    /// # Errors
    /// Where the scribe has ended.
    pub async fn tick(&self) -> Result<(), ScribeError> {
        self.asks.send(Ask::Tick).await.map_err(|_| ScribeError::Gone)
    }

    /// The log's head as it grows.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    async fn ask<T>(&self, make: impl FnOnce(Answer<T>) -> Ask) -> Result<T, ScribeError> {
        let (answer, wait) = oneshot::channel();
        self.asks
            .send(make(answer))
            .await
            .map_err(|_| ScribeError::Gone)?;
        wait.await.map_err(|_| ScribeError::Gone)?
    }
}

#[cfg(test)]
mod tests;
