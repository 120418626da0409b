//! What is asked for: bundles, and campaigns over them.

use serde::{Deserialize, Serialize};

use crate::digest::{AgentId, BundleId};
use crate::task::TaskSpec;
use crate::text::{Name, Timestamp};

/// A task's terms enter the log. Signed by the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleRecord {
    /// The artifact that carries the task's files.
    pub bundle: BundleId,
    /// Its terms, equal to the file `bundle.json` in that artifact.
    pub spec: TaskSpec,
    /// When it was published.
    pub at: Timestamp,
}

/// An agent by name and content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRef {
    /// What leaderboards call it.
    pub name: Name,
    /// The artifact that carries it.
    pub id: AgentId,
}

/// How results of a campaign are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Verifiers drawn first; so many unanimous ones accept. At least two.
    pub replicas: u8,
    /// Verifiers drawn when they are not unanimous.
    pub escalation: u8,
    /// Rescores at most. At most [`Verification::MOST`].
    pub max_rescores: u8,
    /// Seconds a verifier has to seal.
    pub seal_seconds: u32,
    /// Seconds after that to reveal.
    pub reveal_seconds: u32,
    /// Where set, one rescore that confirms the claim is enough between operators that earned trust
    /// ([`credit`](crate::credit)), but for this share of attempts, in per cent: the audit floor. The
    /// draw says which attempts these are. Left out, nobody's word saves a rescore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_percent: Option<u8>,
}

impl Verification {
    /// The most rescores any policy may ask for: verdicts look at every subset of them.
    pub const MOST: u8 = 9;

    /// The lowest audit floor, in per cent.
    pub const LEAST_AUDIT: u8 = 5;

    /// Whether the numbers make sense together.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.replicas >= 2
            && self.escalation >= 1
            && self.max_rescores >= self.replicas
            && self.max_rescores <= Self::MOST
            && self.seal_seconds > 0
            && self.reveal_seconds > 0
            && match self.audit_percent {
                Some(percent) => percent >= Self::LEAST_AUDIT && percent <= 100,
                None => true,
            }
    }
}

/// A request for attempts: every bundle × every agent. Signed by the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// What it is called.
    pub name: Name,
    /// Tasks, all published before.
    pub bundles: Vec<BundleId>,
    /// Agents.
    pub agents: Vec<AgentRef>,
    /// Results wanted for each bundle and agent.
    pub attempts: u32,
    /// Leases granted at most for each, forfeits included. Every lease counts in score@k.
    pub max_leases: u32,
    /// Seconds from a lease to its deadline beyond the task's own time budget.
    pub grace_seconds: u32,
    /// How results are verified.
    pub verification: Verification,
    /// When it was published.
    pub at: Timestamp,
}
