//! Following a coordinator's log: fetch, check every entry by the rules, store, tell.
//!
//! The copy is this node's own. Nothing enters it that the pinned key did not sign into a
//! consistent checkpoint and that the rules of [`History`] do not allow.

mod cosigning;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use quorate_coordinator::page::page;
use quorate_core::history::RuleError;
use quorate_core::text::Origin;
use quorate_core::wire::{Page, Request, Response, WireError};
use quorate_core::{Envelope, History, NodeId, Record};
use quorate_ledger::tree::TreeHash;
use quorate_ledger::{Log, LogError, Offered, Replica, ReplicaError, SledStore, WitnessError};
use quorate_network::{Handle, RequestError};
use thiserror::Error;
use tokio::task::JoinError;

use crate::home::Home;
use crate::ledgers::{LedgerHome, LedgersError};

/// Why the log could not be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum FollowError {
    /// The coordinator did not answer.
    #[error("coordinator {coordinator} did not answer")]
    Request {
        /// Whom we follow.
        coordinator: NodeId,
        /// What happened.
        source: RequestError,
    },
    /// The coordinator answered something else.
    #[error("coordinator {coordinator} answered with something else than was asked for: {said}")]
    Answer {
        /// Whom we follow.
        coordinator: NodeId,
        /// What it said.
        said: String,
    },
    /// The answer is no message.
    #[error("coordinator {coordinator} answered with garbage")]
    Garbage {
        /// Whom we follow.
        coordinator: NodeId,
        /// What is wrong.
        source: WireError,
    },
    /// The log's first entry is no coordinator's.
    #[error("the log does not begin with its coordinator's record")]
    Genesis(#[source] RuleError),
    /// The page does not fit.
    #[error("the log cannot be followed further")]
    Replica(#[from] ReplicaError<RuleError>),
    /// The copy cannot be used.
    #[error("this node's copy of the log cannot be used")]
    Log(#[from] LogError),
    /// The home cannot be used.
    #[error(transparent)]
    Ledgers(#[from] LedgersError),
    /// The copy's content breaks the rules.
    #[error("entry {index} of this node's copy breaks the rules: move its folder aside and sync again")]
    Broken {
        /// The first bad entry.
        index: u64,
        /// What is wrong with it.
        source: RuleError,
    },
    /// The log showed two faces.
    #[error(
        "the log of coordinator {coordinator} forked: its key signed two logs that contradict each other, and this node \
         follows it no more. {} is the proof: show it to others, who check it with `quorate verify` and the log's key. \
         To follow the log all the same, move that file away", path.display()
    )]
    Forked {
        /// Whose log it is.
        coordinator: NodeId,
        /// Where the proof lies.
        path: PathBuf,
    },
    /// This node did not cosign.
    #[error("this node did not cosign the checkpoint that it was asked to")]
    Witness(#[from] WitnessError),
    /// A cosignature was refused.
    #[error("coordinator {coordinator} does not count this node's cosignature of {size} entries: {said}")]
    NotCounted {
        /// Who asked for it.
        coordinator: NodeId,
        /// The size that was cosigned.
        size: u64,
        /// Its words.
        said: String,
    },
    /// A blocking task died.
    #[error("a task of the follower died")]
    Task(#[from] JoinError),
}

impl FollowError {
    /// Whether trying again later may help: the coordinator is away, not wrong.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Request { .. })
    }
}

struct Copy {
    replica: Replica<SledStore>,
    history: Option<History>,
    asked: cosigning::Asked,
}

/// Bytes of entries taken from the copy at a time when it is read as a whole.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// A copy of one coordinator's log and what it comes to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Follower {
    coordinator: NodeId,
    network: Handle,
    copy: Arc<tokio::sync::Mutex<Option<Copy>>>,
    view: Arc<RwLock<Option<Arc<History>>>>,
    home: Home,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("coordinator", &self.coordinator)
            .finish_non_exhaustive()
    }
}

impl Follower {
    /// Follows the log of `coordinator`, beginning with the copy that `home` holds, if any.
    pub(crate) async fn open(home: Home, network: Handle, coordinator: NodeId) -> Result<Self, FollowError> {
        let follower = Self {
            coordinator,
            network,
            copy: Arc::new(tokio::sync::Mutex::new(None)),
            view: Arc::new(RwLock::new(None)),
            home,
        };
        *follower.copy.lock().await = follower.reopen().await?;
        Ok(follower)
    }

    /// The copy that the home holds, if any.
    async fn reopen(&self) -> Result<Option<Copy>, FollowError> {
        if self.check_unforked().is_err() {
            return Ok(None);
        }
        let Some(ledger) = LedgerHome::find(&self.home, self.coordinator.key())? else {
            return Ok(None);
        };
        let copy = tokio::task::spawn_blocking(move || open_copy(&ledger)).await??;
        self.publish(Some(&copy));
        Ok(Some(copy))
    }

    /// Whom we follow.
    pub(crate) const fn coordinator(&self) -> NodeId {
        self.coordinator
    }

    /// What the copy comes to; `None` before the first entry.
    pub(crate) fn history(&self) -> Option<Arc<History>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches and checks what is new. Returns the copy's size.
    pub(crate) async fn sync(&self) -> Result<u64, FollowError> {
        self.check_unforked()?;
        let mut held = self.copy.lock().await;
        if held.is_none() {
            *held = self.reopen().await?;
        }
        loop {
            let from = held.as_ref().map_or(0, |copy| copy.replica.log().size());
            let page = self.page(from).await?;
            if held.is_none() {
                *held = Some(self.begin(&page).await?);
            }
            let Some(mut copy) = held.take() else {
                return Ok(from);
            };
            let (copy, outcome) = tokio::task::spawn_blocking(move || {
                let outcome = take_page(&mut copy, &page);
                if outcome.is_ok() {
                    copy.note(&page);
                }
                (copy, outcome)
            })
            .await?;
            let grown = copy.replica.log().size() > from;
            if grown {
                self.publish(Some(&copy));
            }
            let size = copy.replica.log().size();
            // What a failed write left on disk is known only when the copy is opened again.
            if !matches!(outcome, Err(ReplicaError::Log(_))) {
                *held = Some(copy);
            }
            if let Err(error) = outcome {
                return Err(self.settle(&mut held, error).await);
            }
            if !grown {
                return Ok(size);
            }
        }
    }

    /// A page of the copy, for somebody who follows the log through this node.
    pub(crate) async fn serve(&self, from: u64) -> Option<Page> {
        let held = self.copy.lock().await;
        page(held.as_ref()?.replica.log(), from, None).ok()
    }

    async fn page(&self, from: u64) -> Result<Page, FollowError> {
        let coordinator = self.coordinator;
        match ask(&self.network, coordinator, &Request::Log { from }).await? {
            Response::Page(page) => Ok(page),
            other => Err(FollowError::Answer {
                coordinator,
                said: describe(&other),
            }),
        }
    }

    /// Opens an empty copy under the origin that the first entry names.
    async fn begin(&self, page: &Page) -> Result<Copy, FollowError> {
        let origin = origin_of(page, self.coordinator)?;
        let (home, key) = (self.home.clone(), *self.coordinator.key());
        tokio::task::spawn_blocking(move || open_copy(&LedgerHome::ensure(&home, key, &origin)?)).await?
    }

    fn publish(&self, copy: Option<&Copy>) {
        let view = copy.and_then(|copy| copy.history.clone()).map(Arc::new);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn ask(network: &Handle, to: NodeId, request: &Request) -> Result<Response, FollowError> {
    let garbage = |source| FollowError::Garbage {
        coordinator: to,
        source,
    };
    let bytes = request.encode().map_err(garbage)?;
    let answer = network
        .request(to, bytes)
        .await
        .map_err(|source| FollowError::Request {
            coordinator: to,
            source,
        })?;
    Response::decode(&answer).map_err(garbage)
}

/// An answer in a few words.
pub(crate) fn describe(response: &Response) -> String {
    match response {
        Response::Refused { reason } => reason.chars().filter(|c| !c.is_control()).take(500).collect(),
        Response::Page(_) => "a page".to_owned(),
        Response::Leased { .. } => "a lease".to_owned(),
        Response::Appended { .. } | Response::Cosigned => "a receipt".to_owned(),
        Response::Prefix(_) => "what the log was".to_owned(),
        _ => "nothing to do".to_owned(),
    }
}

fn origin_of(page: &Page, coordinator: NodeId) -> Result<Origin, FollowError> {
    let refused = |error: RuleError| FollowError::Genesis(error);
    let first = page.entries.first().ok_or_else(|| refused(RuleError::Genesis))?;
    let envelope = Envelope::decode(first).map_err(|error| refused(RuleError::Record(error.into())))?;
    match Record::read(&envelope).map_err(|error| refused(error.into()))? {
        Record::Coordinator(record) if record.key == *coordinator.key() => Ok(record.origin),
        _ => Err(refused(RuleError::Genesis)),
    }
}

fn open_copy(ledger: &LedgerHome) -> Result<Copy, FollowError> {
    let log = Log::open_dir(&ledger.path, ledger.key.clone())?;
    let mut history = None;
    let mut index = 0;
    while index < log.size() {
        for bytes in log.entries(index..u64::MAX, READ_BYTES)? {
            extend(&mut history, &bytes).map_err(|source| FollowError::Broken { index, source })?;
            index += 1;
        }
    }
    Ok(Copy {
        replica: Replica::new(log),
        history,
        asked: cosigning::Asked::default(),
    })
}

fn take_page(copy: &mut Copy, page: &Page) -> Result<Offered, ReplicaError<RuleError>> {
    // Entries that are refused half-way must leave no trace, so they are applied to a copy.
    let mut after = copy.history.clone();
    let check = |_: u64, bytes: &[u8]| extend(&mut after, bytes);
    let offered = if page.proof.is_empty() {
        copy.replica.offer(&page.entries, &page.checkpoint, check)?
    } else {
        let proof: Vec<TreeHash> = page
            .proof
            .iter()
            .map(|hash| TreeHash::from_bytes(*hash))
            .collect();
        copy.replica
            .offer_part(&page.entries, &page.checkpoint, &proof, check)?
    };
    if after.as_ref().map(History::size) == Some(copy.replica.log().size()) {
        copy.history = after;
    }
    Ok(offered)
}

fn extend(history: &mut Option<History>, bytes: &[u8]) -> Result<(), RuleError> {
    let envelope = Envelope::decode(bytes).map_err(|error| RuleError::Record(error.into()))?;
    History::extend(history, &envelope)
}
