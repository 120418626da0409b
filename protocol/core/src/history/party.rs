//! Rules of who takes part and what is asked for: enrollments, bundles, campaigns.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, RuleError, require, signed_by, unknown};
use crate::digest::{AgentId, BundleId, CampaignId};
use crate::envelope::Envelope;
use crate::identity::PublicKey;
use crate::record::{BundleRecord, Campaign, Enrollment, Host, Qualification};
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
    pub(super) fn enroll(&mut self, envelope: &Envelope, record: Enrollment) -> Result<(), RuleError> {
        const KIND: &str = "enrollment";
        signed_by(
            envelope,
            KIND,
            &[record.operator, *record.node.key()],
            "the operator and the node",
        )?;
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
        for bundle in &record.bundles {
            require_known(self.bundles.contains_key(bundle), bundle)?;
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
