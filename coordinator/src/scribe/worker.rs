//! The scribe's thread: takes requests in batches, has the desk decide, makes what it decided durable, answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_core::digest::RecordId;
use quorate_core::history::RuleError;
use quorate_core::text::Timestamp;
use quorate_core::wire::MAX_PAGE_BYTES;
use quorate_core::{Envelope, History};
use quorate_ledger::{Log, LogError, SignedCheckpoint, SledStore};
use tokio::sync::{mpsc, watch};

use super::{Answer, Ask, Clock, Head, ScribeError};
use crate::cosigning::{Cosigning, Vote};
use crate::desk::{Charter, Desk, DeskError, Keys};
use crate::page::{page, prefix};
use crate::service::with_causes;

/// Requests served by one flush.
const BATCH: usize = 128;

/// How long the log is only read after it could not be written. A full disk stays full for a while,
/// and before each new try the whole log is read.
const REST: Duration = Duration::from_secs(2);

/// An answer that is given once the batch is durable.
type Pending = Box<dyn FnOnce(Result<(), String>, &History) + Send>;

pub(super) struct Worker {
    log: Log<SledStore>,
    desk: Desk,
    cosigning: Cosigning,
    keys: Keys,
    clock: Clock,
    /// Until when nothing is written, and why.
    resting: Option<(Instant, String)>,
}

impl Worker {
    pub(super) fn take_up(
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
                // What has its quorum may gather more operators until the next candidate.
                let candidate = self.cosigning.candidate().or(self.log.cosigned());
                let page = page(&self.log, from, candidate);
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

    pub(super) fn head(&self) -> Head {
        let checkpoint = self.log.checkpoint();
        Head {
            size: checkpoint.map_or(0, SignedCheckpoint::size),
            checkpoint: checkpoint.map(|c| c.as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

/// Serves until nobody asks any more, with a new worker after each failed append. The log is closed
/// when this returns.
pub(super) fn serve_all(
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
