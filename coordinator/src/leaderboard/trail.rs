//! The records that prove an attempt, in the order of the log.
//!
//! A history keeps the ids that its rules need. What it does not keep is read from the log's entries
//! by [`Leaderboard::trace`](super::Leaderboard::trace).

use quorate_core::digest::{AttemptId, RecordId};
use quorate_core::history::{Assigned, AssignedState, Attempt, Phase, Proceedings};
use quorate_core::{History, NodeId};
use serde::Serialize;

/// One record of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Where it stands in the log.
    pub index: u64,
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: &'static str,
    /// The node that signed it; `None` for the coordinator.
    pub by: Option<NodeId>,
    /// What it says.
    pub says: String,
}

/// The records of `attempt` that the history knows.
pub(super) fn known(history: &History, id: AttemptId, attempt: &Attempt) -> Vec<Step> {
    let mut trail = Trail {
        history,
        steps: Vec::new(),
    };
    let holder = attempt.lease.node;
    let says = format!("attempt {} for node {}", attempt.lease.number, holder.short());
    trail.push(RecordId(id.0), "lease", None, says);
    if let Some(proceedings) = attempt.proceedings() {
        let artifact = proceedings.claim.artifact.short();
        let says = format!("artifact {artifact}, its score sealed");
        trail.push(proceedings.claim_record, "sealed-claim", Some(holder), says);
        trail.assignments(proceedings);
        for assigned in &proceedings.assigned {
            trail.answer(assigned);
        }
        if let Some((_, record)) = proceedings.claimed {
            trail.push(record, "reveal", Some(holder), "opens the claim".to_owned());
        }
    }
    if let Phase::Decided { verdict, record, .. } = &attempt.phase {
        trail.push(*record, "verdict", None, verdict.decision.name().to_owned());
    }
    trail.steps.sort_by_key(|step| step.index);
    trail.steps
}

struct Trail<'a> {
    history: &'a History,
    steps: Vec<Step>,
}

impl Trail<'_> {
    fn push(&mut self, record: RecordId, kind: &'static str, by: Option<NodeId>, says: String) {
        if let Some(index) = self.history.position(&record) {
            self.steps.push(Step {
                index,
                record,
                kind,
                by,
                says,
            });
        }
    }

    fn assignments(&mut self, proceedings: &Proceedings) {
        for group in proceedings.assigned.chunk_by(|a, b| a.assignment == b.assignment) {
            let nodes: Vec<NodeId> = group.iter().map(|assigned| assigned.node).collect();
            if let Some(first) = group.first() {
                self.push(first.assignment, "assignment", None, assignment_says(&nodes, &[]));
            }
        }
    }

    fn answer(&mut self, assigned: &Assigned) {
        let node = Some(assigned.node);
        match &assigned.state {
            AssignedState::Sealed(_, record) => {
                self.push(*record, "sealed-rescore", node, SEALED.to_owned());
            }
            AssignedState::Revealed(_, record) => {
                self.push(*record, "reveal", node, "opens its rescore".to_owned());
            }
            AssignedState::Waiting | AssignedState::PassedOver { .. } => {}
        }
    }
}

pub(super) const SEALED: &str = "its rescore, sealed";

/// What an assignment says: who was drawn, and who was late.
pub(super) fn assignment_says(drawn: &[NodeId], passed_over: &[NodeId]) -> String {
    let list = |nodes: &[NodeId]| nodes.iter().map(NodeId::short).collect::<Vec<_>>().join(", ");
    let parts = [("draws ", drawn), ("passes over ", passed_over)];
    parts
        .iter()
        .filter(|(_, nodes)| !nodes.is_empty())
        .map(|(what, nodes)| format!("{what}{}", list(nodes)))
        .collect::<Vec<_>>()
        .join("; ")
}
