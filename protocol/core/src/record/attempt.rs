//! One registered try: the lease, and how it ended on the executor's side.

use serde::{Deserialize, Serialize};

use super::{Commitment, Host};
use crate::digest::{AgentId, ArtifactId, AttemptId, BundleId, CampaignId};
use crate::identity::NodeId;
use crate::text::{Note, Timestamp};

/// The grant of one attempt to one node. Signed by the coordinator; its record id is the attempt's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The campaign that asked for it.
    pub campaign: CampaignId,
    /// The task.
    pub bundle: BundleId,
    /// What makes the attempt.
    pub agent: AgentId,
    /// The how-manieth lease of this campaign, bundle and agent it is, from 0.
    pub number: u32,
    /// Who runs it.
    pub node: NodeId,
    /// When it was granted.
    pub at: Timestamp,
    /// The artifact's digest must be sealed by then.
    pub deadline: Timestamp,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Wall time of the agent's container, in milliseconds.
    pub wall_ms: u64,
    /// CPU time, in milliseconds, where the backend tells.
    pub cpu_ms: Option<u64>,
    /// Peak memory, in bytes, where the backend tells.
    pub peak_memory: Option<u64>,
}

/// An executor's result: the artifact in the open, its score sealed. Signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedClaim {
    /// The attempt.
    pub attempt: AttemptId,
    /// What was handed in.
    pub artifact: ArtifactId,
    /// Hides the claimed score until every rescore is sealed.
    pub commitment: Commitment,
    /// What the attempt used.
    pub usage: Usage,
    /// The machine it ran on.
    pub host: Host,
    /// When it was sealed.
    pub at: Timestamp,
}

/// Why a lease ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ForfeitReason {
    /// The deadline passed with nothing sealed. Said by the coordinator.
    DeadlinePassed,
    /// The agent ran but left no artifact. Said by the executor.
    Failed {
        /// What happened.
        note: Note,
    },
    /// The node gave it up: stopped, restarted, paused by its owner. Said by the executor.
    Abandoned {
        /// What happened.
        note: Note,
    },
}

/// A lease that ended without a result. Signed by the coordinator, or by the executor for its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forfeit {
    /// The attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: ForfeitReason,
    /// When.
    pub at: Timestamp,
}
