//! What operators have earned, as verdicts and passed-over seals change it. See [`crate::credit`].

use super::{AssignedState, History, Proceedings};
use crate::credit::Account;
use crate::identity::{NodeId, PublicKey};
use crate::record::{ClaimCheck, Decision, DeviceClass, Verdict};
use crate::text::Timestamp;

/// So many agreeing rescores are a replication.
const REPLICATED: usize = 2;

impl History {
    /// What an operator has earned on a class of devices.
    #[must_use]
    pub fn account(&self, operator: PublicKey, class: &DeviceClass) -> Account {
        let key = (operator, class.clone());
        self.accounts.get(&key).copied().unwrap_or_default()
    }

    /// Whether the operator of `node` is trusted on the node's class of devices.
    pub(super) fn is_trusted(&self, node: &NodeId, now: Timestamp) -> bool {
        let node = self.nodes.get(node);
        node.is_some_and(|node| self.account(node.operator, &node.host.device).is_trusted(now))
    }

    fn account_of(&mut self, node: &NodeId) -> Option<&mut Account> {
        let node = self.nodes.get(node)?;
        let key = (node.operator, node.host.device.clone());
        Some(self.accounts.entry(key).or_default())
    }

    fn confirm(&mut self, node: &NodeId, at: Timestamp) {
        if let Some(account) = self.account_of(node) {
            account.confirm(at);
        }
    }

    fn blame(&mut self, node: &NodeId, at: Timestamp) {
        if let Some(account) = self.account_of(node) {
            account.fault(at);
        }
    }

    /// Books what an assignment shows: a seal that may be opened and is not is a fault.
    pub(super) fn settle_passed_over(&mut self, after: &Proceedings, passed_over: &[NodeId], at: Timestamp) {
        let withheld = AssignedState::PassedOver { sealed: true };
        for node in passed_over {
            let last = after.assigned.iter().rev().find(|a| a.node == *node);
            if last.is_some_and(|assigned| assigned.state == withheld) {
                self.blame(node, at);
            }
        }
    }

    /// Books what a verdict shows.
    pub(super) fn settle_verdict(&mut self, executor: &NodeId, verdict: &Verdict) {
        let at = verdict.at;
        for node in &verdict.outliers {
            self.blame(node, at);
        }
        if matches!(verdict.claim, ClaimCheck::Overclaimed | ClaimCheck::Unrevealed) {
            self.blame(executor, at);
        }
        let settled = matches!(verdict.decision, Decision::Accepted { .. } | Decision::Rejected);
        if settled && verdict.agreeing.len() >= REPLICATED {
            for node in &verdict.agreeing {
                self.confirm(node, at);
            }
            if verdict.claim == ClaimCheck::Honest {
                self.confirm(executor, at);
            }
        }
    }
}
