//! Rules of who takes part and what is asked for: enrollments, bundles, campaigns.

use std::collections::{BTreeMap, BTreeSet};

use super::{Extent, History, RuleError, require, signed_by, unknown};
use crate::digest::{AgentId, BundleId, CampaignId};
use crate::envelope::Envelope;
use crate::identity::PublicKey;
use crate::record::{
    Admission, Admitted, BundleRecord, Campaign, Enrollment, EnrollmentPolicy, Host, Qualification,
};
use crate::text::{Name, Timestamp};

/// An enrolled node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Who answers for it.
    pub operator: PublicKey,
    /// What the operator calls itself.
    pub name: Name,
    /// The node's machine, as last declared.
    pub host: Host,
    /// The entry that first enrolled it.
    pub enrolled: u64,
    /// When it last signed an enrollment.
    pub renewed: Timestamp,
    /// Whether it was passed over and has not renewed its enrollment since.
    pub dormant: bool,
}

/// Whom the coordinator admitted. Empty in a log that anybody may join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admissions {
    /// Operators that may enroll nodes: admitted by their key, or by an invitation that they used.
    operators: BTreeSet<PublicKey>,
    /// Invitations, each with the operator that used it.
    invitations: BTreeMap<PublicKey, Option<PublicKey>>,
}

impl Admissions {
    /// Whether this operator needs no invitation and no admission any more.
    #[must_use]
    pub fn holds(&self, operator: &PublicKey) -> bool {
        self.operators.contains(operator)
    }

    /// Invitations that nobody used yet.
    pub fn unused(&self) -> impl Iterator<Item = &PublicKey> {
        self.invitations
            .iter()
            .filter(|(_, operator)| operator.is_none())
            .map(|(invitation, _)| invitation)
    }
}

/// A campaign and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignState {
    /// Its terms.
    pub terms: Campaign,
    /// Leases granted so far, by bundle and agent.
    pub leases: BTreeMap<(BundleId, AgentId), u32>,
    /// Of those, how many are running or came to a verdict: not forfeited.
    pub standing: BTreeMap<(BundleId, AgentId), u32>,
}

impl History {
    pub(super) fn admit(&mut self, envelope: &Envelope, record: &Admission) -> Result<(), RuleError> {
        const KIND: &str = "admission";
        self.signed_by_coordinator(envelope, KIND)?;
        let fits = match (self.coordinator.enrollment, record.admits) {
            (EnrollmentPolicy::Open, _) => Err("anybody may enroll in this log, so nobody is admitted to it"),
            (EnrollmentPolicy::Invite, Admitted::Operator(_)) => {
                Err("this log admits by invitation: make one, and give its code to the operator")
            }
            (EnrollmentPolicy::Allowlist, Admitted::Invitation(_)) => {
                Err("this log admits operators by their keys: ask the operator for its key and admit that")
            }
            (EnrollmentPolicy::Invite, Admitted::Invitation(_))
            | (EnrollmentPolicy::Allowlist, Admitted::Operator(_)) => Ok(()),
        };
        fits.map_err(|rule| RuleError::Broken { kind: KIND, rule })?;
        let admissions = &mut self.admissions;
        let is_new = match record.admits {
            Admitted::Operator(key) => admissions.operators.insert(key),
            // An entry that is there stays as it is: a used invitation is not made good again.
            Admitted::Invitation(key) if admissions.invitations.contains_key(&key) => false,
            Admitted::Invitation(key) => admissions.invitations.insert(key, None).is_none(),
        };
        require(is_new, KIND, "a key is admitted once")
    }

    /// The invitation that a sound enrollment uses up, if it needs one.
    fn check_admitted(
        &self,
        envelope: &Envelope,
        record: &Enrollment,
    ) -> Result<Option<PublicKey>, RuleError> {
        const KIND: &str = "enrollment";
        let both = [record.operator, *record.node.key()];
        let third = envelope.signers().iter().find(|signer| !both.contains(signer));
        let policy = self.coordinator.enrollment;
        match (policy, third) {
            (EnrollmentPolicy::Invite, Some(key)) if !self.admissions.holds(&record.operator) => {
                let [operator, node] = both;
                signed_by(
                    envelope,
                    KIND,
                    &[operator, node, *key],
                    "the operator, the node and one invitation",
                )?;
                // Which invitations there are an excerpt does not tell.
                if self.extent == Extent::Whole {
                    self.check_invitation(key)?;
                }
                return Ok(Some(*key));
            }
            _ => signed_by(envelope, KIND, &both, "the operator and the node")?,
        }
        let admitted = policy == EnrollmentPolicy::Open
            || self.extent == Extent::Excerpt
            || self.admissions.holds(&record.operator);
        let rule = match policy {
            EnrollmentPolicy::Invite => {
                "this coordinator admits by invitation: ask its operator for a code and pass --invitation CODE"
            }
            EnrollmentPolicy::Allowlist | EnrollmentPolicy::Open => {
                "this coordinator admits operators by their keys: send its operator yours, which `quorate id` shows"
            }
        };
        require(admitted, KIND, rule)?;
        Ok(None)
    }

    fn check_invitation(&self, key: &PublicKey) -> Result<(), RuleError> {
        let invitation = self.admissions.invitations.get(key);
        require(
            invitation.is_some(),
            "enrollment",
            "the coordinator gave out no such invitation: ask its operator for another code",
        )?;
        require(
            invitation == Some(&None),
            "enrollment",
            "the invitation was used before, by another operator: ask for another code",
        )
    }

    pub(super) fn enroll(&mut self, envelope: &Envelope, record: Enrollment) -> Result<(), RuleError> {
        const KIND: &str = "enrollment";
        let invitation = self.check_admitted(envelope, &record)?;
        require(
            record.origin == self.coordinator.origin,
            KIND,
            "it is for another log",
        )?;
        let known = self.nodes.get(&record.node);
        require(
            known.is_none_or(|node| node.operator == record.operator),
            KIND,
            "a node stays with the operator that enrolled it",
        )?;
        require(
            known.is_none_or(|node| record.at > node.renewed),
            KIND,
            "a renewal is later than what it renews",
        )?;
        let enrolled = known.map_or(self.size, |node| node.enrolled);
        if let Some(invitation) = invitation {
            self.admissions.operators.insert(record.operator);
            self.admissions
                .invitations
                .insert(invitation, Some(record.operator));
        }
        let state = NodeState {
            operator: record.operator,
            name: record.name,
            host: record.host,
            enrolled,
            renewed: record.at,
            dormant: false,
        };
        self.nodes.insert(record.node, state);
        Ok(())
    }

    pub(super) fn add_bundle(&mut self, envelope: &Envelope, record: BundleRecord) -> Result<(), RuleError> {
        const KIND: &str = "bundle";
        self.signed_by_coordinator(envelope, KIND)?;
        require(
            !self.bundles.contains_key(&record.bundle),
            KIND,
            "a bundle is published once",
        )?;
        require(
            record.spec.scale.start != record.spec.scale.reference,
            KIND,
            "start and reference of its scale differ",
        )?;
        self.bundles.insert(record.bundle, record.spec);
        Ok(())
    }

    pub(super) fn qualify(&mut self, envelope: &Envelope, record: &Qualification) -> Result<(), RuleError> {
        const KIND: &str = "qualification";
        self.signed_by_coordinator(envelope, KIND)?;
        let spec = self.bundles.get(&record.bundle);
        let spec = spec.ok_or_else(|| super::unknown(KIND, &record.bundle))?;
        require(
            record.faults(spec).is_empty(),
            KIND,
            "its runs show a scorer that can be cheated, or does not repeat itself",
        )?;
        require(
            self.qualified.insert(record.bundle),
            KIND,
            "a bundle is qualified once",
        )
    }

    pub(super) fn add_campaign(&mut self, envelope: &Envelope, record: Campaign) -> Result<(), RuleError> {
        const KIND: &str = "campaign";
        self.signed_by_coordinator(envelope, KIND)?;
        if self.extent == Extent::Whole {
            for bundle in &record.bundles {
                require_known(self.bundles.contains_key(bundle), bundle)?;
            }
        }
        let sound = !record.bundles.is_empty()
            && !record.agents.is_empty()
            && record.attempts > 0
            && record.max_leases >= record.attempts
            && record.verification.is_sound();
        require(
            sound,
            KIND,
            "it needs bundles, agents, attempts, and a sound verification policy",
        )?;
        let distinct = all_differ(record.agents.iter().map(|agent| &agent.name))
            && all_differ(record.agents.iter().map(|agent| agent.id))
            && all_differ(record.bundles.iter());
        require(
            distinct,
            KIND,
            "its bundles differ, and its agents in name and content",
        )?;
        let state = CampaignState {
            terms: record,
            leases: BTreeMap::new(),
            standing: BTreeMap::new(),
        };
        self.campaigns.insert(CampaignId(envelope.id().0), state);
        Ok(())
    }
}

fn all_differ<T: Ord>(mut items: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    items.all(|item| seen.insert(item))
}

fn require_known(known: bool, what: &impl ToString) -> Result<(), RuleError> {
    if known {
        Ok(())
    } else {
        Err(unknown("campaign", what))
    }
}
