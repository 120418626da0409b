//! What is due: open slots for leases, and the next step of an attempt.
//!
//! The coordinator takes these steps; the rules check each against the same functions, so there is
//! one definition of what the log must say next.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{AssignedState, Attempt, History, Phase, Proceedings};
use crate::agreement::Agreement;
use crate::digest::{AgentId, AttemptId, BundleId, CampaignId};
use crate::draw::{self, Candidate};
use crate::identity::{NodeId, PublicKey};
use crate::record::{ClaimCheck, Decision, Verdict, Verification};
use crate::score::Outcome;
use crate::task::TaskSpec;
use crate::text::Timestamp;
use crate::verdict::{Judgement, check_claim, judge};
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

/// What an assignment will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which assignment of the attempt it is.
    pub round: u32,
    /// Who is late.
    pub passed_over: Vec<NodeId>,
    /// Who is drawn: nobody where no more are wanted, or there is nobody.
    pub verifiers: Vec<NodeId>,
    /// They seal by then,
    pub seal_by: Timestamp,
    /// and reveal by then.
    pub reveal_by: Timestamp,
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

    /// The assignment that is due at `now`, if one is: somebody is late, or more verifiers are wanted
    /// than are at work and there are some to draw. Those who are not late are waited for.
    pub(super) fn plan_assignment(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        output: &VrfOutput,
        now: Timestamp,
    ) -> Option<Plan> {
        let policy = self.policy(attempt)?;
        let passed_over: Vec<NodeId> = proceedings.late(now).map(|a| a.node).collect();
        let mut after = proceedings.clone();
        after.pass_over(now);
        let candidates = self.candidates(attempt, &after, &passed_over);
        let pending = after
            .live()
            .filter(|a| !matches!(a.state, AssignedState::Revealed(..)))
            .count();
        let wanted = match judge(
            &self.spec(attempt)?.agreement,
            policy,
            &after.rescores(),
            candidates.len() + pending,
        ) {
            Judgement::Escalate(more) => more.saturating_sub(pending),
            Judgement::Decided { .. } => 0,
        };
        let verifiers = draw::rank(output, &candidates, &BTreeSet::new(), wanted);
        let seal_by = now.after(Duration::from_secs(u64::from(policy.seal_seconds)));
        let reveal_by = seal_by.after(Duration::from_secs(u64::from(policy.reveal_seconds)));
        let round = proceedings.rounds;
        let due = !(verifiers.is_empty() && passed_over.is_empty());
        due.then_some(Plan {
            round,
            passed_over,
            verifiers,
            seal_by,
            reveal_by,
        })
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
        let available = self.candidates(attempt, proceedings, &[]).len();
        let Judgement::Decided {
            decision,
            agreeing,
            outliers,
        } = judge(rule, policy, &rescores, available)
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

    /// Nodes that may be drawn now: awake, of operators who have no part in the attempt. A verifier
    /// that was absent may be drawn again once it is back; one that sealed and never opened may not.
    /// Nobody is drawn once [`draws`] is reached.
    fn candidates(&self, attempt: &Attempt, proceedings: &Proceedings, late: &[NodeId]) -> Vec<Candidate> {
        if self
            .policy(attempt)
            .is_none_or(|policy| proceedings.assigned.len() >= draws(policy))
        {
            return Vec::new();
        }
        let mut taken: BTreeSet<PublicKey> = proceedings
            .assigned
            .iter()
            .filter(|a| a.state != AssignedState::PassedOver { sealed: false })
            .map(|a| a.operator)
            .collect();
        taken.insert(attempt.operator);
        let mut candidates: Vec<Candidate> = Vec::new();
        for (id, node) in &self.nodes {
            if !node.dormant && !late.contains(id) && !taken.contains(&node.operator) {
                // A coordinator holds the claim, and so the draw, before it logs it; not before the lease.
                let late = node.enrolled > attempt.index;
                candidates.push(Candidate {
                    node: *id,
                    operator: node.operator,
                    late,
                });
            }
        }
        candidates
    }

    /// The terms of an attempt's task.
    #[must_use]
    pub fn spec(&self, attempt: &Attempt) -> Option<&TaskSpec> {
        self.bundles.get(&attempt.lease.bundle)
    }

    fn agreement(&self, attempt: &Attempt) -> Option<&Agreement> {
        self.spec(attempt).map(|spec| &spec.agreement)
    }

    pub(super) fn policy(&self, attempt: &Attempt) -> Option<&Verification> {
        self.campaigns
            .get(&attempt.lease.campaign)
            .map(|campaign| &campaign.terms.verification)
    }
}

/// How often a verifier is drawn for one attempt at most. An artifact that nobody can fetch makes every
/// verifier late; without an end the network would try it for ever.
fn draws(policy: &Verification) -> usize {
    2 * usize::from(policy.max_rescores)
}

/// Whether too few verifiers are left to open any seal, and no more are drawn.
fn is_given_up(proceedings: &Proceedings, policy: &Verification) -> bool {
    proceedings.assigned.len() >= draws(policy)
        && proceedings.rescores().len() < usize::from(policy.replicas)
        && !proceedings.may_reveal()
        && proceedings.live().all(|a| a.state != AssignedState::Waiting)
}
