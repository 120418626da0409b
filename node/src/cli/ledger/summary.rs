//! A record in one line, for people.

use quorate_core::digest::{AttemptId, BundleId};
use quorate_core::record::{Admitted, Decision, Forfeit, ForfeitReason, Lease, Reveal, Verdict};
use quorate_core::score::Outcome;
use quorate_core::{Envelope, History, NodeId, PublicKey, Record};

/// What a record says.
pub(super) fn summary(record: &Record, history: &History) -> String {
    match record {
        Record::Coordinator(record) => match record.witness_quorum {
            0 => format!("the log {} begins", record.origin),
            n => format!("the log {} begins; {n} operators must cosign it", record.origin),
        },
        Record::Admission(record) => match record.admits {
            Admitted::Operator(key) => format!("operator {} may enroll", key_start(&key)),
            Admitted::Invitation(key) => format!("one operator may enroll by invitation {}", key_start(&key)),
        },
        Record::Enrollment(record) => {
            format!(
                "{} enrolls node {} ({})",
                record.name,
                record.node.short(),
                record.host.device.0
            )
        }
        Record::Bundle(record) => {
            format!(
                "task {} version {}, bundle {}",
                record.spec.label(),
                record.spec.version,
                record.bundle.short()
            )
        }
        Record::Campaign(record) => format!(
            "campaign {}: {} task(s), {} agent(s), {} attempt(s) of each",
            record.name,
            record.bundles.len(),
            record.agents.len(),
            record.attempts
        ),
        Record::Lease(record) => lease(record, history),
        Record::SealedClaim(record) => format!(
            "{} hands in artifact {}",
            attempt(record.attempt, history),
            record.artifact.short()
        ),
        Record::Forfeit(record) => forfeit(record, history),
        Record::Assignment(record) => {
            let mut text = format!(
                "{} is re-scored by {}",
                attempt(record.attempt, history),
                nodes(&record.verifiers, history)
            );
            if !record.passed_over.is_empty() {
                text += &format!("; passed over: {}", nodes(&record.passed_over, history));
            }
            text
        }
        Record::SealedRescore(record) => format!("{}: a rescore is sealed", attempt(record.attempt, history)),
        Record::Reveal(Reveal::Claim(record)) => {
            format!(
                "{} claimed {}",
                attempt(record.attempt, history),
                outcome(&record.outcome)
            )
        }
        Record::Reveal(Reveal::Rescore(record)) => {
            format!(
                "{} re-scored {}",
                attempt(record.attempt, history),
                outcome(&record.predicate.outcome)
            )
        }
        Record::Verdict(record) => verdict(record, history),
        Record::Correction(record) => format!("withdraws {}: {}", record.corrects.short(), record.reason),
        other => other.kind().to_owned(),
    }
}

fn key_start(key: &PublicKey) -> String {
    key.to_string().chars().take(8).collect()
}

/// Who signed an envelope, by part and name.
pub(super) fn signers(envelope: &Envelope, history: &History) -> String {
    let names: Vec<String> = envelope
        .signers()
        .iter()
        .map(|key| signer(key, history))
        .collect();
    names.join(" and ")
}

fn signer(key: &PublicKey, history: &History) -> String {
    if *key == history.coordinator().key {
        return "coordinator".to_owned();
    }
    let node = NodeId::new(*key);
    if history.nodes().contains_key(&node) {
        return format!("node {}", name(&node, history));
    }
    let operator = history.nodes().values().find(|node| node.operator == *key);
    operator.map_or_else(|| "unknown".to_owned(), |node| format!("operator {}", node.name))
}

/// A node by its operator's name and the end of its id.
fn name(node: &NodeId, history: &History) -> String {
    match history.nodes().get(node) {
        Some(state) => format!("{}/{}", state.name, node.short()),
        None => node.short(),
    }
}

fn nodes(nodes: &[NodeId], history: &History) -> String {
    if nodes.is_empty() {
        return "nobody".to_owned();
    }
    nodes
        .iter()
        .map(|node| name(node, history))
        .collect::<Vec<_>>()
        .join(", ")
}

fn task(bundle: BundleId, history: &History) -> String {
    history
        .bundles()
        .get(&bundle)
        .map_or_else(|| bundle.short(), quorate_core::task::TaskSpec::label)
}

fn attempt(id: AttemptId, history: &History) -> String {
    match history.attempts().get(&id) {
        Some(attempt) => format!("attempt {} ({})", id.short(), task(attempt.lease.bundle, history)),
        None => format!("attempt {}", id.short()),
    }
}

fn lease(record: &Lease, history: &History) -> String {
    let campaign = history.campaigns().get(&record.campaign);
    let agent = campaign.and_then(|campaign| {
        campaign
            .terms
            .agents
            .iter()
            .find(|agent| agent.id == record.agent)
    });
    let agent = agent.map_or_else(|| record.agent.short(), |agent| agent.name.to_string());
    format!(
        "{} by agent {agent}, number {}, on {}",
        task(record.bundle, history),
        record.number,
        name(&record.node, history)
    )
}

fn forfeit(record: &Forfeit, history: &History) -> String {
    let why = match &record.reason {
        ForfeitReason::DeadlinePassed => "the deadline passed".to_owned(),
        ForfeitReason::Failed { note } => format!("failed: {note}"),
        ForfeitReason::Abandoned { note } => format!("given up: {note}"),
    };
    format!(
        "{} ends without a result, {why}",
        attempt(record.attempt, history)
    )
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Valid { raw, samples } => format!("{:.3} (raw {:.4})", samples.median(), raw.get()),
        Outcome::Invalid { reason } => format!("invalid: {reason}"),
    }
}

fn verdict(record: &Verdict, history: &History) -> String {
    let mut text = format!("{} {}", attempt(record.attempt, history), record.decision.name());
    if let Decision::Accepted { score } = &record.decision {
        text += &format!(
            " at {:.3}, from {:.3} to {:.3}",
            score.normalized.get(),
            score.low.get(),
            score.high.get()
        );
    }
    if record.claim == quorate_core::record::ClaimCheck::Overclaimed {
        text += "; the executor claimed more";
    }
    if !record.outliers.is_empty() {
        text += &format!("; shown to differ: {}", nodes(&record.outliers, history));
    }
    text
}
