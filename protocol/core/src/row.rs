//! One row on its own: what became of one attempt, shown by the few entries of a log that it rests on.
//!
//! [`entries_of`] names these entries, [`check`] replays them by the rules and says what they prove to
//! somebody who has nothing else of the log, and what they do not. That the entries stand in a signed log
//! at all is shown beside them: each comes with a proof of its place (`quorate-ledger`).

mod entries;
mod said;

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

pub use self::entries::entries_of;
pub use self::said::{Caveat, Fact};

use crate::digest::{AgentId, ArtifactId, AttemptId, BundleId};
use crate::envelope::Envelope;
use crate::history::{Assigned, AssignedState, Attempt, History, Phase, Proceedings, RuleError};
use crate::identity::{NodeId, PublicKey};
use crate::record::{DeviceClass, ForfeitReason, Record, Reveal, Verdict};
use crate::score::Outcome;
use crate::task::Tier;
use crate::text::{Name, Note, Origin, Timestamp};

/// Why entries show no row.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RowError {
    /// The first one is not the log's first.
    #[error("it does not begin with the log's first entry: make it again with `quorate ledger prove`")]
    Beginning,
    /// One may not stand where it stands.
    #[error(
        "entry {index} breaks the rules: the log's coordinator, or whoever made this proof, is not to be trusted"
    )]
    Rule {
        /// Which.
        index: u64,
        /// Which rule.
        source: Box<RuleError>,
    },
    /// They are about no attempt, or about several.
    #[error("it is about {0} attempts, not about one: make it again with `quorate ledger prove`")]
    Attempts(usize),
    /// What the attempt rests on is not there.
    #[error("the attempt's {0} is missing: make it again with `quorate ledger prove`")]
    Missing(&'static str),
}

/// A node with a part in an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The node.
    pub node: NodeId,
    /// Who answers for it.
    pub operator: PublicKey,
    /// What the operator calls itself.
    pub name: Name,
    /// The class of the machine, as the node declares it.
    pub device: DeviceClass,
}

/// What was heard of a verifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Heard {
    /// Nothing yet, or a seal that is not opened yet.
    Pending,
    /// It did not answer in time.
    Silent,
    /// It sealed a score and never opened it: a fault.
    Withheld,
    /// It opened what it had sealed.
    Opened {
        /// What it measured.
        outcome: Outcome,
    },
}

/// A verifier and what was heard of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verifier {
    /// Who.
    #[serde(flatten)]
    pub party: Party,
    /// What was heard.
    pub heard: Heard,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum End {
    /// It had not, as far as the entries go.
    Open,
    /// Without a result.
    Forfeited {
        /// Why.
        reason: ForfeitReason,
    },
    /// With a verdict.
    Decided {
        /// Which.
        verdict: Verdict,
    },
}

/// Which try it was. The leases of a campaign for one task and one agent are numbered without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The number of its lease, from 0: so many were granted before.
    pub number: u32,
    /// How many results the campaign wants.
    pub attempts: u32,
    /// How many leases it grants at most, forfeits included.
    pub max_leases: u32,
}

/// What became of one attempt, as its entries show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The log's name.
    pub origin: Origin,
    /// The key that signs the log, as its first entry states it. Whoever holds the proof must know this key
    /// from somewhere else.
    pub log_key: PublicKey,
    /// The attempt.
    pub attempt: AttemptId,
    /// The campaign that asked for it.
    pub campaign: Name,
    /// The environment.
    pub environment: Name,
    /// The tier.
    pub tier: Tier,
    /// The task's content.
    pub bundle: BundleId,
    /// Whether the entries hold a qualification of the task.
    pub qualified: bool,
    /// The agent.
    pub agent: Name,
    /// The agent's content.
    pub agent_id: AgentId,
    /// Which try it was.
    pub place: Place,
    /// Who ran it.
    pub executor: Party,
    /// What was handed in.
    pub artifact: Option<ArtifactId>,
    /// What the executor said it scored, once opened.
    pub claimed: Option<Outcome>,
    /// Everybody who was drawn, in order.
    pub verifiers: Vec<Verifier>,
    /// How many agreeing rescores had to decide.
    pub quorum: Option<u8>,
    /// How it ended.
    pub end: End,
    /// Why the row was withdrawn, where an entry says so.
    pub withdrawn: Option<Note>,
    /// When it was granted.
    pub leased: Timestamp,
    /// When it had to be handed in.
    pub deadline: Timestamp,
    /// When it was handed in.
    pub sealed: Option<Timestamp>,
    /// What is proved, by these entries alone.
    pub proved: Vec<Fact>,
    /// What is not.
    pub not_proved: Vec<Caveat>,
}

impl Row {
    /// The verdict, if there is one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match &self.end {
            End::Decided { verdict } => Some(verdict),
            End::Open | End::Forfeited { .. } => None,
        }
    }
}

/// Replays `entries`, each with its place in the log, and tells what they show.
///
/// # Errors
/// Where they break a rule that can be checked without the rest of the log, or show no row.
pub fn check(entries: &[(u64, Envelope)]) -> Result<Row, RowError> {
    let broken = |index: u64| {
        move |source: RuleError| RowError::Rule {
            index,
            source: Box::new(source),
        }
    };
    let Some(((0, first), rest)) = entries.split_first() else {
        return Err(RowError::Beginning);
    };
    let mut history = History::excerpt(first).map_err(broken(0))?;
    for (index, envelope) in rest {
        history.apply_at(*index, envelope).map_err(broken(*index))?;
    }
    let count = history.attempts().len();
    match history.attempts().first_key_value() {
        Some((id, attempt)) if count == 1 => account(&history, *id, attempt, entries),
        _ => Err(RowError::Attempts(count)),
    }
}

fn account(
    history: &History,
    id: AttemptId,
    attempt: &Attempt,
    entries: &[(u64, Envelope)],
) -> Result<Row, RowError> {
    let lease = &attempt.lease;
    let spec = history.spec(attempt).ok_or(RowError::Missing("task"))?;
    let campaign = history.campaigns().get(&lease.campaign);
    let terms = &campaign.ok_or(RowError::Missing("campaign"))?.terms;
    let agent = terms.agents.iter().find(|agent| agent.id == lease.agent);
    let proceedings = attempt.proceedings();
    let machines = machines(entries);
    let drawn = proceedings.map_or(&[][..], |p| &p.assigned);
    let verifiers: Result<_, _> = drawn.iter().map(|a| verifier(history, a, &machines)).collect();
    let mut executor = party(history, lease.node)?;
    if let Some(proceedings) = proceedings {
        executor.device = proceedings.claim.host.device.clone();
    }
    let coordinator = history.coordinator();
    Ok(Row {
        origin: coordinator.origin.clone(),
        log_key: coordinator.key,
        attempt: id,
        campaign: terms.name.clone(),
        environment: spec.environment.clone(),
        tier: spec.tier,
        bundle: lease.bundle,
        qualified: history.is_qualified(&lease.bundle),
        agent: agent.ok_or(RowError::Missing("agent"))?.name.clone(),
        agent_id: lease.agent,
        place: Place {
            number: lease.number,
            attempts: terms.attempts,
            max_leases: terms.max_leases,
        },
        executor,
        artifact: proceedings.map(|p| p.claim.artifact),
        claimed: proceedings.and_then(|p| Some(p.claimed.as_ref()?.0.clone())),
        verifiers: verifiers?,
        quorum: proceedings.filter(|p| p.rounds > 0).map(|p| p.quorum),
        end: end(attempt),
        withdrawn: attempt.withdrawn.clone(),
        leased: lease.at,
        deadline: lease.deadline,
        sealed: proceedings.map(|p| p.claim.at),
        proved: said::proved(history, attempt, entries.len()),
        not_proved: said::not_proved(history, attempt),
    })
}

fn end(attempt: &Attempt) -> End {
    match &attempt.phase {
        Phase::Leased | Phase::Verifying(_) => End::Open,
        Phase::Forfeited(reason) => End::Forfeited {
            reason: reason.clone(),
        },
        Phase::Decided { verdict, .. } => End::Decided {
            verdict: verdict.clone(),
        },
    }
}

fn party(history: &History, node: NodeId) -> Result<Party, RowError> {
    let state = history
        .nodes()
        .get(&node)
        .ok_or(RowError::Missing("enrollment"))?;
    Ok(Party {
        node,
        operator: state.operator,
        name: state.name.clone(),
        device: state.host.device.clone(),
    })
}

/// The machine that each rescore was made on, by its signer: a history does not keep it.
fn machines(entries: &[(u64, Envelope)]) -> BTreeMap<NodeId, DeviceClass> {
    let mut machines = BTreeMap::new();
    for (_, envelope) in entries {
        if let (Ok(Record::Reveal(Reveal::Rescore(statement))), [signer]) =
            (Record::read(envelope), envelope.signers())
        {
            machines.insert(NodeId::new(*signer), statement.predicate.host.device);
        }
    }
    machines
}

fn verifier(
    history: &History,
    assigned: &Assigned,
    machines: &BTreeMap<NodeId, DeviceClass>,
) -> Result<Verifier, RowError> {
    let mut party = party(history, assigned.node)?;
    let heard = match &assigned.state {
        AssignedState::Waiting | AssignedState::Sealed(..) => Heard::Pending,
        AssignedState::PassedOver { sealed: false } => Heard::Silent,
        AssignedState::PassedOver { sealed: true } => Heard::Withheld,
        AssignedState::Revealed(outcome, _) => {
            if let Some(device) = machines.get(&assigned.node) {
                party.device = device.clone();
            }
            Heard::Opened {
                outcome: outcome.clone(),
            }
        }
    };
    Ok(Verifier { party, heard })
}

/// How many verifiers opened what they had sealed.
fn opened(proceedings: &Proceedings) -> usize {
    proceedings.rescores().len()
}
