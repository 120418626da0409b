//! A verifier is killed while it scores, and between its seal and its reveal.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::time::Duration;

use quorate_core::digest::AttemptId;
use quorate_core::history::{AssignedState, Phase};
use quorate_core::{NodeId, Record};
use quorate_ledger::{SledStore, Store as _};
use quorate_tests::{Campaign, Ledger, Moments, World};

/// With two of three nodes drawn, every attempt is verified by both nodes that did not make it.
const NODES: usize = 3;

fn slow_scoring() -> Campaign {
    Campaign {
        agents: vec![0.2],
        attempts: 5,
        scoring: 1.0,
        ..Campaign::default()
    }
}

#[test]
fn a_verifier_killed_while_it_scores_scores_again() {
    let mut moments = Moments::new("kill_verifier, scoring");
    let mut world = World::with_nodes(NODES);
    world.publish(&slow_scoring());
    let mut victims = Vec::new();
    for _ in 0..5 {
        let Some((attempt, verifier)) =
            world.until("a verifier is at work", |ledger| at_work(ledger, &victims))
        else {
            break;
        };
        moments.pass(Duration::from_millis(1500));
        let ledger = world.ledger();
        let place = world.place_of(&ledger, verifier);
        world.nodes[place].kill();
        world.nodes[place].start();
        victims.push((attempt, verifier));
    }
    let over = world.until_over();
    assert!(victims.len() >= 4, "only {} kills hit a scoring", victims.len());
    check(&mut world, &over, &victims);
}

#[test]
fn a_verifier_killed_after_its_seal_opens_that_very_seal() {
    let mut moments = Moments::new("kill_verifier, sealed");
    let mut world = World::with_nodes(NODES);
    world.publish(&slow_scoring());
    let mut victims = Vec::new();
    for _ in 0..4 {
        let Some((attempt, verifier)) =
            world.until("a seal waits for another", |ledger| sealed(ledger, &victims))
        else {
            break;
        };
        moments.pass(Duration::from_millis(40));
        let ledger = world.ledger();
        let place = world.place_of(&ledger, verifier);
        world.nodes[place].kill();
        world.until("every other seal is in", |ledger| {
            all_sealed(ledger, attempt).then_some(())
        });
        world.nodes[place].start();
        victims.push((attempt, verifier));
    }
    let over = world.until_over();
    assert!(
        victims.len() >= 3,
        "only {} kills came between seal and reveal",
        victims.len()
    );
    check(&mut world, &over, &victims);
}

/// Somebody drawn who has not sealed; `Some(None)` where the campaign is over.
fn at_work(ledger: &Ledger, before: &[(AttemptId, NodeId)]) -> Option<Option<(AttemptId, NodeId)>> {
    find(ledger, before, |state| *state == AssignedState::Waiting)
}

fn sealed(ledger: &Ledger, before: &[(AttemptId, NodeId)]) -> Option<Option<(AttemptId, NodeId)>> {
    find(ledger, before, |state| matches!(state, AssignedState::Sealed(..)))
}

fn find(
    ledger: &Ledger,
    before: &[(AttemptId, NodeId)],
    wanted: impl Fn(&AssignedState) -> bool,
) -> Option<Option<(AttemptId, NodeId)>> {
    for (id, attempt) in ledger.history.attempts() {
        let Phase::Verifying(proceedings) = &attempt.phase else {
            continue;
        };
        let fresh = before.iter().all(|(attempt, _)| attempt != id);
        if let Some(verifier) = proceedings
            .live()
            .find(|assigned| wanted(&assigned.state))
            .filter(|_| fresh)
        {
            return Some(Some((*id, verifier.node)));
        }
    }
    ledger.is_over().then_some(None)
}

fn all_sealed(ledger: &Ledger, attempt: AttemptId) -> bool {
    match &ledger.history.attempts()[&attempt].phase {
        Phase::Verifying(proceedings) => proceedings.may_reveal(),
        Phase::Decided { .. } => true,
        _ => false,
    }
}

/// Nobody was passed over, the campaign got what it asked for, and what stands in the log are the very
/// bytes that the killed node's journal holds.
fn check(world: &mut World, over: &Ledger, victims: &[(AttemptId, NodeId)]) {
    over.assert_each_attempt_ended_once();
    // A killed verifier may have had an attempt of its own under way, which it then gave up.
    assert_eq!(over.decided(), 5);
    world.assert_acknowledged(over);
    for record in over.records() {
        if let Record::Assignment(assignment) = record {
            assert!(assignment.passed_over.is_empty(), "{assignment:?}");
        }
    }
    for (attempt, verifier) in victims {
        let place = world.place_of(over, *verifier);
        world.nodes[place].stop();
        let journal = SledStore::open(world.nodes[place].home().join("journal")).unwrap();
        let key = [&b"sealed/"[..], attempt.0.as_bytes(), b"/verifier"].concat();
        let kept = journal
            .get(&key)
            .unwrap()
            .expect("the result was kept before it was sealed");
        let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
        for part in ["seal", "reveal"] {
            let bytes = kept[part].as_str().unwrap().as_bytes();
            let times = over
                .entries
                .iter()
                .filter(|envelope| envelope.bytes() == bytes)
                .count();
            assert_eq!(times, 1, "the {part} that was kept");
        }
        let verdict = over.history.attempts()[attempt].verdict().unwrap();
        assert!(verdict.agreeing.contains(verifier));
    }
}
