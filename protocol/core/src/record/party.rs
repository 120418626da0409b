//! Who takes part: the coordinator of a log, operators and their nodes.

use serde::{Deserialize, Serialize};

use crate::identity::{NodeId, PublicKey};
use crate::text::{Name, Note, Origin, Timestamp};
use crate::vrf::VrfPublicKey;

/// Who may enroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnrollmentPolicy {
    /// Any operator.
    Open,
    /// Whoever holds one of the coordinator's invitations: one new operator each.
    Invite,
    /// The operators that the coordinator admits by their keys.
    Allowlist,
}

impl EnrollmentPolicy {
    /// Its one name, as in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Allowlist => "allowlist",
        }
    }
}

/// The first entry of a log. Signed by the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coordinator {
    /// The log's origin, as its checkpoints name it.
    pub origin: Origin,
    /// The key that signs this log's checkpoints and the coordinator's records.
    pub key: PublicKey,
    /// The key of the verifier draw.
    pub vrf_key: VrfPublicKey,
    /// Who may enroll.
    pub enrollment: EnrollmentPolicy,
    /// How many operators must cosign a checkpoint before it counts; 0 where none need to.
    #[serde(default, skip_serializing_if = "asks_nobody")]
    pub witness_quorum: u8,
    /// When the log began.
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn asks_nobody(witness_quorum: &u8) -> bool {
    *witness_quorum == 0
}

/// Whom an admission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admitted {
    /// The operator of this key, in a log of [`EnrollmentPolicy::Allowlist`].
    Operator(PublicKey),
    /// One operator, whoever signs its first enrollment with this key too, in a log of
    /// [`EnrollmentPolicy::Invite`]. Whoever the invitation is given to gets the secret half.
    Invitation(PublicKey),
}

/// The coordinator lets somebody enroll. Signed by the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Whom.
    pub admits: Admitted,
    /// When it was signed.
    pub at: Timestamp,
}

/// The class of hardware inside which raw scores are compared, such as `cpu` or `h100`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceClass(pub Name);

/// What a node says of the machine it runs on. Declared, not proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The device that attempts and scorings use.
    pub device: DeviceClass,
    /// The processor, as the system names it.
    pub processor: Note,
    /// What stands in `/usr`, where containers are made from it.
    pub fingerprint: Note,
}

/// An operator enrolls a node, or renews its enrollment. Signed by both; a new operator's first one in
/// a log of [`EnrollmentPolicy::Invite`] also by an invitation's key.
///
/// A node that was passed over is drawn again only after it renews, so an absent node delays one
/// attempt and not all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrollment {
    /// The log this is for, so that it cannot be replayed into another.
    pub origin: Origin,
    /// The node.
    pub node: NodeId,
    /// The operator who answers for it.
    pub operator: PublicKey,
    /// What the operator calls itself.
    pub name: Name,
    /// The node's machine.
    pub host: Host,
    /// When it was signed.
    pub at: Timestamp,
}
