//! What a log asks of a node: a pure reading of its history.

use serde::{Deserialize, Serialize};

use crate::digest::{ArtifactId, AttemptId, BundleId, Digest};
use crate::draw;
use crate::history::{AssignedState, History, Phase};
use crate::identity::NodeId;
use crate::text::Timestamp;

/// In which part a node has a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// It made the attempt.
    Executor,
    /// It re-scored the artifact.
    Verifier,
}

/// An artifact to re-score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RescoreJob {
    /// The attempt.
    pub attempt: AttemptId,
    /// The task.
    pub bundle: BundleId,
    /// What to score.
    pub artifact: ArtifactId,
    /// Who has it.
    pub executor: NodeId,
    /// The seed that the draw gives.
    pub seed: Digest,
    /// The seal must be in the log by then.
    pub seal_by: Timestamp,
}

/// Rescores that are asked of `me` and not sealed, the most urgent first.
#[must_use]
pub fn rescores(history: &History, me: NodeId, now: Timestamp) -> Vec<RescoreJob> {
    let mut jobs: Vec<RescoreJob> = history
        .attempts()
        .iter()
        .filter_map(|(id, attempt)| {
            let Phase::Verifying(proceedings) = &attempt.phase else {
                return None;
            };
            let mine = proceedings
                .live()
                .find(|a| a.node == me && a.state == AssignedState::Waiting && a.seal_by > now)?;
            Some(RescoreJob {
                attempt: *id,
                bundle: attempt.lease.bundle,
                artifact: proceedings.claim.artifact,
                executor: attempt.lease.node,
                seed: draw::scoring_seed(proceedings.draw.as_ref()?, *id),
                seal_by: mine.seal_by,
            })
        })
        .collect();
    jobs.sort_by_key(|job| job.seal_by);
    jobs
}

/// Leases that `me` holds and has not sealed.
#[must_use]
pub fn leases(history: &History, me: NodeId) -> Vec<AttemptId> {
    let held = history
        .attempts()
        .iter()
        .filter(|(_, a)| a.lease.node == me && a.phase == Phase::Leased);
    held.map(|(id, _)| *id).collect()
}

/// Seals of `me` that are to be opened now.
#[must_use]
pub fn reveals(history: &History, me: NodeId) -> Vec<(AttemptId, Part)> {
    let mut due = Vec::new();
    for (id, attempt) in history.attempts() {
        let Phase::Verifying(proceedings) = &attempt.phase else {
            continue;
        };
        if !proceedings.may_reveal() {
            continue;
        }
        if attempt.lease.node == me && proceedings.claimed.is_none() {
            due.push((*id, Part::Executor));
        }
        if proceedings
            .live()
            .any(|a| a.node == me && matches!(a.state, AssignedState::Sealed(..)))
        {
            due.push((*id, Part::Verifier));
        }
    }
    due
}

/// Whether a seal of `me` still waits to be opened, or a drawn rescore to be sealed.
#[must_use]
pub fn is_bound(history: &History, me: NodeId) -> bool {
    history.attempts().values().any(|attempt| {
        let Phase::Verifying(proceedings) = &attempt.phase else {
            return false;
        };
        let executor = attempt.lease.node == me && proceedings.claimed.is_none();
        let verifier = proceedings
            .live()
            .any(|a| a.node == me && matches!(a.state, AssignedState::Waiting | AssignedState::Sealed(..)));
        executor || verifier
    })
}

/// Whether `me` has to sign an enrollment: it never did, or it was passed over since.
#[must_use]
pub fn must_enroll(history: &History, me: NodeId) -> bool {
    history.nodes().get(&me).is_none_or(|node| node.dormant)
}
