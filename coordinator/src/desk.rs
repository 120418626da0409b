//! The coordinator's decisions, without I/O.
//!
//! The desk owns the log's [`History`] and the coordinator's keys. Whatever a call applies to the
//! history, one that is refused in the end too, waits in [`Desk::take_unlogged`] and must be durable in
//! the log before anybody is answered. If it cannot be made durable the desk is ahead of its log and
//! must be dropped and rebuilt from it, which is also how a coordinator comes back after a crash: the
//! lease table is the log, there is no second copy that could differ.

use std::collections::BTreeSet;
use std::time::Duration;

use quorate_core::digest::{AttemptId, CampaignId, RecordId};
use quorate_core::envelope::EnvelopeError;
use quorate_core::history::{Attempt, Phase, Plan, Proceedings, RuleError, Slot, Step};
use quorate_core::record::{
    Admission, Assignment, BundleRecord, Campaign, Coordinator, Correction, EnrollmentPolicy, Forfeit,
    ForfeitReason, Lease, Qualification, RecordError, Reveal, Verdict,
};
use quorate_core::task::DeviceKind;
use quorate_core::text::{Origin, Timestamp};
use quorate_core::vrf::VrfSecret;
use quorate_core::wire::WorkRequest;
use quorate_core::{Digest, Envelope, History, Keypair, NodeId, Record};
use thiserror::Error;

/// Why the desk refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeskError {
    /// No acceptable envelope.
    #[error("the record is not acceptable")]
    Envelope(#[from] EnvelopeError),
    /// A record of our own could not be signed.
    #[error("the record could not be signed")]
    Record(#[from] RecordError),
    /// The rules of the log forbid it.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Only nodes and operators submit records.
    #[error("a {kind} record is the coordinator's to write")]
    NotYours {
        /// The kind that was submitted.
        kind: &'static str,
    },
    /// Its time is ahead of the coordinator's clock.
    #[error("the {kind} record is dated in the future: set this machine's clock")]
    Future {
        /// The record's kind.
        kind: &'static str,
    },
    /// Work goes to enrolled nodes only.
    #[error("node {node} is not enrolled: submit an enrollment first")]
    NotEnrolled {
        /// Who asked.
        node: NodeId,
    },
    /// A log cannot be written with another key than it began with.
    #[error(
        "this log belongs to coordinator key {log}, but the key at hand is {key}: use the home that holds that key"
    )]
    ForeignLog {
        /// The key in the first entry.
        log: String,
        /// The key at hand.
        key: String,
    },
}

/// How far a node's clock may be ahead. Machines without a time service drift by seconds a day.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// How long a node rests after its first lapsed lease: enough for somebody else to take the slot.
const REST: Duration = Duration::from_secs(10);

/// However often it lapsed, a node that was mended works again within the hour.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// When a node says that it signed.
const fn signed_at(record: &Record) -> Option<Timestamp> {
    match record {
        Record::Enrollment(r) => Some(r.at),
        Record::SealedClaim(r) => Some(r.at),
        Record::Forfeit(r) => Some(r.at),
        Record::SealedRescore(r) => Some(r.at),
        Record::Reveal(Reveal::Rescore(r)) => Some(r.predicate.at),
        _ => None,
    }
}

/// The coordinator's secrets.
#[derive(Debug, Clone)]
pub struct Keys {
    signing: Keypair,
    vrf: VrfSecret,
}

impl Keys {
    /// Both keys from the coordinator's one key file: the VRF's is derived, never the same.
    #[must_use]
    pub fn new(signing: Keypair) -> Self {
        let seed = Digest::derive("quorate 2026-11 vrf key v1", &[&signing.secret()]);
        Self {
            signing,
            vrf: VrfSecret::from_seed(*seed.as_bytes()),
        }
    }

    /// The key that signs records and checkpoints.
    #[must_use]
    pub const fn signing(&self) -> &Keypair {
        &self.signing
    }

    /// A new log's first entry.
    ///
    /// # Errors
    /// Where it cannot be signed.
    pub fn genesis(&self, charter: impl Into<Charter>, at: Timestamp) -> Result<Envelope, RecordError> {
        let charter = charter.into();
        let record = Coordinator {
            origin: charter.origin,
            key: self.signing.public(),
            vrf_key: self.vrf.public(),
            enrollment: charter.enrollment,
            witness_quorum: charter.witness_quorum,
            at,
        };
        Record::Coordinator(record).sign(&[&self.signing])
    }
}

/// What a coordinator decides once, when it begins its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// The log's name.
    pub origin: Origin,
    /// Who may enroll.
    pub enrollment: EnrollmentPolicy,
    /// How many operators must cosign a checkpoint; 0 where none need to.
    pub witness_quorum: u8,
}

impl From<Origin> for Charter {
    /// A log that anybody may join and that asks for no witnesses.
    fn from(origin: Origin) -> Self {
        Self {
            origin,
            enrollment: EnrollmentPolicy::Open,
            witness_quorum: 0,
        }
    }
}

/// A campaign ready to be published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Bundles that may not be in the log yet.
    pub bundles: Vec<BundleRecord>,
    /// What shows that they may be trusted, for those of which there is such a record.
    pub qualifications: Vec<Qualification>,
    /// The campaign over them.
    pub campaign: Campaign,
}

/// The decisions of one coordinator over one log.
#[derive(Debug)]
pub struct Desk {
    history: History,
    keys: Keys,
    active: BTreeSet<AttemptId>,
    unlogged: Vec<Envelope>,
}

impl Desk {
    /// Takes up a log where it stands.
    ///
    /// # Errors
    /// [`DeskError::ForeignLog`] where it is another coordinator's.
    pub fn new(history: History, keys: Keys) -> Result<Self, DeskError> {
        let (log, key) = (history.coordinator().key, keys.signing.public());
        if log != key {
            return Err(DeskError::ForeignLog {
                log: log.to_string(),
                key: key.to_string(),
            });
        }
        let active = history
            .attempts()
            .iter()
            .filter(|(_, attempt)| matches!(attempt.phase, Phase::Leased | Phase::Verifying(_)))
            .map(|(id, _)| *id)
            .collect();
        Ok(Self {
            history,
            keys,
            active,
            unlogged: Vec::new(),
        })
    }

    /// What was applied to the history since this was called last, in order.
    pub fn take_unlogged(&mut self) -> Vec<Envelope> {
        std::mem::take(&mut self.unlogged)
    }

    /// What the log comes to.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// A record that a node or operator submits, and what follows from it at once. Submitting what is in
    /// the log already is no error: the sender may not have heard the answer.
    ///
    /// # Errors
    /// Where the record is not theirs to write, or the rules forbid it.
    pub fn submit(&mut self, bytes: &[u8], now: Timestamp) -> Result<RecordId, DeskError> {
        let envelope = Envelope::decode(bytes)?;
        let id = envelope.id();
        if self.history.position(&id).is_some() {
            return Ok(id);
        }
        let record = Record::read(&envelope)?;
        let attempt = match &record {
            Record::Enrollment(_) => None,
            Record::SealedClaim(r) => Some(r.attempt),
            Record::Forfeit(r) => Some(r.attempt),
            Record::SealedRescore(r) => Some(r.attempt),
            Record::Reveal(r) => Some(r.attempt()),
            other => return Err(DeskError::NotYours { kind: other.kind() }),
        };
        // Signers write the times, so a late node could backdate: what is due by the coordinator's
        // own clock is recorded before what it sends. A time ahead of that clock is refused.
        if signed_at(&record).is_some_and(|at| at > now.after(CLOCK_SKEW)) {
            return Err(DeskError::Future { kind: record.kind() });
        }
        if let Some(attempt) = attempt {
            self.advance(attempt, now)?;
        }
        self.admit(envelope)?;
        match attempt {
            Some(attempt) => self.advance(attempt, now)?,
            None => self.tick(now)?,
        }
        Ok(id)
    }

    /// An attempt for an enrolled node that asks: the one it holds, or a new lease.
    ///
    /// # Errors
    /// [`DeskError::NotEnrolled`], or where the lease cannot be signed.
    pub fn work(
        &mut self,
        node: NodeId,
        request: &WorkRequest,
        now: Timestamp,
    ) -> Result<Option<AttemptId>, DeskError> {
        if !self.history.nodes().contains_key(&node) {
            return Err(DeskError::NotEnrolled { node });
        }
        if let Some(held) = self.held_by(node) {
            self.advance(held, now)?;
            if self.held_by(node) == Some(held) {
                return Ok(Some(held));
            }
        }
        if self.rests_until(node).is_some_and(|until| now < until) {
            return Ok(None);
        }
        let slots = self.history.open_slots();
        let Some(slot) = slots.into_iter().find(|slot| self.suits(slot, request)) else {
            return Ok(None);
        };
        let lease = self.write(Record::Lease(Lease {
            campaign: slot.campaign,
            bundle: slot.bundle,
            agent: slot.agent,
            number: slot.number,
            node,
            at: now,
            deadline: now.after(self.allowance(&slot)),
        }))?;
        let attempt = AttemptId(lease.0);
        self.active.insert(attempt);
        Ok(Some(attempt))
    }

    /// Writes everything that is due at `now`: forfeits, assignments, verdicts.
    ///
    /// # Errors
    /// Where a record cannot be signed.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), DeskError> {
        for id in self.active.clone() {
            self.advance(id, now)?;
        }
        Ok(())
    }

    /// Publishes a campaign.
    ///
    /// # Errors
    /// Where the rules forbid it; nothing of it is then applied.
    pub fn publish(&mut self, publication: Publication) -> Result<CampaignId, DeskError> {
        let mut trial = self.history.clone();
        let mut envelopes = Vec::new();
        let mut add = |trial: &mut History, record: Record| {
            let envelope = record.sign(&[&self.keys.signing])?;
            trial.apply(&envelope)?;
            let id = envelope.id();
            envelopes.push(envelope);
            Ok::<_, DeskError>(id)
        };
        for bundle in publication.bundles {
            if !trial.bundles().contains_key(&bundle.bundle) {
                add(&mut trial, Record::Bundle(bundle))?;
            }
        }
        for qualification in publication.qualifications {
            if !trial.is_qualified(&qualification.bundle) {
                add(&mut trial, Record::Qualification(qualification))?;
            }
        }
        let campaign = add(&mut trial, Record::Campaign(publication.campaign))?;
        self.history = trial;
        self.unlogged.append(&mut envelopes);
        Ok(CampaignId(campaign.0))
    }

    /// Withdraws a row.
    ///
    /// # Errors
    /// Where the correction names no verdict.
    pub fn correct(&mut self, correction: Correction) -> Result<RecordId, DeskError> {
        self.write(Record::Correction(correction))
    }

    /// Lets an operator, or whoever holds an invitation, enroll.
    ///
    /// # Errors
    /// Where the log's policy has no such admissions, or the key was admitted before.
    pub fn let_in(&mut self, admission: Admission) -> Result<RecordId, DeskError> {
        self.write(Record::Admission(admission))
    }

    /// Signs a record of the coordinator's own and applies it.
    fn write(&mut self, record: Record) -> Result<RecordId, DeskError> {
        let envelope = record.sign(&[&self.keys.signing])?;
        let id = envelope.id();
        self.admit(envelope)?;
        Ok(id)
    }

    /// The one way into the history: what it applied is kept for the log.
    fn admit(&mut self, envelope: Envelope) -> Result<(), DeskError> {
        self.history.apply(&envelope)?;
        self.unlogged.push(envelope);
        Ok(())
    }

    /// Takes the attempt's steps until it waits for others.
    fn advance(&mut self, id: AttemptId, now: Timestamp) -> Result<(), DeskError> {
        loop {
            let step = self
                .history
                .next_step(id, now, |p| self.keys.vrf.output(&p.draw_input()));
            let record = match step {
                Step::Wait => break,
                Step::Forfeit => Record::Forfeit(Forfeit {
                    attempt: id,
                    reason: ForfeitReason::DeadlinePassed,
                    at: now,
                }),
                Step::Assign(plan) => Record::Assignment(self.assignment(id, plan, now)),
                Step::Conclude(verdict) => Record::Verdict(Verdict { at: now, ..verdict }),
            };
            self.write(record)?;
        }
        let over = self
            .history
            .attempts()
            .get(&id)
            .is_none_or(|a| matches!(a.phase, Phase::Forfeited(_) | Phase::Decided { .. }));
        if over {
            self.active.remove(&id);
        }
        Ok(())
    }

    fn assignment(&self, id: AttemptId, plan: Plan, now: Timestamp) -> Assignment {
        let proceedings = self.history.attempts().get(&id).and_then(Attempt::proceedings);
        let input = proceedings.map(Proceedings::draw_input).unwrap_or_default();
        Assignment {
            attempt: id,
            round: plan.round,
            draw: self.keys.vrf.prove(&input),
            quorum: plan.quorum,
            passed_over: plan.passed_over,
            verifiers: plan.verifiers,
            seal_by: plan.seal_by,
            reveal_by: plan.reveal_by,
            at: now,
        }
    }

    fn held_by(&self, node: NodeId) -> Option<AttemptId> {
        self.active.iter().copied().find(|id| {
            let attempt = self.history.attempts().get(id);
            attempt.is_some_and(|a| a.lease.node == node && a.phase == Phase::Leased)
        })
    }

    /// Until when a node that let leases lapse is given none: longer with each lapse in a row, so that a
    /// broken or hostile node cannot use up a campaign's leases.
    fn rests_until(&self, node: NodeId) -> Option<Timestamp> {
        let attempts = self.history.attempts().values();
        let mut own: Vec<_> = attempts.filter(|attempt| attempt.lease.node == node).collect();
        own.sort_by_key(|attempt| std::cmp::Reverse(attempt.index));
        let lapsed = Phase::Forfeited(ForfeitReason::DeadlinePassed);
        let lapses = own.iter().take_while(|attempt| attempt.phase == lapsed).count();
        let last = own.first().filter(|_| lapses > 0)?;
        let factor = 1_u32 << u32::try_from(lapses - 1).unwrap_or(u32::MAX).min(10);
        Some(last.lease.deadline.after((REST * factor).min(LONGEST_REST)))
    }

    fn suits(&self, slot: &Slot, request: &WorkRequest) -> bool {
        let spec = self.history.bundles().get(&slot.bundle);
        spec.is_some_and(|spec| spec.device == DeviceKind::Cpu || request.gpu)
    }

    /// Time budget and grace: from lease to deadline.
    fn allowance(&self, slot: &Slot) -> Duration {
        let budget = self
            .history
            .bundles()
            .get(&slot.bundle)
            .map_or(0, |spec| spec.attempt.seconds);
        let grace = self
            .history
            .campaigns()
            .get(&slot.campaign)
            .map_or(0, |c| c.terms.grace_seconds);
        Duration::from_secs(u64::from(budget) + u64::from(grace))
    }
}

#[cfg(test)]
pub(crate) mod tests;
