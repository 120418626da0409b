//! A coordinator that forges: each record it could write falsely is offered to a follower.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quorate_core::history::Phase;
use quorate_core::record::{Assignment, Decision, Verdict};
use quorate_core::{Envelope, History, Keypair, NodeId, Record};

use crate::party::Cast;
use crate::records;
use crate::world::World;

/// Plays `attempts` honest ones, and at each record of the coordinator's offers a follower every forgery of it.
pub(crate) fn table(attempts: u32) -> String {
    let mut world = World::new(Cast::mixed(20, 0));
    world.play_all(attempts);
    let mut forgeries: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut follower = History::begin(&world.log[0]).unwrap();
    for envelope in &world.log[1..] {
        for (name, forged) in forged(&follower, envelope) {
            let (tried, believed) = forgeries.entry(name).or_default();
            *tried += 1;
            *believed += u32::from(follower.clone().apply(&forged).is_ok());
        }
        follower.apply(envelope).unwrap();
    }
    let mut text = String::from("| a coordinator that | tried | believed by a follower |\n|---|---|---|\n");
    for (name, (tried, believed)) in forgeries {
        writeln!(text, "| {name} | {tried} | {believed} |").unwrap();
    }
    text
}

/// What a false coordinator could write in place of `envelope`.
fn forged(follower: &History, envelope: &Envelope) -> Vec<(&'static str, Envelope)> {
    let key = records::keys().signing().clone();
    match Record::read(envelope).unwrap() {
        Record::Verdict(verdict) => verdicts(follower, &verdict, &key),
        Record::Assignment(assignment) => assignments(follower, &assignment, &key),
        Record::SealedClaim(claim) => vec![("signs a claim itself", sign(Record::SealedClaim(claim), &key))],
        Record::SealedRescore(seal) => {
            vec![("signs a rescore itself", sign(Record::SealedRescore(seal), &key))]
        }
        _ => Vec::new(),
    }
}

fn sign(record: Record, key: &Keypair) -> Envelope {
    record.sign(&[key]).unwrap()
}

fn verdicts(follower: &History, verdict: &Verdict, key: &Keypair) -> Vec<(&'static str, Envelope)> {
    let write = |name, verdict| (name, sign(Record::Verdict(verdict), key));
    let mut forged = vec![write(
        "rejects what was accepted",
        Verdict {
            decision: Decision::Rejected,
            ..verdict.clone()
        },
    )];
    if let Decision::Accepted { mut score } = verdict.decision {
        score.normalized = records::score(score.normalized.get() + 0.01);
        let decision = Decision::Accepted { score };
        let raised = Verdict {
            decision,
            ..verdict.clone()
        };
        forged.push(write("raises a score by 0.01", raised));
    }
    let mut fewer = verdict.clone();
    fewer.agreeing.pop();
    forged.push(write("leaves out who agreed", fewer));
    let decided = &follower.attempts()[&verdict.attempt];
    if let Phase::Verifying(proceedings) = &decided.phase {
        let mut blamed = verdict.clone();
        blamed.outliers = proceedings.live().map(|a| a.node).collect();
        forged.push(write("blames honest verifiers", blamed));
    }
    forged
}

fn assignments(follower: &History, assignment: &Assignment, key: &Keypair) -> Vec<(&'static str, Envelope)> {
    let write = |name, assignment| (name, sign(Record::Assignment(assignment), key));
    let friend = follower
        .nodes()
        .keys()
        .copied()
        .find(|node: &NodeId| !assignment.verifiers.contains(node));
    let mut friendly = assignment.clone();
    if let (Some(place), Some(friend)) = (friendly.verifiers.first_mut(), friend) {
        *place = friend;
    }
    let mut fewer = assignment.clone();
    fewer.quorum = if fewer.quorum == 1 { 2 } else { 1 };
    let mut shorter = assignment.clone();
    shorter.verifiers.pop();
    vec![
        write("draws a friend", friendly),
        write("changes how many must agree", fewer),
        write("draws fewer", shorter),
    ]
}
