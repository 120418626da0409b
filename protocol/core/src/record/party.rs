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
    /// When the log began.
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

/// An operator enrolls a node, or renews its enrollment. Signed by both.
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
