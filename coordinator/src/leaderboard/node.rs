//! Nodes: what each did, how far its rescores lie from others', and its faults with their evidence.
//!
//! A fault that a verdict shows does not count once the verdict is withdrawn.

use std::collections::BTreeMap;

use quorate_core::credit::Standing;
use quorate_core::digest::{AttemptId, RecordId};
use quorate_core::history::{AssignedState, Attempt, NodeState, Phase, Proceedings};
use quorate_core::record::{ClaimCheck, DeviceClass, Verdict};
use quorate_core::text::{Name, Note};
use quorate_core::verdict::Rescore;
use quorate_core::{History, NodeId, PublicKey};
use serde::Serialize;

use super::attempt::AttemptView;
use super::bias::Bias;

/// What a node did that the log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its rescore was shown to differ from the quorum's.
    Outlier,
    /// It claimed more than its artifact earns.
    Overclaim,
    /// It sealed a claim or a rescore and never opened it.
    Unrevealed,
    /// It was drawn and did not answer in time: an absence, and no sign of cheating.
    PassedOver,
}

impl Fault {
    /// The fault's one name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outlier => "outlier",
            Self::Overclaim => "overclaim",
            Self::Unrevealed => "unrevealed",
            Self::PassedOver => "passed-over",
        }
    }
}

/// A fault and the records that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caught {
    /// Whose fault.
    pub node: NodeId,
    /// What its operator calls itself.
    pub operator: Name,
    /// The operator's key.
    pub operator_key: PublicKey,
    /// Which fault.
    pub what: Fault,
    /// In which attempt.
    pub attempt: AttemptId,
    /// The records that show it, in the order of the log.
    pub evidence: Vec<RecordId>,
}

/// How often each fault is on record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// [`Fault::Outlier`].
    pub outlier: usize,
    /// [`Fault::Overclaim`].
    pub overclaim: usize,
    /// [`Fault::Unrevealed`].
    pub unrevealed: usize,
    /// [`Fault::PassedOver`].
    pub passed_over: usize,
}

/// A node as the log knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeView {
    /// The node.
    pub node: NodeId,
    /// What its operator calls itself.
    pub operator: Name,
    /// The operator's key.
    pub operator_key: PublicKey,
    /// Its device, as declared.
    pub device: DeviceClass,
    /// Its processor, as declared.
    pub processor: Note,
    /// Whether it was passed over and has not come back.
    pub dormant: bool,
    /// Attempts it was granted.
    pub attempts: usize,
    /// Rescores it opened.
    pub rescores: usize,
    /// How its rescores lie to those of others on the same artifacts.
    pub bias: Option<Bias>,
    /// What its operator has earned on this class of devices, in confirmations, at the time of the log's last
    /// verdict.
    pub credit: f64,
    /// What that means for the next draw.
    pub standing: Standing,
    /// Its faults.
    pub faults: Faults,
}

/// Every fault on record, in order of the attempts' leases.
pub(super) fn caught(history: &History, attempts: &[AttemptView]) -> Vec<Caught> {
    let mut list = Vec::new();
    for view in attempts {
        let Some(attempt) = history.attempts().get(&view.id) else {
            continue;
        };
        let Some(proceedings) = attempt.proceedings() else {
            continue;
        };
        let mut faults: Vec<Found> = absences(proceedings).collect();
        if let (Phase::Decided { verdict, record, .. }, None) = (&attempt.phase, &attempt.withdrawn) {
            faults.extend(outliers(proceedings, verdict, *record));
            faults.extend(claim_fault(attempt, proceedings, verdict, *record));
        }
        for (node, what, mut evidence) in faults {
            evidence.sort_by_key(|record| history.position(record));
            let Some(state) = history.nodes().get(&node) else {
                continue;
            };
            list.push(Caught {
                node,
                operator: state.name.clone(),
                operator_key: state.operator,
                what,
                attempt: view.id,
                evidence,
            });
        }
    }
    list
}

type Found = (NodeId, Fault, Vec<RecordId>);

/// Verifiers that were passed over. A history keeps the draw that gave them; the rest of the
/// evidence comes from the log.
fn absences(proceedings: &Proceedings) -> impl Iterator<Item = Found> {
    proceedings.assigned.iter().filter_map(|assigned| {
        let what = match assigned.state {
            AssignedState::PassedOver { sealed: true } => Fault::Unrevealed,
            AssignedState::PassedOver { sealed: false } => Fault::PassedOver,
            _ => return None,
        };
        Some((assigned.node, what, vec![assigned.assignment]))
    })
}

/// Verifiers that the verdict calls outliers: their reveal, the reveals it differs from, the verdict.
fn outliers(proceedings: &Proceedings, verdict: &Verdict, record: RecordId) -> Vec<Found> {
    let reveal = |node: &NodeId| {
        proceedings
            .assigned
            .iter()
            .find_map(|assigned| match &assigned.state {
                AssignedState::Revealed(_, record) if assigned.node == *node => Some(*record),
                _ => None,
            })
    };
    verdict
        .outliers
        .iter()
        .map(|node| {
            let mut evidence: Vec<RecordId> = verdict.agreeing.iter().filter_map(reveal).collect();
            evidence.extend(reveal(node));
            evidence.push(record);
            (*node, Fault::Outlier, evidence)
        })
        .collect()
}

/// The executor's fault: its sealed claim, what opened it, the verdict.
fn claim_fault(
    attempt: &Attempt,
    proceedings: &Proceedings,
    verdict: &Verdict,
    record: RecordId,
) -> Option<Found> {
    let what = match verdict.claim {
        ClaimCheck::Overclaimed => Fault::Overclaim,
        ClaimCheck::Unrevealed => Fault::Unrevealed,
        ClaimCheck::Honest | ClaimCheck::Unchecked => return None,
    };
    let mut evidence = vec![proceedings.claim_record, record];
    evidence.extend(proceedings.claimed.as_ref().map(|(_, reveal)| *reveal));
    Some((attempt.lease.node, what, evidence))
}

/// Every enrolled node, in order of operators' names.
pub(super) fn nodes(history: &History, attempts: &[AttemptView], caught: &[Caught]) -> Vec<NodeView> {
    let mut granted: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut opened: BTreeMap<NodeId, usize> = BTreeMap::new();
    for attempt in attempts {
        *granted.entry(attempt.node).or_default() += 1;
        for rescore in attempt.rescores.iter().filter(|r| r.reveal.is_some()) {
            *opened.entry(rescore.node).or_default() += 1;
        }
    }
    let mut faults: BTreeMap<NodeId, Faults> = BTreeMap::new();
    for fault in caught {
        let faults = faults.entry(fault.node).or_default();
        match fault.what {
            Fault::Outlier => faults.outlier += 1,
            Fault::Overclaim => faults.overclaim += 1,
            Fault::Unrevealed => faults.unrevealed += 1,
            Fault::PassedOver => faults.passed_over += 1,
        }
    }
    let beside = settled_rescores(history);
    let verdicts = history.attempts().values().filter_map(Attempt::verdict);
    let as_of = verdicts.map(|verdict| verdict.at).max().unwrap_or_default();
    let account = |state: &NodeState| history.account(state.operator, &state.host.device);
    let mut nodes: Vec<NodeView> = history
        .nodes()
        .iter()
        .map(|(node, state)| NodeView {
            credit: account(state).credit(as_of),
            standing: account(state).standing(as_of),
            node: *node,
            operator: state.name.clone(),
            operator_key: state.operator,
            device: state.host.device.clone(),
            processor: state.host.processor.clone(),
            dormant: state.dormant,
            attempts: granted.get(node).copied().unwrap_or(0),
            rescores: opened.get(node).copied().unwrap_or(0),
            bias: Bias::of(*node, beside.get(node).into_iter().flatten().cloned()),
            faults: faults.get(node).copied().unwrap_or_default(),
        })
        .collect();
    nodes.sort_by(|a, b| (&a.operator, a.node).cmp(&(&b.operator, b.node)));
    nodes
}

/// For each node, its rescores of decided attempts with those of the others. Beside a liar everybody would look
/// biased, so others whom the verdict calls outliers are left out.
fn settled_rescores(history: &History) -> BTreeMap<NodeId, Vec<Vec<Rescore<'_>>>> {
    let mut beside: BTreeMap<NodeId, Vec<Vec<Rescore<'_>>>> = BTreeMap::new();
    for attempt in history.attempts().values().filter(|a| a.withdrawn.is_none()) {
        if let Phase::Decided {
            proceedings, verdict, ..
        } = &attempt.phase
        {
            let rescores = proceedings.rescores();
            for own in &rescores {
                let compared =
                    |other: &&Rescore<'_>| other.node == own.node || !verdict.outliers.contains(&other.node);
                let compared = rescores.iter().filter(compared).copied().collect();
                beside.entry(own.node).or_default().push(compared);
            }
        }
    }
    beside
}
