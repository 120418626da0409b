//! The ledger's one writer: a thread that owns the log and the desk over it.
//!
//! Requests are taken in batches: their records are appended together and made durable once, then
//! everybody is answered. So an acknowledged record is on disk, and a busy coordinator pays one
//! disk flush for many records. If an append fails, nobody of the batch is told it succeeded and
//! the desk is rebuilt from the log. On a full disk the log is still read, and written again as soon
//! as there is room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_core::digest::{AttemptId, CampaignId, RecordId};
use quorate_core::history::RuleError;
use quorate_core::record::{Admission, Correction};
use quorate_core::text::Timestamp;
use quorate_core::wire::{MAX_PAGE_BYTES, Page, Prefix, WorkRequest};
use quorate_core::{Envelope, History, NodeId};
use quorate_ledger::{Log, LogError, SignedCheckpoint, SledStore};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cosigning::{CosignError, Cosigning, Vote};
use crate::desk::{Charter, Desk, DeskError, Keys, Publication};
use crate::page::{page, prefix};
use crate::service::with_causes;

/// Requests that may wait. A node asks about once a second, so this is a burst of many nodes; more
/// is answered by making the asker wait, which slows the network's readers and not the disk.
const QUEUE: usize = 256;

/// Requests served by one flush.
const BATCH: usize = 128;

/// How long the log is only read after it could not be written. A full disk stays full for a while,
/// and before each new try the whole log is read.
const REST: Duration = Duration::from_secs(2);

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

/// An answer that is given once the batch is durable.
type Pending = Box<dyn FnOnce(Result<(), String>, &History) + Send>;

struct Worker {
    log: Log<SledStore>,
    desk: Desk,
    cosigning: Cosigning,
    keys: Keys,
    clock: Clock,
    /// Until when nothing is written, and why.
    resting: Option<(Instant, String)>,
}

impl Worker {
    fn take_up(
        mut log: Log<SledStore>,
        keys: &Keys,
        charter: &Charter,
        clock: &Clock,
    ) -> Result<Self, ScribeError> {
        if log.size() == 0 {
            let genesis = keys.genesis(charter.clone(), clock()).map_err(DeskError::from)?;
            append(&mut log, keys, &[genesis])?;
        }
        let desk = Desk::new(replay(&log)?, keys.clone())?;
        let mut worker = Self {
            log,
            desk,
            cosigning: Cosigning::default(),
            keys: keys.clone(),
            clock: Arc::clone(clock),
            resting: None,
        };
        if worker.is_behind()
            && let Err(error) = append(&mut worker.log, keys, &[])
        {
            // What is signed already can be read on a full disk.
            if worker.log.checkpoint().is_none() {
                return Err(error.into());
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the ledger can only be read"
            );
        }
        Ok(worker)
    }

    /// Whether there are entries that no checkpoint signs yet.
    fn is_behind(&self) -> bool {
        self.log
            .checkpoint()
            .is_none_or(|checkpoint| checkpoint.size() < self.log.size())
    }

    /// Serves until nobody asks any more, or says why an append failed.
    fn run(&mut self, inbox: &mut mpsc::Receiver<Ask>, announce: &watch::Sender<Head>) -> Result<(), String> {
        while let Some(first) = inbox.blocking_recv() {
            let mut pending = Vec::new();
            self.serve(first, &mut pending);
            for _ in 1..BATCH {
                let Ok(next) = inbox.try_recv() else { break };
                self.serve(next, &mut pending);
            }
            let records = self.desk.take_unlogged();
            let nothing_due = records.is_empty() && (self.resting.is_some() || !self.is_behind());
            let outcome = if nothing_due {
                Ok(())
            } else {
                append(&mut self.log, &self.keys, &records)
            };
            let outcome = outcome.map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the ledger could not be written"
                );
                with_causes(&error)
            });
            for answer in pending {
                answer(outcome.clone(), self.desk.history());
            }
            outcome?;
            self.propose();
            let head = self.head();
            announce.send_if_modified(|last| std::mem::replace(last, head.clone()) != head);
        }
        Ok(())
    }

    /// Refuses what would be written while the log rests; gives back what can be served.
    fn unless_resting(&mut self, ask: Ask) -> Option<Ask> {
        let Some((until, reason)) = &self.resting else {
            return Some(ask);
        };
        if Instant::now() >= *until {
            self.resting = None;
            return Some(ask);
        }
        let refusal = ScribeError::NotRecorded(reason.clone());
        match ask {
            Ask::Submit { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Work { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Publish { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Correct { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Admit { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Cosign { answer, .. } => drop(answer.send(Err(refusal))),
            Ask::Tick => {}
            Ask::Page { .. } | Ask::Prefix { .. } | Ask::View { .. } => return Some(ask),
        }
        None
    }

    fn serve(&mut self, ask: Ask, pending: &mut Vec<Pending>) {
        let Some(ask) = self.unless_resting(ask) else {
            return;
        };
        let now = (self.clock)();
        match ask {
            Ask::Submit { envelope, answer } => {
                let submitted = self.desk.submit(&envelope, now);
                hold(submitted, answer, pending, position);
            }
            Ask::Work {
                node,
                request,
                answer,
            } => {
                let leased = self.desk.work(node, &request, now);
                hold(leased, answer, pending, |attempt, _| attempt);
            }
            Ask::Publish { publication, answer } => {
                let published = self.desk.publish(*publication);
                hold(published, answer, pending, |id, _| id);
            }
            Ask::Correct { correction, answer } => {
                let corrected = self.desk.correct(correction);
                hold(corrected, answer, pending, position);
            }
            Ask::Admit { admission, answer } => {
                let admitted = self.desk.let_in(admission);
                hold(admitted, answer, pending, position);
            }
            Ask::Tick => {
                if let Err(error) = self.desk.tick(now) {
                    tracing::error!(%error, "what is due could not be recorded");
                }
            }
            // Readers see only what is durable: records of this batch are not in the log yet, and
            // the view is taken when they are.
            Ask::Page { from, answer } => {
                let page = page(&self.log, from, self.cosigning.candidate());
                let _ = answer.send(page.map_err(ScribeError::from));
            }
            Ask::Prefix { size, answer } => {
                let _ = answer.send(prefix(&self.log, size).map_err(ScribeError::from));
            }
            Ask::Cosign {
                node,
                size,
                line,
                answer,
            } => {
                let vote = Vote {
                    node,
                    size,
                    line: &line,
                };
                let _ = answer.send(self.count(vote, now));
            }
            Ask::View { answer } => pending.push(Box::new(move |outcome, history| {
                let view = outcome.map(|()| Arc::new(history.clone()));
                let _ = answer.send(view.map_err(ScribeError::NotRecorded));
            })),
        }
    }

    /// Makes the head the next checkpoint to cosign, where its turn has come.
    fn propose(&mut self) {
        let cosigned = self.log.cosigned().map_or(0, SignedCheckpoint::size);
        if let Some(head) = self.log.checkpoint() {
            self.cosigning
                .propose(head, cosigned, self.desk.history(), (self.clock)());
        }
    }

    /// Counts a cosignature; what has its quorum is kept before the sender is told.
    fn count(&mut self, vote: Vote<'_>, now: Timestamp) -> Result<(), ScribeError> {
        let cosigned = self.log.cosigned();
        let reached = self.cosigning.count(vote, cosigned, self.desk.history(), now)?;
        if let Some(cosigned) = reached {
            self.log.set_cosigned(cosigned)?;
        }
        Ok(())
    }

    fn head(&self) -> Head {
        let checkpoint = self.log.checkpoint();
        Head {
            size: checkpoint.map_or(0, SignedCheckpoint::size),
            checkpoint: checkpoint.map(|c| c.as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

/// Serves until nobody asks any more, with a new worker after each failed append. The log is closed
/// when this returns.
fn serve_all(
    mut worker: Worker,
    inbox: &mut mpsc::Receiver<Ask>,
    announce: &watch::Sender<Head>,
    take_up: impl Fn() -> Result<Worker, ScribeError>,
) -> Result<(), ScribeError> {
    while let Err(reason) = worker.run(inbox, announce) {
        drop(worker);
        worker = take_up()?;
        worker.resting = Some((Instant::now() + REST, reason));
    }
    Ok(())
}

fn position(id: RecordId, history: &History) -> u64 {
    history.position(&id).unwrap_or(0)
}

/// Refuses at once, or answers when the batch is durable.
fn hold<A: Send + 'static, T: Send + 'static>(
    made: Result<A, DeskError>,
    answer: Answer<T>,
    pending: &mut Vec<Pending>,
    finish: impl FnOnce(A, &History) -> T + Send + 'static,
) {
    match made {
        Err(error) => {
            let _ = answer.send(Err(error.into()));
        }
        Ok(made) => {
            pending.push(Box::new(move |outcome, history| {
                let result = outcome.map(|()| finish(made, history));
                let _ = answer.send(result.map_err(ScribeError::NotRecorded));
            }));
        }
    }
}

fn append(log: &mut Log<SledStore>, keys: &Keys, records: &[Envelope]) -> Result<(), LogError> {
    let entries: Vec<&[u8]> = records.iter().map(Envelope::bytes).collect();
    log.append_batch(&entries)?;
    log.sign_checkpoint(keys.signing())?;
    Ok(())
}

fn replay(log: &Log<SledStore>) -> Result<History, ScribeError> {
    let mut history = None;
    let mut from = 0;
    while from < log.size() {
        for bytes in log.entries(from..u64::MAX, MAX_PAGE_BYTES)? {
            let applied = Envelope::decode(&bytes)
                .map_err(|error| RuleError::Record(error.into()))
                .and_then(|envelope| History::extend(&mut history, &envelope));
            applied.map_err(|source| ScribeError::Broken {
                index: from,
                source: Box::new(source),
            })?;
            from += 1;
        }
    }
    history.ok_or_else(|| ScribeError::Broken {
        index: 0,
        source: Box::new(RuleError::Genesis),
    })
}

#[cfg(test)]
mod tests;
