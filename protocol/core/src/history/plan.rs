//! Assignments: who is late, how many agreeing rescores decide, and who is drawn.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{AssignedState, Attempt, History, Proceedings};
use crate::draw::{self, Candidate};
use crate::identity::{NodeId, PublicKey};
use crate::record::{Assignment, Verification};
use crate::text::Timestamp;
use crate::verdict::Judgement;
use crate::vrf::VrfOutput;

/// What an assignment will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which assignment of the attempt it is.
    pub round: u32,
    /// How many agreeing rescores decide.
    pub quorum: u8,
    /// Who is late.
    pub passed_over: Vec<NodeId>,
    /// Who is drawn: nobody where no more are wanted, or there is nobody.
    pub verifiers: Vec<NodeId>,
    /// They seal by then,
    pub seal_by: Timestamp,
    /// and reveal by then.
    pub reveal_by: Timestamp,
}

/// What stands when an assignment is planned.
struct Due {
    /// The proceedings with everybody passed over who is late.
    after: Proceedings,
    passed_over: Vec<NodeId>,
    candidates: Vec<Candidate>,
    /// How many agreeing rescores decide, as far as anybody is at work.
    needed: u8,
}

impl Due {
    fn is_begun(&self) -> bool {
        self.after.live().next().is_some()
    }
}

impl History {
    /// The assignment that is due at `now`, if one is: somebody is late, or more verifiers are wanted
    /// than are at work and there are some to draw. Those who are not late are waited for.
    pub(super) fn plan_assignment(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        output: &VrfOutput,
        now: Timestamp,
    ) -> Option<Plan> {
        let due = self.due(attempt, proceedings, now)?;
        let quorum = self.quorum(attempt, &due, output, now)?;
        let wanted = self.wanted(attempt, &due, quorum);
        let verifiers = draw::rank(output, &due.candidates, &BTreeSet::new(), wanted);
        self.plan(attempt, due, quorum, verifiers, now)
    }

    /// The assignment that `record` states, as far as an excerpt can tell: its quorum is one that the policy
    /// allows, and its verifiers may be drawn and are no more than wanted. Who ranks behind whom depends on
    /// credit, and so on entries that an excerpt lacks.
    pub(super) fn plan_as_stated(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        output: &VrfOutput,
        record: &Assignment,
    ) -> Option<Plan> {
        let mut due = self.due(attempt, proceedings, record.at)?;
        let policy = self.policy(attempt)?;
        let quorum = match record.quorum {
            _ if due.is_begun() => due.needed,
            1 if policy.audit_percent.is_some() => 1,
            _ => policy.replicas,
        };
        let wanted = self.wanted(attempt, &due, quorum);
        due.candidates.retain(|c| record.verifiers.contains(&c.node));
        let mut verifiers = draw::rank(output, &due.candidates, &BTreeSet::new(), wanted);
        verifiers.sort_by_key(|node| record.verifiers.iter().position(|stated| stated == node));
        self.plan(attempt, due, quorum, verifiers, record.at)
    }

    fn due(&self, attempt: &Attempt, proceedings: &Proceedings, now: Timestamp) -> Option<Due> {
        let passed_over: Vec<NodeId> = proceedings.late(now).map(|a| a.node).collect();
        let mut after = proceedings.clone();
        after.pass_over(now);
        let candidates = self.candidates(attempt, &after, &passed_over, now);
        let needed = self.needed(attempt, &after, now)?;
        Some(Due {
            after,
            passed_over,
            candidates,
            needed,
        })
    }

    /// How many agreeing rescores will decide. Nobody at work: one where the draw does not audit the
    /// attempt and both the executor's operator and that of whoever ranks first have earned trust.
    fn quorum(&self, attempt: &Attempt, due: &Due, output: &VrfOutput, now: Timestamp) -> Option<u8> {
        if due.is_begun() {
            return Some(due.needed);
        }
        let policy = self.policy(attempt)?;
        let id = due.after.claim.attempt;
        let spared = policy
            .audit_percent
            .is_some_and(|percent| !draw::is_audited(output, id, percent));
        let first = draw::rank(output, &due.candidates, &BTreeSet::new(), 1);
        let reduced = spared
            && self.is_trusted(&attempt.lease.node, now)
            && first.first().is_some_and(|node| self.is_trusted(node, now));
        Some(if reduced { 1 } else { policy.replicas })
    }

    /// How many more verifiers are to be drawn.
    fn wanted(&self, attempt: &Attempt, due: &Due, quorum: u8) -> usize {
        let pending = due
            .after
            .live()
            .filter(|a| !matches!(a.state, AssignedState::Revealed(..)))
            .count();
        let available = due.candidates.len() + pending;
        match self.judgement(attempt, &due.after, quorum, available) {
            Some(Judgement::Escalate(more)) => more.saturating_sub(pending),
            Some(Judgement::Decided { .. }) | None => 0,
        }
    }

    fn plan(
        &self,
        attempt: &Attempt,
        due: Due,
        quorum: u8,
        verifiers: Vec<NodeId>,
        now: Timestamp,
    ) -> Option<Plan> {
        let policy = self.policy(attempt)?;
        let seal_by = now.after(Duration::from_secs(u64::from(policy.seal_seconds)));
        let reveal_by = seal_by.after(Duration::from_secs(u64::from(policy.reveal_seconds)));
        let is_due = !(verifiers.is_empty() && due.passed_over.is_empty());
        is_due.then_some(Plan {
            round: due.after.rounds,
            quorum,
            passed_over: due.passed_over,
            verifiers,
            seal_by,
            reveal_by,
        })
    }

    /// Nodes that may be drawn now: awake, of operators who have no part in the attempt. A verifier
    /// that was absent may be drawn again once it is back; one that sealed and never opened may not.
    /// Nobody is drawn once [`draws`] is reached.
    pub(super) fn candidates(
        &self,
        attempt: &Attempt,
        proceedings: &Proceedings,
        late: &[NodeId],
        now: Timestamp,
    ) -> Vec<Candidate> {
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
                let account = self.account(node.operator, &node.host.device);
                candidates.push(Candidate {
                    node: *id,
                    operator: node.operator,
                    behind: late || account.is_on_probation(now),
                });
            }
        }
        candidates
    }
}

/// How often a verifier is drawn for one attempt at most. An artifact that nobody can fetch makes every
/// verifier late; without an end the network would try it for ever.
pub(super) fn draws(policy: &Verification) -> usize {
    2 * usize::from(policy.max_rescores)
}
