//! How an artifact is judged: draw, seals, reveals, verdict, and later corrections.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Statement;
use crate::digest::{AttemptId, Digest, RecordId};
use crate::envelope::Envelope;
use crate::identity::NodeId;
use crate::score::{Outcome, Score};
use crate::text::{Note, Salt, Timestamp};
use crate::vrf::VrfProof;

/// The hash that seals a result: of the signed payload bytes of the reveal that opens it, salt included.
///
/// The reveal is signed and stored before it is sealed, so the bytes that were committed to are the
/// bytes that are revealed, and nothing is serialised twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(Digest);

impl Commitment {
    /// The seal over what `reveal` will say.
    #[must_use]
    pub fn to(reveal: &Envelope) -> Self {
        Self(Digest::derive("quorate 2026-11 seal v1", &[reveal.payload()]))
    }

    /// Whether `reveal` opens this seal.
    #[must_use]
    pub fn is_opened_by(&self, reveal: &Envelope) -> bool {
        *self == Self::to(reveal)
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({})", self.0)
    }
}

/// Verifiers drawn for an attempt. Signed by the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The attempt.
    pub attempt: AttemptId,
    /// Counts the attempt's assignments, from 0.
    pub round: u32,
    /// The VRF's proof over the id of the attempt's sealed claim.
    pub draw: VrfProof,
    /// How many agreeing rescores decide: the policy's replicas; or one, where it has to confirm the claim.
    pub quorum: u8,
    /// Earlier verifiers who did not seal or reveal in time.
    pub passed_over: Vec<NodeId>,
    /// Those drawn now, in order of rank.
    pub verifiers: Vec<NodeId>,
    /// They seal by then,
    pub seal_by: Timestamp,
    /// and reveal by then.
    pub reveal_by: Timestamp,
    /// When they were drawn.
    pub at: Timestamp,
}

/// A verifier's sealed result. Signed by the verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedRescore {
    /// The attempt.
    pub attempt: AttemptId,
    /// Hides the score until every seal is in.
    pub commitment: Commitment,
    /// When it was sealed.
    pub at: Timestamp,
}

/// The executor's own score for its artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The attempt.
    pub attempt: AttemptId,
    /// What the executor says it scored.
    pub outcome: Outcome,
    /// The salt of the seal.
    pub salt: Salt,
}

/// A seal opened. Signed by whoever sealed.
#[derive(Debug, Clone, PartialEq)]
pub enum Reveal {
    /// The executor's claim.
    Claim(Claim),
    /// A verifier's rescore.
    Rescore(Statement),
}

impl Reveal {
    /// The attempt it belongs to.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        match self {
            Self::Claim(claim) => claim.attempt,
            Self::Rescore(statement) => statement.attempt,
        }
    }
}

/// A score that a quorum confirms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The median of the agreeing rescores, normalised.
    pub normalized: Score,
    /// The lowest end of their intervals.
    pub low: Score,
    /// The highest end of their intervals.
    pub high: Score,
    /// The median of their raw scores.
    pub raw: Score,
}

/// What the agreement rule makes of the rescores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Decision {
    /// A quorum confirms a score.
    Accepted {
        /// The score.
        score: Published,
    },
    /// A quorum finds the artifact invalid.
    Rejected,
    /// Too noisy to tell.
    Inconclusive,
    /// Verifiers keep disagreeing: the task's fault, not anybody's.
    Nondeterministic,
}

impl Decision {
    /// The verdict's one name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected => "rejected",
            Self::Inconclusive => "inconclusive",
            Self::Nondeterministic => "nondeterministic",
        }
    }
}

/// What the executor's claim turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimCheck {
    /// Not shown to be above the result.
    Honest,
    /// Shown to be above the result by the agreement rule, or a number for an invalid artifact.
    Overclaimed,
    /// Never opened.
    Unrevealed,
    /// There is no result to compare it with.
    Unchecked,
}

/// The end of an attempt. Signed by the coordinator, recomputed by everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The attempt.
    pub attempt: AttemptId,
    /// What the rescores came to.
    pub decision: Decision,
    /// What the claim turned out to be.
    pub claim: ClaimCheck,
    /// Verifiers whose rescores agree with each other and make the decision.
    pub agreeing: Vec<NodeId>,
    /// Verifiers whose rescores were shown to differ from those: a fault on record.
    pub outliers: Vec<NodeId>,
    /// When it was decided.
    pub at: Timestamp,
}

/// A later word on an earlier entry, which stays. Signed by the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The entry it is about: a verdict, whose row is withdrawn.
    pub corrects: RecordId,
    /// Why.
    pub reason: Note,
    /// When.
    pub at: Timestamp,
}
