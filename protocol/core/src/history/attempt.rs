//! An attempt as the log knows it: states, and the illegal combinations that cannot be built.

use crate::digest::{Digest, RecordId};
use crate::draw;
use crate::identity::{NodeId, PublicKey};
use crate::record::{Commitment, ForfeitReason, Lease, SealedClaim, Verdict};
use crate::score::Outcome;
use crate::text::{Note, Timestamp};
use crate::verdict::Rescore;
use crate::vrf::VrfOutput;

/// One registered try.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// What was granted.
    pub lease: Lease,
    /// Where the lease stands in the log.
    pub index: u64,
    /// Who answers for the executor.
    pub operator: PublicKey,
    /// How far it is.
    pub phase: Phase,
    /// Why its row was withdrawn, if it was.
    pub withdrawn: Option<Note>,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Granted, nothing handed in.
    Leased,
    /// Ended without a result.
    Forfeited(ForfeitReason),
    /// Handed in; being re-scored.
    Verifying(Box<Proceedings>),
    /// Ended with a verdict.
    Decided {
        /// How it came about.
        proceedings: Box<Proceedings>,
        /// What it came to.
        verdict: Verdict,
        /// The verdict's record.
        record: RecordId,
    },
}

/// What happened between the sealed claim and the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Proceedings {
    /// What the executor handed in.
    pub claim: SealedClaim,
    /// The record of that.
    pub claim_record: RecordId,
    /// Where it stands in the log.
    pub claim_index: u64,
    /// The digest of its signed bytes.
    pub claim_digest: Digest,
    /// How many agreeing rescores decide, and so how many seals must be in before any is opened.
    pub quorum: u8,
    /// What the executor said it scored, once opened.
    pub claimed: Option<(Outcome, RecordId)>,
    /// The draw's output, once there was a draw.
    pub draw: Option<VrfOutput>,
    /// How many assignments there were.
    pub rounds: u32,
    /// Everybody who was drawn, in order.
    pub assigned: Vec<Assigned>,
    /// Every seal of a verifier, in order.
    pub seals: Vec<Commitment>,
}

/// A verifier of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// Who.
    pub node: NodeId,
    /// Who answers for it.
    pub operator: PublicKey,
    /// The assignment it was drawn in, as a record.
    pub assignment: RecordId,
    /// It seals by then,
    pub seal_by: Timestamp,
    /// and reveals by then.
    pub reveal_by: Timestamp,
    /// How far it is.
    pub state: AssignedState,
}

/// How far a verifier is.
#[derive(Debug, Clone, PartialEq)]
pub enum AssignedState {
    /// Nothing heard yet.
    Waiting,
    /// It sealed a score.
    Sealed(Commitment, RecordId),
    /// It opened its seal.
    Revealed(Outcome, RecordId),
    /// It did not answer in time.
    PassedOver {
        /// Whether it had sealed: a seal that is never opened is a fault, silence is an absence.
        sealed: bool,
    },
}

impl Assigned {
    /// Whether this verifier still counts.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self.state, AssignedState::PassedOver { .. })
    }

    fn is_late(&self, now: Timestamp, open: bool) -> bool {
        match self.state {
            AssignedState::Waiting => now > self.seal_by,
            AssignedState::Sealed(..) => open && now > self.reveal_by,
            AssignedState::Revealed(..) | AssignedState::PassedOver { .. } => false,
        }
    }
}

impl Proceedings {
    /// What the draw's VRF is evaluated on: the claim by its signed bytes. An envelope can be spelled
    /// in many ways (white space, order of fields), and whoever knows the VRF's secret could try
    /// spellings until the draw suits.
    #[must_use]
    pub fn draw_input(&self) -> Vec<u8> {
        draw::input(self.claim_digest)
    }

    /// The verifiers that still count.
    pub fn live(&self) -> impl Iterator<Item = &Assigned> {
        self.assigned.iter().filter(|assigned| assigned.is_live())
    }

    /// Whether seals may be opened: as many verifiers count as the quorum needs, and all have sealed.
    #[must_use]
    pub fn may_reveal(&self) -> bool {
        self.live().count() >= usize::from(self.quorum)
            && self.live().all(|a| a.state != AssignedState::Waiting)
    }

    /// Those who are late at `now`: unsealed after `seal_by`, or unrevealed after `reveal_by` although
    /// every seal is in. Nobody is late with opening a seal that may not be opened yet.
    pub fn late(&self, now: Timestamp) -> impl Iterator<Item = &Assigned> {
        let open = self.may_reveal();
        self.assigned.iter().filter(move |a| a.is_late(now, open))
    }

    /// Marks everybody who is late at `now`.
    pub(super) fn pass_over(&mut self, now: Timestamp) {
        let open = self.may_reveal();
        for assigned in self.assigned.iter_mut().filter(|a| a.is_late(now, open)) {
            assigned.state = AssignedState::PassedOver {
                sealed: matches!(assigned.state, AssignedState::Sealed(..)),
            };
        }
    }

    /// Whether every verifier that counts has revealed.
    #[must_use]
    pub fn all_revealed(&self) -> bool {
        self.live()
            .all(|a| matches!(a.state, AssignedState::Revealed(..)))
    }

    /// The opened rescores, in order of assignment.
    #[must_use]
    pub fn rescores(&self) -> Vec<Rescore<'_>> {
        self.assigned
            .iter()
            .filter_map(|assigned| match &assigned.state {
                AssignedState::Revealed(outcome, _) => Some(Rescore {
                    node: assigned.node,
                    outcome,
                }),
                _ => None,
            })
            .collect()
    }

    /// The latest moment by which the verifiers that count have to reveal.
    #[must_use]
    pub fn reveal_by(&self) -> Option<Timestamp> {
        self.live().map(|assigned| assigned.reveal_by).max()
    }

    /// Whether that moment has passed at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.reveal_by().is_some_and(|by| now > by)
    }
}

impl Attempt {
    /// The proceedings, once something was handed in.
    #[must_use]
    pub fn proceedings(&self) -> Option<&Proceedings> {
        match &self.phase {
            Phase::Verifying(proceedings) | Phase::Decided { proceedings, .. } => Some(proceedings),
            Phase::Leased | Phase::Forfeited(_) => None,
        }
    }

    /// The verdict, once there is one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            Phase::Decided { verdict, .. } => Some(verdict),
            _ => None,
        }
    }
}
