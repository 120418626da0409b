//! The rules: which record may follow which.
//!
//! A [`History`] is what a log's entries come to. The coordinator applies a record before it
//! appends it, every follower before it stores it, and an audit from genesis, all with
//! [`History::apply`]; so there is one set of rules and nobody's word for it. Applying is atomic: a
//! refused record leaves the history as it was. No clock is read here: times are the signers'.
//!
//! An [excerpt](History::excerpt) is a history of which only some entries are known: every rule holds
//! there but those that need all entries.

mod attempt;
mod lifecycle;
mod next;
mod party;
mod plan;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

pub use self::attempt::{Assigned, AssignedState, Attempt, Phase, Proceedings};
pub use self::next::{Slot, Step};
pub use self::party::{Admissions, CampaignState, NodeState};
pub use self::plan::Plan;

use crate::credit::Account;
use crate::digest::{AttemptId, BundleId, CampaignId, RecordId};
use crate::envelope::Envelope;
use crate::identity::{NodeId, PublicKey};
use crate::record::{Coordinator, Correction, DeviceClass, Record, RecordError};
use crate::task::TaskSpec;

/// Why a record may not stand where it stands.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// It is no record at all.
    #[error("the entry is no record")]
    Record(#[from] RecordError),
    /// The first entry must be the coordinator's, and only the first.
    #[error("a log begins with one coordinator record and has no other")]
    Genesis,
    /// It stands in the log already.
    #[error("record {0} is in the log already")]
    Duplicate(RecordId),
    /// It is not signed by exactly those who must sign it.
    #[error("a {kind} record must be signed by {expected}")]
    Signer {
        /// The record's kind.
        kind: &'static str,
        /// Who must sign.
        expected: &'static str,
    },
    /// It names something that the log does not hold.
    #[error("the {kind} record names {what}, which this log does not hold")]
    Unknown {
        /// The record's kind.
        kind: &'static str,
        /// What it names.
        what: String,
    },
    /// An excerpt's entries are applied in the order of the log.
    #[error("entry {index} comes after entry {last} of the excerpt, or the history is no excerpt")]
    Order {
        /// Where the entry stands.
        index: u64,
        /// The last entry applied.
        last: u64,
    },
    /// It breaks a rule of its kind.
    #[error("the {kind} record breaks a rule: {rule}")]
    Broken {
        /// The record's kind.
        kind: &'static str,
        /// Which rule.
        rule: &'static str,
    },
}

/// How much of a log is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Every entry.
    Whole,
    /// Some entries.
    Excerpt,
}

/// What a log's entries come to.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    coordinator: Coordinator,
    size: u64,
    admissions: Admissions,
    nodes: BTreeMap<NodeId, NodeState>,
    bundles: BTreeMap<BundleId, TaskSpec>,
    qualified: BTreeSet<BundleId>,
    campaigns: BTreeMap<CampaignId, CampaignState>,
    attempts: BTreeMap<AttemptId, Attempt>,
    records: BTreeMap<RecordId, u64>,
    accounts: BTreeMap<(PublicKey, DeviceClass), Account>,
    extent: Extent,
}

impl History {
    /// Begins with a log's first entry.
    ///
    /// # Errors
    /// Where it is no coordinator record signed by the key it names.
    pub fn begin(envelope: &Envelope) -> Result<Self, RuleError> {
        let Record::Coordinator(coordinator) = Record::read(envelope)? else {
            return Err(RuleError::Genesis);
        };
        signed_by(envelope, "coordinator", &[coordinator.key], "the key it names")?;
        Ok(Self {
            coordinator,
            size: 1,
            admissions: Admissions::default(),
            nodes: BTreeMap::new(),
            bundles: BTreeMap::new(),
            qualified: BTreeSet::new(),
            campaigns: BTreeMap::new(),
            attempts: BTreeMap::new(),
            records: BTreeMap::from([(envelope.id(), 0)]),
            accounts: BTreeMap::new(),
            extent: Extent::Whole,
        })
    }

    /// Begins with a log's first entry a history of which only some entries will be known. What it
    /// cannot tell: who ranked before whom in a draw, whether leases are numbered without gaps, who was
    /// admitted, and what credit an operator has.
    ///
    /// # Errors
    /// As [`History::begin`].
    pub fn excerpt(envelope: &Envelope) -> Result<Self, RuleError> {
        Ok(Self {
            extent: Extent::Excerpt,
            ..Self::begin(envelope)?
        })
    }

    /// Applies the record that stands at `index`, to an excerpt.
    ///
    /// # Errors
    /// [`RuleError::Order`], or any other [`RuleError`]; the history is then unchanged.
    pub fn apply_at(&mut self, index: u64, envelope: &Envelope) -> Result<(), RuleError> {
        let size = self.size;
        if self.extent == Extent::Whole || index < size {
            let last = size.saturating_sub(1);
            return Err(RuleError::Order { index, last });
        }
        self.size = index;
        let applied = self.apply(envelope);
        if applied.is_err() {
            self.size = size;
        }
        applied
    }

    /// Replays a whole log; the error names the first bad entry's index.
    ///
    /// # Errors
    /// The first rule that is broken, `None` for an empty log.
    pub fn replay<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Self>, (u64, RuleError)> {
        let mut history: Option<Self> = None;
        for (index, bytes) in (0_u64..).zip(entries) {
            let applied = Envelope::decode(bytes)
                .map_err(|error| RuleError::Record(error.into()))
                .and_then(|envelope| Self::extend(&mut history, &envelope));
            applied.map_err(|error| (index, error))?;
        }
        Ok(history)
    }

    /// Applies `envelope` to a history that may not have begun.
    ///
    /// # Errors
    /// Any [`RuleError`]; `history` is then unchanged.
    pub fn extend(history: &mut Option<Self>, envelope: &Envelope) -> Result<(), RuleError> {
        match history {
            Some(history) => history.apply(envelope),
            None => {
                *history = Some(Self::begin(envelope)?);
                Ok(())
            }
        }
    }

    /// Applies the next record.
    ///
    /// # Errors
    /// Any [`RuleError`]; the history is then unchanged.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<(), RuleError> {
        let id = envelope.id();
        if self.records.contains_key(&id) {
            return Err(RuleError::Duplicate(id));
        }
        match Record::read(envelope)? {
            Record::Coordinator(_) => return Err(RuleError::Genesis),
            Record::Admission(record) => self.admit(envelope, &record)?,
            Record::Enrollment(record) => self.enroll(envelope, record)?,
            Record::Bundle(record) => self.add_bundle(envelope, record)?,
            Record::Qualification(record) => self.qualify(envelope, &record)?,
            Record::Campaign(record) => self.add_campaign(envelope, record)?,
            Record::Lease(record) => self.grant(envelope, record)?,
            Record::SealedClaim(record) => self.seal_claim(envelope, &record)?,
            Record::Forfeit(record) => self.forfeit(envelope, record)?,
            Record::Assignment(record) => self.assign(envelope, &record)?,
            Record::SealedRescore(record) => self.seal_rescore(envelope, &record)?,
            Record::Reveal(record) => self.reveal(envelope, record)?,
            Record::Verdict(record) => self.conclude(envelope, record)?,
            Record::Correction(record) => self.correct(envelope, &record)?,
        }
        self.records.insert(id, self.size);
        self.size += 1;
        Ok(())
    }

    /// The log's first entry.
    #[must_use]
    pub const fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// How many entries were applied.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Who may enroll, beyond those who did.
    #[must_use]
    pub const fn admissions(&self) -> &Admissions {
        &self.admissions
    }

    /// The enrolled nodes.
    #[must_use]
    pub const fn nodes(&self) -> &BTreeMap<NodeId, NodeState> {
        &self.nodes
    }

    /// The published tasks.
    #[must_use]
    pub const fn bundles(&self) -> &BTreeMap<BundleId, TaskSpec> {
        &self.bundles
    }

    /// Whether a qualification of this task is in the log; without one its results feed no leaderboard.
    #[must_use]
    pub fn is_qualified(&self, bundle: &BundleId) -> bool {
        self.qualified.contains(bundle)
    }

    /// The published campaigns.
    #[must_use]
    pub const fn campaigns(&self) -> &BTreeMap<CampaignId, CampaignState> {
        &self.campaigns
    }

    /// Every attempt that was ever leased.
    #[must_use]
    pub const fn attempts(&self) -> &BTreeMap<AttemptId, Attempt> {
        &self.attempts
    }

    /// Where a record stands in the log.
    #[must_use]
    pub fn position(&self, record: &RecordId) -> Option<u64> {
        self.records.get(record).copied()
    }

    fn correct(&mut self, envelope: &Envelope, record: &Correction) -> Result<(), RuleError> {
        self.signed_by_coordinator(envelope, "correction")?;
        let attempt = self
            .attempts
            .values_mut()
            .find(
                |attempt| matches!(attempt.phase, Phase::Decided { record: id, .. } if id == record.corrects),
            )
            .ok_or_else(|| unknown("correction", &record.corrects))?;
        attempt.withdrawn = Some(record.reason.clone());
        Ok(())
    }

    fn signed_by_coordinator(&self, envelope: &Envelope, kind: &'static str) -> Result<(), RuleError> {
        signed_by(envelope, kind, &[self.coordinator.key], "the coordinator")
    }
}

/// Requires exactly the signatures of `keys`.
fn signed_by(
    envelope: &Envelope,
    kind: &'static str,
    keys: &[PublicKey],
    expected: &'static str,
) -> Result<(), RuleError> {
    let (mut have, mut want) = (envelope.signers().to_vec(), keys.to_vec());
    have.sort_unstable();
    want.sort_unstable();
    want.dedup();
    if have == want {
        Ok(())
    } else {
        Err(RuleError::Signer { kind, expected })
    }
}

fn unknown(kind: &'static str, what: &impl ToString) -> RuleError {
    RuleError::Unknown {
        kind,
        what: what.to_string(),
    }
}

/// Fails with `rule` unless `holds`.
const fn require(holds: bool, kind: &'static str, rule: &'static str) -> Result<(), RuleError> {
    if holds {
        Ok(())
    } else {
        Err(RuleError::Broken { kind, rule })
    }
}
