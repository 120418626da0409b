//! A volunteer node at work: follows its coordinators' logs, makes attempts, re-scores, reveals.
//!
//! One job runs at a time, on one locked core. Rescores come before new attempts, since others wait
//! for them. Everything the node owes is read from the log and its journal, so a node that was
//! killed goes on where they say it stands.

mod attend;
mod work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_coordinator::exchange::Exchange;
pub(crate) use quorate_coordinator::service::with_causes;
use quorate_core::digest::AttemptId;
use quorate_core::record::RecordError;
use quorate_core::wire::{Request, Response};
use quorate_core::{Envelope, NodeId};
use quorate_network::{Event, Handle, Reply};
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::follower::{FollowError, Follower, ask, describe};
use crate::invitation::{InvitationError, Invitations};
use crate::journal::{Journal, JournalError};
use crate::runner::{RunError, Runner};
use crate::sealing::Signer;
use crate::slots::{SlotError, Slots};
use crate::witnessing::Witnessing;

/// How often a node looks round when nobody announced anything. Announcements may be lost.
const LOOK_ROUND: Duration = Duration::from_secs(2);

/// Ways to misbehave, for demonstrations and tests of the network's defences.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Misconduct {
    /// Added to every sample of the node's own claims.
    pub(crate) inflate: f64,
    /// Added to every sample of the node's rescores.
    pub(crate) lie: f64,
}

/// Why a step of the node's work failed. The node itself goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum WorkError {
    /// The log could not be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The coordinator refused a record.
    #[error("the coordinator refused this node's {what}: {reason}")]
    Refused {
        /// What was submitted.
        what: &'static str,
        /// The coordinator's words.
        reason: String,
    },
    /// The container or its files failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The artifact could not be had.
    #[error("the {what} could not be fetched")]
    Fetch {
        /// Which artifact.
        what: &'static str,
        /// Why.
        source: quorate_artifacts::transfer::TransferError,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The invitation could not be used.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// A record could not be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The cores could not be locked.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// A task of the program died.
    #[error("a task of this program died")]
    Died(#[from] JoinError),
    /// What the log names is not in it.
    #[error("the log does not hold what this work needs")]
    Gone,
}

/// Everything a node works with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Volunteer {
    /// Its keys and machine.
    pub(crate) signer: Signer,
    /// The network.
    pub(crate) network: Handle,
    /// Its artifacts.
    pub(crate) exchange: Exchange,
    /// Its containers.
    pub(crate) runner: Runner,
    /// Its cores.
    pub(crate) slots: Slots,
    /// What it must remember.
    pub(crate) journal: Arc<Mutex<Journal>>,
    /// What lets it into logs that admit by invitation.
    pub(crate) invitations: Invitations,
    /// The logs it follows.
    pub(crate) followers: Vec<Follower>,
    /// What it is as a witness of them.
    pub(crate) witness: Witnessing,
    /// How it misbehaves, if it does.
    pub(crate) misconduct: Misconduct,
    /// Attempts that run now.
    pub(crate) running: Arc<Mutex<BTreeSet<AttemptId>>>,
    /// Wakes whoever waits for something to do.
    pub(crate) wake: Arc<Notify>,
    /// Set: take no new attempts, end when nothing is owed.
    pub(crate) drain: CancellationToken,
    /// Set: stop at once.
    pub(crate) stop: CancellationToken,
}

impl Volunteer {
    /// Works until drained or stopped.
    pub(crate) async fn run(self, events: mpsc::Receiver<Event>) {
        let tasks = TaskTracker::new();
        tasks.spawn(serve_artifacts(self.exchange.clone()));
        tasks.spawn(self.clone().listen(events));
        for follower in &self.followers {
            tasks.spawn(self.clone().attend(follower.clone()));
        }
        self.clone().work().await;
        self.stop.cancel();
        self.network.shutdown().await;
        tasks.close();
        tasks.wait().await;
    }

    fn me(&self) -> NodeId {
        self.signer.node.node_id()
    }

    /// Takes what the network says.
    async fn listen(self, mut events: mpsc::Receiver<Event>) {
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                None => return,
                Some(Event::Announcement { .. } | Event::Connected(_)) => self.wake.notify_waiters(),
                Some(Event::Request { bytes, reply, .. }) => self.answer(&bytes, reply).await,
                Some(Event::BootstrapFailed {
                    address,
                    error,
                    retry_in,
                }) => {
                    tracing::warn!(%address, %error, seconds = retry_in.as_secs_f32(), "no coordinator there; trying again");
                }
                Some(event) => tracing::debug!(?event, "network"),
            }
        }
    }

    /// Serves the log to whoever follows it through this node, if it follows just one.
    async fn answer(&self, bytes: &[u8], reply: Reply) {
        let page = match (Request::decode(bytes), self.followers.as_slice()) {
            (Ok(Request::Log { from }), [follower]) => follower.serve(from).await,
            _ => None,
        };
        let refusal = || Response::Refused {
            reason: "a node serves the pages of one log only".to_owned(),
        };
        if let Ok(bytes) = page.map_or_else(refusal, Response::Page).encode() {
            let _ = reply.send(bytes);
        }
    }

    /// Hands a record to the coordinator and waits until it stands in the log.
    async fn submit(&self, to: NodeId, what: &'static str, envelope: &Envelope) -> Result<(), WorkError> {
        self.submit_bytes(to, what, envelope.bytes().to_vec()).await
    }

    async fn submit_bytes(&self, to: NodeId, what: &'static str, envelope: Vec<u8>) -> Result<(), WorkError> {
        match ask(&self.network, to, &Request::Submit { envelope }).await? {
            Response::Appended { index } => {
                tracing::info!(what, index, "recorded");
                Ok(())
            }
            other => Err(WorkError::Refused {
                what,
                reason: describe(&other),
            }),
        }
    }

    /// Uses the journal on a thread that may block.
    async fn with_journal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, WorkError> {
        let journal = Arc::clone(&self.journal);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut journal.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(done.await??)
    }

    fn is_running(&self, attempt: AttemptId) -> bool {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&attempt)
    }
}

async fn serve_artifacts(exchange: Exchange) {
    if let Err(error) = exchange.serve().await {
        tracing::error!(%error, "artifacts are not served");
    }
}
