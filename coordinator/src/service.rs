//! The coordinator at work: requests in, answers and announcements out, the clock in between.

use std::sync::Arc;
use std::time::Duration;

use quorate_artifacts::Store;
use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::wire::{Announcement, Request, Response};
use quorate_core::{History, NodeId};
use quorate_network::{Event, Handle, Reply};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exchange::Exchange;
use crate::scribe::{Head, Scribe, ScribeError};

/// How often deadlines are looked at. They are given in seconds.
const TICK: Duration = Duration::from_millis(250);

/// Requests served at once; the rest wait in the network's own bounded queue.
const AT_ONCE: usize = 128;

/// Characters of a refusal's reason.
const REASON: usize = 500;

/// Artifacts mirrored at once.
const MIRRORS: usize = 4;

/// Runs the coordinator until `stop`, then ends cleanly: what was asked before is answered.
pub async fn run(
    scribe: Scribe,
    network: Handle,
    mut events: mpsc::Receiver<Event>,
    store: Arc<Store>,
    stop: CancellationToken,
) {
    let exchange = Exchange::new(network.clone(), store);
    let tasks = TaskTracker::new();
    tasks.spawn(serve_artifacts(exchange.clone()));
    tasks.spawn(announce(network.clone(), scribe.head(), stop.clone()));
    tasks.spawn(mirror(exchange, scribe.clone(), stop.clone()));
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {
                if scribe.tick().await.is_err() {
                    break;
                }
            }
            event = events.recv() => match event {
                None => break,
                Some(Event::Request { from, bytes, reply }) => {
                    let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
                    let scribe = scribe.clone();
                    tasks.spawn(async move {
                        answer(&scribe, from, &bytes, reply).await;
                        drop(place);
                    });
                }
                Some(event) => tracing::debug!(?event, "network"),
            },
        }
    }
    network.shutdown().await;
    tasks.close();
    tasks.wait().await;
}

async fn serve_artifacts(exchange: Exchange) {
    if let Err(error) = exchange.serve().await {
        tracing::error!(%error, "artifacts are not served");
    }
}

/// Answers one request.
async fn answer(scribe: &Scribe, from: NodeId, bytes: &[u8], reply: Reply) {
    let response = match Request::decode(bytes) {
        Err(error) => Response::Refused {
            reason: error.to_string(),
        },
        Ok(request) => serve(scribe, from, request).await.unwrap_or_else(|error| {
            tracing::debug!(%from, %error, "request refused");
            Response::Refused {
                reason: with_causes(&error).chars().take(REASON).collect(),
            }
        }),
    };
    match response.encode() {
        Ok(bytes) => {
            let _ = reply.send(bytes);
        }
        Err(error) => tracing::error!(%error, "an answer could not be encoded"),
    }
}

async fn serve(scribe: &Scribe, from: NodeId, request: Request) -> Result<Response, ScribeError> {
    Ok(match request {
        Request::Log { from } => Response::Page(scribe.page(from).await?),
        Request::Submit { envelope } => Response::Appended {
            index: scribe.submit(envelope).await?,
        },
        Request::Work(work) => match scribe.work(from, work).await? {
            Some(attempt) => Response::Leased { attempt },
            None => Response::Idle,
        },
        Request::Cosign { size, line } => {
            scribe.cosign(from, size, line).await?;
            Response::Cosigned
        }
        Request::Prefix { size } => Response::Prefix(scribe.prefix(size).await?),
        _ => Response::Refused {
            reason: "this version does not know that request".to_owned(),
        },
    })
}

/// An error and what caused it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Announces every new head. Announcements may be lost; followers also ask from time to time.
async fn announce(network: Handle, mut head: watch::Receiver<Head>, stop: CancellationToken) {
    loop {
        let checkpoint = head.borrow_and_update().checkpoint.clone();
        match (Announcement { checkpoint }).encode() {
            Ok(bytes) => {
                if let Err(error) = network.announce(bytes).await {
                    tracing::debug!(%error, "nobody heard the announcement");
                }
            }
            Err(error) => tracing::error!(%error, "an announcement could not be encoded"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = head.changed() => if changed.is_err() { return },
        }
    }
}

/// Keeps a copy of every artifact under verification, so that verifiers find it when the executor
/// has gone.
async fn mirror(exchange: Exchange, scribe: Scribe, stop: CancellationToken) {
    let mut head = scribe.head();
    let room = Arc::new(Semaphore::new(MIRRORS));
    let tasks = TaskTracker::new();
    let mut begun = std::collections::BTreeSet::new();
    loop {
        head.borrow_and_update();
        let Ok(history) = scribe.view().await else { return };
        for attempt in unmirrored(&history, &begun) {
            begun.insert(attempt);
            let Some((artifact, executor)) = handed_in(&history, attempt) else {
                continue;
            };
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let exchange = exchange.clone();
            tasks.spawn(async move {
                if let Err(error) = exchange.bring(artifact, &[executor], "mirrored").await {
                    tracing::warn!(%attempt, %error, "the artifact could not be mirrored");
                }
                drop(place);
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = head.changed() => if changed.is_err() { return },
        }
    }
}

fn unmirrored(history: &History, begun: &std::collections::BTreeSet<AttemptId>) -> Vec<AttemptId> {
    let verifying = history
        .attempts()
        .iter()
        .filter(|(_, a)| matches!(a.phase, Phase::Verifying(_)));
    verifying
        .map(|(id, _)| *id)
        .filter(|id| !begun.contains(id))
        .collect()
}

fn handed_in(history: &History, attempt: AttemptId) -> Option<(quorate_core::digest::ArtifactId, NodeId)> {
    let attempt = history.attempts().get(&attempt)?;
    Some((attempt.proceedings()?.claim.artifact, attempt.lease.node))
}
