//! One attempt as it is shown: what was claimed, what verifiers found, what it came to.

use quorate_core::digest::{AgentId, ArtifactId, AttemptId, BundleId, RecordId};
use quorate_core::history::{Assigned, AssignedState, Attempt, Phase};
use quorate_core::record::{ClaimCheck, Decision, ForfeitReason, Published, Verdict};
use quorate_core::score::Outcome;
use quorate_core::task::Aggregate;
use quorate_core::text::{Name, Note, Timestamp};
use quorate_core::{Digest, History, NodeId, PublicKey, draw};
use serde::Serialize;

use super::row::RowKey;
use super::trail::{self, Step};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Running, or being verified.
    Pending,
    /// Ended without a result.
    Forfeited,
    /// A quorum confirms a score.
    Accepted,
    /// A quorum finds the artifact invalid.
    Rejected,
    /// Too noisy to tell.
    Inconclusive,
    /// Verifiers keep disagreeing.
    Nondeterministic,
    /// There was a verdict, and it was corrected.
    Withdrawn,
}

impl Status {
    /// The status's one name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Forfeited => "forfeited",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Inconclusive => "inconclusive",
            Self::Nondeterministic => "nondeterministic",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// How a verifier's answer relates to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// No verdict yet.
    Pending,
    /// One of those that make the verdict.
    Agreeing,
    /// Shown to differ from those: a fault.
    Outlier,
    /// Neither: too noisy to tell, or no quorum.
    Unsettled,
    /// It never sealed: an absence.
    Silent,
    /// It sealed and never opened: a fault.
    Unrevealed,
}

impl Answer {
    /// The answer's one name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Agreeing => "agreeing",
            Self::Outlier => "outlier",
            Self::Unsettled => "unsettled",
            Self::Silent => "silent",
            Self::Unrevealed => "unrevealed",
        }
    }
}

/// One verifier's part in an attempt. `score` is raw, `normalized` normalised; both are `None` where
/// the artifact is invalid or nothing was opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RescoreView {
    /// Who.
    pub node: NodeId,
    /// What its operator calls itself.
    pub operator: Name,
    /// The operator's key.
    pub operator_key: PublicKey,
    /// What the scorer printed.
    pub score: Option<f64>,
    /// The median of its normalised samples.
    pub normalized: Option<f64>,
    /// Why it found the artifact invalid.
    pub invalid: Option<Note>,
    /// How it relates to the verdict.
    pub outcome: Answer,
    /// The record that opened it.
    pub reveal: Option<RecordId>,
}

/// One attempt. `score` and `claimed` are raw; what is not there is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptView {
    /// Its id: that of its lease.
    pub id: AttemptId,
    /// Where its lease stands in the log.
    pub index: u64,
    /// The row it belongs to.
    #[serde(flatten)]
    pub key: RowKey,
    /// Whether the task is qualified: only then does the attempt feed the leaderboard.
    pub qualified: bool,
    /// The campaign that asked for it.
    pub campaign: Name,
    /// The task's content.
    pub bundle: BundleId,
    /// The agent's content.
    pub agent_id: AgentId,
    /// How the task combines attempts.
    pub aggregate: Aggregate,
    /// Who ran it.
    pub node: NodeId,
    /// What its operator calls itself.
    pub operator: Name,
    /// The operator's key.
    pub operator_key: PublicKey,
    /// When it was granted.
    pub leased: Timestamp,
    /// When it had to be sealed.
    pub deadline: Timestamp,
    /// When it was decided.
    pub decided: Option<Timestamp>,
    /// What became of it.
    pub status: Status,
    /// The verdict's name, withdrawn or not.
    pub verdict: Option<&'static str>,
    /// Why it ended without a result.
    pub forfeit: Option<ForfeitReason>,
    /// Why its verdict was withdrawn.
    pub withdrawn: Option<Note>,
    /// What was handed in.
    pub artifact: Option<ArtifactId>,
    /// The raw score that the executor claimed, once opened.
    pub claimed: Option<f64>,
    /// The same, normalised.
    pub claimed_normalized: Option<f64>,
    /// What that claim turned out to be.
    pub claim: Option<ClaimCheck>,
    /// The published raw score.
    pub score: Option<f64>,
    /// The published normalised score, as the verdict says it: it may be below zero.
    pub normalized: Option<f64>,
    /// The lower end of its interval,
    pub low: Option<f64>,
    /// and the upper end.
    pub high: Option<f64>,
    /// The draw's output.
    pub draw: Option<String>,
    /// The seed that the draw gives every scoring of this attempt.
    pub scoring_seed: Option<Digest>,
    /// How many agreeing rescores decide it. One, where the claim of a trusted operator has to confirm it.
    pub quorum: Option<u8>,
    /// What each verifier answered, in order of the draw.
    pub rescores: Vec<RescoreView>,
    /// The records that prove all this, in order.
    pub trail: Vec<Step>,
}

impl AttemptView {
    /// What it counts as in score@k: its shown score, zero where it earned none; `None` where it
    /// does not count.
    #[must_use]
    pub fn counted(&self) -> Option<f64> {
        match self.status {
            Status::Accepted => self.shown(),
            Status::Rejected | Status::Forfeited => Some(0.0),
            Status::Pending | Status::Inconclusive | Status::Nondeterministic | Status::Withdrawn => None,
        }
    }

    /// The published normalised score as people see it: nothing below zero.
    #[must_use]
    pub fn shown(&self) -> Option<f64> {
        self.normalized.map(|score| score.max(0.0))
    }

    /// Where `record` stands in the log, if it is in this attempt's trail.
    #[must_use]
    pub fn index_of(&self, record: &RecordId) -> Option<u64> {
        let step = self.trail.iter().find(|step| step.record == *record);
        step.map(|step| step.index)
    }
}

/// The view of `attempt`. `None` only where the history lacks what its own rules demand.
pub(super) fn view(history: &History, id: AttemptId, attempt: &Attempt) -> Option<AttemptView> {
    let lease = &attempt.lease;
    let spec = history.spec(attempt)?;
    let node = history.nodes().get(&lease.node)?;
    let campaign = &history.campaigns().get(&lease.campaign)?.terms;
    let agent = campaign.agents.iter().find(|agent| agent.id == lease.agent)?;
    let proceedings = attempt.proceedings();
    let host = proceedings.map_or(&node.host, |p| &p.claim.host);
    let claimed = proceedings.and_then(|p| p.claimed.as_ref().map(|(outcome, _)| outcome));
    let verdict = attempt.verdict();
    let published = verdict.and_then(published);
    let output = proceedings.and_then(|p| p.draw);
    Some(AttemptView {
        id,
        index: attempt.index,
        key: RowKey {
            tier: spec.tier,
            environment: spec.environment.clone(),
            agent: agent.name.clone(),
            device: host.device.clone(),
            image: spec.image.kind(),
        },
        qualified: history.is_qualified(&lease.bundle),
        campaign: campaign.name.clone(),
        bundle: lease.bundle,
        agent_id: lease.agent,
        aggregate: spec.aggregate,
        node: lease.node,
        operator: node.name.clone(),
        operator_key: attempt.operator,
        leased: lease.at,
        deadline: lease.deadline,
        decided: verdict.map(|v| v.at),
        status: status(attempt),
        verdict: verdict.map(|v| v.decision.name()),
        forfeit: match &attempt.phase {
            Phase::Forfeited(reason) => Some(reason.clone()),
            _ => None,
        },
        withdrawn: attempt.withdrawn.clone(),
        artifact: proceedings.map(|p| p.claim.artifact),
        claimed: claimed.and_then(Outcome::raw),
        claimed_normalized: claimed.and_then(Outcome::normalized),
        claim: verdict.map(|v| v.claim),
        score: published.map(|p| p.raw.get()),
        normalized: published.map(|p| p.normalized.get()),
        low: published.map(|p| p.low.get()),
        high: published.map(|p| p.high.get()),
        draw: output.map(|output| output.to_string()),
        scoring_seed: output.map(|output| draw::scoring_seed(&output, id)),
        quorum: proceedings.filter(|p| p.rounds > 0).map(|p| p.quorum),
        rescores: proceedings.map_or_else(Vec::new, |p| {
            p.assigned
                .iter()
                .filter_map(|a| rescore(history, a, verdict))
                .collect()
        }),
        trail: trail::known(history, id, attempt),
    })
}

const fn published(verdict: &Verdict) -> Option<&Published> {
    match &verdict.decision {
        Decision::Accepted { score } => Some(score),
        Decision::Rejected | Decision::Inconclusive | Decision::Nondeterministic => None,
    }
}

fn status(attempt: &Attempt) -> Status {
    match &attempt.phase {
        _ if attempt.withdrawn.is_some() => Status::Withdrawn,
        Phase::Leased | Phase::Verifying(_) => Status::Pending,
        Phase::Forfeited(_) => Status::Forfeited,
        Phase::Decided { verdict, .. } => match verdict.decision {
            Decision::Accepted { .. } => Status::Accepted,
            Decision::Rejected => Status::Rejected,
            Decision::Inconclusive => Status::Inconclusive,
            Decision::Nondeterministic => Status::Nondeterministic,
        },
    }
}

fn rescore(history: &History, assigned: &Assigned, verdict: Option<&Verdict>) -> Option<RescoreView> {
    let operator = history.nodes().get(&assigned.node)?.name.clone();
    let (outcome, reveal) = match &assigned.state {
        AssignedState::Revealed(outcome, record) => (Some(outcome), Some(*record)),
        _ => (None, None),
    };
    Some(RescoreView {
        node: assigned.node,
        operator,
        operator_key: assigned.operator,
        score: outcome.and_then(Outcome::raw),
        normalized: outcome.and_then(Outcome::normalized),
        invalid: match outcome {
            Some(Outcome::Invalid { reason }) => Some(reason.clone()),
            _ => None,
        },
        outcome: answer(assigned, verdict),
        reveal,
    })
}

fn answer(assigned: &Assigned, verdict: Option<&Verdict>) -> Answer {
    match (&assigned.state, verdict) {
        (AssignedState::PassedOver { sealed: false }, _) => Answer::Silent,
        (AssignedState::PassedOver { sealed: true }, _) => Answer::Unrevealed,
        (AssignedState::Revealed(..), Some(verdict)) => {
            if verdict.agreeing.contains(&assigned.node) {
                Answer::Agreeing
            } else if verdict.outliers.contains(&assigned.node) {
                Answer::Outlier
            } else {
                Answer::Unsettled
            }
        }
        _ => Answer::Pending,
    }
}
