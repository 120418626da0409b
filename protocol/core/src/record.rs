//! The records of a ledger: every kind typed, each a JSON payload in a DSSE envelope.
//!
//! The payload type names the kind, so the signature binds it. A rescore is revealed as an in-toto
//! Statement (<https://in-toto.io/Statement/v1>), which other supply-chain tools can carry.
//! Decoding checks form; whether a record may stand where it stands is [`crate::history`]'s matter.

mod attempt;
mod campaign;
mod party;
mod qualification;
mod statement;
mod verification;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

pub use self::attempt::{Forfeit, ForfeitReason, Lease, SealedClaim, Usage};
pub use self::campaign::{AgentRef, BundleRecord, Campaign, Verification};
pub use self::party::{Admission, Admitted, Coordinator, DeviceClass, Enrollment, EnrollmentPolicy, Host};
pub use self::qualification::{Fault, Qualification, QualifyingRun, REFERENCE_SCORINGS, Role, Scored};
pub use self::statement::{RescorePredicate, Statement};
pub use self::verification::{
    Assignment, Claim, ClaimCheck, Commitment, Correction, Decision, Published, Reveal, SealedRescore,
    Verdict,
};

use crate::envelope::{Envelope, EnvelopeError};
use crate::identity::Keypair;

/// Why bytes are no record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No acceptable envelope.
    #[error("the record's envelope is not acceptable")]
    Envelope(#[from] EnvelopeError),
    /// A payload type that no kind has.
    #[error("`{0}` is no kind of record that this version knows")]
    Kind(String),
    /// The payload does not have its kind's form.
    #[error("the payload of the {kind} record is malformed")]
    Payload {
        /// The kind that the payload type names.
        kind: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// One record, by kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// The log's first entry: origin, keys, policy.
    Coordinator(Coordinator),
    /// Somebody may enroll.
    Admission(Admission),
    /// An operator's node joins, or says that it is back.
    Enrollment(Enrollment),
    /// A task's signed terms.
    Bundle(BundleRecord),
    /// What a task's own solutions and cheats came to.
    Qualification(Qualification),
    /// A request for attempts.
    Campaign(Campaign),
    /// The grant of one attempt to one node.
    Lease(Lease),
    /// An executor's sealed result.
    SealedClaim(SealedClaim),
    /// A lease that ended without a result.
    Forfeit(Forfeit),
    /// Verifiers drawn for an attempt.
    Assignment(Assignment),
    /// A verifier's sealed result.
    SealedRescore(SealedRescore),
    /// A seal opened.
    Reveal(Reveal),
    /// What the rescores came to.
    Verdict(Verdict),
    /// A later word on an earlier entry.
    Correction(Correction),
}

const PREFIX: &str = "application/vnd.quorate.";
const SUFFIX: &str = ".v1+json";

/// DSSE's payload type for in-toto Statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

impl Record {
    /// The kind's one name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Coordinator(_) => "coordinator",
            Self::Admission(_) => "admission",
            Self::Enrollment(_) => "enrollment",
            Self::Bundle(_) => "bundle",
            Self::Qualification(_) => "qualification",
            Self::Campaign(_) => "campaign",
            Self::Lease(_) => "lease",
            Self::SealedClaim(_) => "sealed-claim",
            Self::Forfeit(_) => "forfeit",
            Self::Assignment(_) => "assignment",
            Self::SealedRescore(_) => "sealed-rescore",
            Self::Reveal(_) => "reveal",
            Self::Verdict(_) => "verdict",
            Self::Correction(_) => "correction",
        }
    }

    fn payload_type(&self) -> String {
        match self {
            Self::Reveal(Reveal::Rescore(_)) => IN_TOTO.to_owned(),
            _ => format!("{PREFIX}{}{SUFFIX}", self.kind()),
        }
    }

    /// Signs the record with every one of `keys`.
    ///
    /// # Errors
    /// Where the envelope would be over its bounds.
    pub fn sign(&self, keys: &[&Keypair]) -> Result<Envelope, RecordError> {
        let payload = match self {
            Self::Coordinator(r) => to_json(r),
            Self::Admission(r) => to_json(r),
            Self::Enrollment(r) => to_json(r),
            Self::Bundle(r) => to_json(r),
            Self::Qualification(r) => to_json(r),
            Self::Campaign(r) => to_json(r),
            Self::Lease(r) => to_json(r),
            Self::SealedClaim(r) => to_json(r),
            Self::Forfeit(r) => to_json(r),
            Self::Assignment(r) => to_json(r),
            Self::SealedRescore(r) => to_json(r),
            Self::Reveal(Reveal::Claim(r)) => to_json(r),
            Self::Reveal(Reveal::Rescore(r)) => to_json(r),
            Self::Verdict(r) => to_json(r),
            Self::Correction(r) => to_json(r),
        };
        let payload = payload.map_err(|source| RecordError::Payload {
            kind: self.kind(),
            source,
        })?;
        Ok(Envelope::sign(&self.payload_type(), &payload, keys)?)
    }

    /// Reads the record that `envelope` carries.
    ///
    /// # Errors
    /// [`RecordError::Kind`] and [`RecordError::Payload`].
    pub fn read(envelope: &Envelope) -> Result<Self, RecordError> {
        let payload = envelope.payload();
        let payload_type = envelope.payload_type();
        if payload_type == IN_TOTO {
            return from_json("reveal", payload)
                .map(Reveal::Rescore)
                .map(Self::Reveal);
        }
        let kind = payload_type
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        match kind.unwrap_or_default() {
            "coordinator" => from_json("coordinator", payload).map(Self::Coordinator),
            "admission" => from_json("admission", payload).map(Self::Admission),
            "enrollment" => from_json("enrollment", payload).map(Self::Enrollment),
            "bundle" => from_json("bundle", payload).map(Self::Bundle),
            "qualification" => from_json("qualification", payload).map(Self::Qualification),
            "campaign" => from_json("campaign", payload).map(Self::Campaign),
            "lease" => from_json("lease", payload).map(Self::Lease),
            "sealed-claim" => from_json("sealed-claim", payload).map(Self::SealedClaim),
            "forfeit" => from_json("forfeit", payload).map(Self::Forfeit),
            "assignment" => from_json("assignment", payload).map(Self::Assignment),
            "sealed-rescore" => from_json("sealed-rescore", payload).map(Self::SealedRescore),
            "reveal" => from_json("reveal", payload).map(Reveal::Claim).map(Self::Reveal),
            "verdict" => from_json("verdict", payload).map(Self::Verdict),
            "correction" => from_json("correction", payload).map(Self::Correction),
            _ => Err(RecordError::Kind(payload_type.chars().take(100).collect())),
        }
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

fn from_json<T: DeserializeOwned>(kind: &'static str, payload: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(payload).map_err(|source| RecordError::Payload { kind, source })
}
