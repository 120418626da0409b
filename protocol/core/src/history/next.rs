//! What is due: open slots for leases, and the next step of an attempt.
//!
//! The coordinator takes these steps; the rules check each against the same functions, so there is
//! one definition of what the log must say next.

use super::plan::{Plan, draws};
use super::{AssignedState, Attempt, History, Phase, Proceedings};
use crate::agreement::{Agreement, Relation};
use crate::digest::{AgentId, AttemptId, BundleId, CampaignId};
use crate::record::{ClaimCheck, Decision, Verdict, Verification};
use crate::score::Outcome;
use crate::task::TaskSpec;
use crate::text::Timestamp;
use crate::verdict::{Judgement, check_claim, confirmed, judge};
use crate::vrf::VrfOutput;

/// A place for one more lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The campaign that asks.
    pub campaign: CampaignId,
    /// The task.
    pub bundle: BundleId,
    /// The agent.
    pub agent: AgentId,
    /// The number the lease will have.
    pub number: u32,
}

/// What the coordinator does next about an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing: others act, or time must pass.
    Wait,
    /// Log that the deadline passed.
    Forfeit,
    /// Log an assignment.
    Assign(Plan),
    /// Log this verdict.
    Conclude(Verdict),
}

impl History {
    /// Where campaigns ask for more attempts, those with the fewest leases first.
    #[must_use]
    pub fn open_slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (id, campaign) in &self.campaigns {
            let terms = &campaign.terms;
            for bundle in &terms.bundles {
                for agent in &terms.agents {
                    let key = (*bundle, agent.id);
                    let number = campaign.leases.get(&key).copied().unwrap_or(0);
                    let standing = campaign.standing.get(&key).copied().unwrap_or(0);
                    if number < terms.max_leases && standing < terms.attempts {
                        slots.push(Slot {
                            campaign: *id,
                            bundle: *bundle,
                            agent: agent.id,
                            number,
                        });
                    }
                }
            }
        }
        slots.sort_by_key(|slot| slot.number);
        slots
    }

    /// What is due for an attempt at `now`. `draw` gives the VRF's output for its sealed claim.
    #[must_use]
    pub fn next_step(
        &self,
        id: AttemptId,
        now: Timestamp,
        draw: impl FnOnce(&Proceedings) -> VrfOutput,
    ) -> Step {
        let Some(attempt) = self.attempts.get(&id) else {
            return Step::Wait;
        };
        match &attempt.phase {
            Phase::Leased if now > attempt.lease.deadline => Step::Forfeit,
            Phase::Verifying(proceedings) => {
                let output = proceedings.draw.unwrap_or_else(|| draw(proceedings));
                if let Some(plan) = self.plan_assignment(attempt, proceedings, &output, now) {
                    return Step::Assign(plan);
                }
                self.judge_attempt(attempt, proceedings, now)
                    .map_or(Step::Wait, Step::Conclude)
            }
            Phase::Leased | Phase::Forfeited(_) | Phase::Decided { .. } => Step::Wait,
        }
    }

    /// How many agreeing rescores decide an attempt that verifiers are at work on.
    pub(super) fn needed(&self, attempt: &Attempt, proceedings: &Proceedings, now: Timestamp) -> Option<u8> {
        let (rule, policy) = (self.agreement(attempt)?, self.policy(attempt)?);
        let claimed = proceedings.claimed.as_ref().map(|(outcome, _)| outcome);
        let unconfirmed = match (proceedings.rescores().as_slice(), claimed) {
            ([only], Some(claim)) => rule.relate(claim, only.outcome) != Relation::Agree,
            ([_], None) => proceedings.is_over(now),
            _ => false,
        };
        Some(if unconfirmed {
            policy.replicas
        } else {
            proceedings.quorum
        })
    }

    /// What the rescores come to; `None` where the claim is waited for.
    pub(super) fn judgement(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        quorum: u8,
        available: usize,
    ) -> Option<Judgement> {
        let (rule, policy) = (self.agreement(attempt)?, self.policy(attempt)?);
        let rescores = proceedings.rescores();
        let claimed = proceedings.claimed.as_ref().map(|(outcome, _)| outcome);
        match (quorum, rescores.as_slice(), claimed) {
            (1, [], _) => Some(Judgement::Escalate(1)),
            (1, [_], None) => None,
            (1, [only], Some(_)) => Some(confirmed(rule, *only)),
            _ => Some(judge(rule, policy, &rescores, available)),
        }
    }

    /// The verdict at `now`; `None` while somebody may still reveal, more verifiers are to be drawn, or
    /// some may come back.
    pub(super) fn judge_attempt(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        now: Timestamp,
    ) -> Option<Verdict> {
        let (rule, policy) = (self.agreement(attempt)?, self.policy(attempt)?);
        if is_given_up(proceedings, policy) {
            return Some(Verdict {
                attempt: proceedings.claim.attempt,
                decision: Decision::Inconclusive,
                claim: ClaimCheck::Unchecked,
                agreeing: Vec::new(),
                outliers: Vec::new(),
                at: now,
            });
        }
        let may_close = proceedings.claimed.is_some() || proceedings.is_over(now);
        if proceedings.rounds == 0 || !proceedings.all_revealed() || !may_close {
            return None;
        }
        let rescores = proceedings.rescores();
        let available = self.candidates(attempt, proceedings, &[], now).len();
        let quorum = self.needed(attempt, proceedings, now)?;
        let Some(Judgement::Decided {
            decision,
            agreeing,
            outliers,
        }) = self.judgement(attempt, proceedings, quorum, available)
        else {
            return None;
        };
        let unsettled = matches!(decision, Decision::Inconclusive | Decision::Nondeterministic);
        if unsettled && rescores.len() < usize::from(policy.max_rescores) && !proceedings.is_over(now) {
            return None;
        }
        let claimed = proceedings.claimed.as_ref().map(|(outcome, _)| outcome);
        let group: Vec<&Outcome> = rescores
            .iter()
            .filter(|r| agreeing.contains(&r.node))
            .map(|r| r.outcome)
            .collect();
        let claim = check_claim(rule, claimed, &decision, &group);
        let attempt = proceedings.claim.attempt;
        Some(Verdict {
            attempt,
            decision,
            claim,
            agreeing,
            outliers,
            at: now,
        })
    }

    /// The terms of an attempt's task.
    #[must_use]
    pub fn spec(&self, attempt: &Attempt) -> Option<&TaskSpec> {
        self.bundles.get(&attempt.lease.bundle)
    }

    pub(super) fn agreement(&self, attempt: &Attempt) -> Option<&Agreement> {
        self.spec(attempt).map(|spec| &spec.agreement)
    }

    pub(super) fn policy(&self, attempt: &Attempt) -> Option<&Verification> {
        self.campaigns
            .get(&attempt.lease.campaign)
            .map(|campaign| &campaign.terms.verification)
    }
}

/// Whether too few verifiers are left to open any seal, and no more are drawn.
fn is_given_up(proceedings: &Proceedings, policy: &Verification) -> bool {
    proceedings.assigned.len() >= draws(policy)
        && proceedings.rescores().len() < usize::from(policy.replicas)
        && !proceedings.may_reveal()
        && proceedings.live().all(|a| a.state != AssignedState::Waiting)
}
