//! Whole attempts, each to one of its ends.

use quorate_core::NodeId;
use quorate_core::digest::AttemptId;
use quorate_core::history::Step;
use quorate_core::record::{ClaimCheck, Decision, Verification};
use quorate_core::score::Outcome;

use super::{node, world};
use crate::fixtures::{TRUTH, Terms, invalid, member, valid};
use crate::world::{Sealed, World};

fn accepted(world: &World, id: AttemptId) -> f64 {
    match world.verdict(id).decision {
        Decision::Accepted { score } => score.normalized.get(),
        ref other => panic!("accepted, not {other:?}"),
    }
}

fn terms(change: impl FnOnce(&mut Verification)) -> Terms {
    let mut terms = Terms::default();
    change(&mut terms.verification);
    terms
}

fn open_all(world: &mut World, rescores: &[Sealed]) {
    for rescore in rescores {
        world.must(&rescore.reveal);
    }
}

#[test]
fn from_lease_to_verdict_and_again_from_the_bytes() {
    let mut world = world(4);
    let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);
    let verdict = world.verdict(id);
    assert_eq!(verdict.claim, ClaimCheck::Honest);
    assert_eq!((verdict.agreeing.len(), verdict.outliers.len()), (2, 0));
    let kinds: Vec<_> = world.log[7..]
        .iter()
        .map(|e| quorate_core::Record::read(e).unwrap().kind())
        .collect();
    assert_eq!(
        kinds,
        [
            "lease",
            "sealed-claim",
            "assignment",
            "sealed-rescore",
            "sealed-rescore",
            "reveal",
            "reveal",
            "reveal",
            "verdict"
        ]
    );
    assert_eq!(world.replayed(), world.history);
    let last = world.log.last().unwrap().id();
    assert_eq!(world.history.position(&last), Some(world.history.size() - 1));
}

#[test]
fn several_attempts_do_not_disturb_each_other() {
    let mut world = world(6);
    let (first, first_claim) = world.handed_in(node(1), valid(TRUTH));
    let (second, second_claim) = world.handed_in(node(2), valid(TRUTH));
    let one = world.seal_all(first, |_| valid(TRUTH));
    let two = world.seal_all(second, |_| invalid());
    for opened in [&first_claim.reveal, &second_claim.reveal] {
        world.must(opened);
    }
    open_all(&mut world, &two);
    open_all(&mut world, &one);
    world.coordinate(second);
    world.coordinate(first);
    assert_eq!(world.verdict(second).decision, Decision::Rejected);
    assert_eq!(world.verdict(second).claim, ClaimCheck::Overclaimed);
    assert_eq!(world.verdict(first).claim, ClaimCheck::Honest);
    assert_eq!(world.replayed(), world.history);
}

#[test]
fn disagreement_escalates_and_the_liar_is_named() {
    let mut world = world(6);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let liar = world.waiting(id)[0];
    let outcome = |n: NodeId| valid(if n == liar { 1.5 } else { TRUTH });
    let first = world.seal_all(id, outcome);
    world.must(&claim.reveal);
    open_all(&mut world, &first);
    world.coordinate(id);
    assert_eq!((world.proceedings(id).rounds, world.waiting(id).len()), (2, 2));
    let second = world.seal_all(id, outcome);
    open_all(&mut world, &second);
    world.coordinate(id);
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);
    assert_eq!(world.verdict(id).outliers, [liar]);
    assert_eq!(world.verdict(id).agreeing.len(), 3);
    assert!(!world.verdict(id).agreeing.contains(&liar));
    assert_eq!(world.replayed(), world.history);
}

#[test]
fn an_executor_that_never_opens_its_claim_is_unrevealed() {
    let mut world = world(3);
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    let rescores = world.seal_all(id, |_| valid(TRUTH));
    open_all(&mut world, &rescores);
    assert_eq!(world.step(id), Step::Wait, "it may still open it");
    world.now = world.proceedings(id).reveal_by().unwrap();
    assert_eq!(world.step(id), Step::Wait);
    world.pass(1);
    world.coordinate(id);
    assert_eq!(world.verdict(id).claim, ClaimCheck::Unrevealed);
    assert!(
        (accepted(&world, id) - TRUTH).abs() < 1e-12,
        "the score stands all the same"
    );
}

#[test]
fn claims_are_held_against_the_result() {
    for (claimed, earned, expected) in [
        (valid(TRUTH), valid(TRUTH), ClaimCheck::Honest),
        (valid(TRUTH + 0.1), valid(TRUTH), ClaimCheck::Honest),
        (valid(TRUTH + 0.2), valid(TRUTH), ClaimCheck::Overclaimed),
        (valid(0.0), valid(TRUTH), ClaimCheck::Honest),
        (valid(TRUTH), invalid(), ClaimCheck::Overclaimed),
        (invalid(), invalid(), ClaimCheck::Honest),
    ] {
        let mut world = world(3);
        let id = world.play(node(1), claimed, |_| earned.clone());
        assert_eq!(world.verdict(id).claim, expected);
        assert_eq!(
            world.verdict(id).decision == Decision::Rejected,
            earned == invalid()
        );
    }
}

/// Three nodes; the two verifiers measure `one` and `two` and open everything.
fn two_verifiers(one: Outcome, two: Outcome) -> (World, AttemptId) {
    let mut world = world(3);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let first = world.waiting(id)[0];
    let rescores = world.seal_all(id, |n| if n == first { one.clone() } else { two.clone() });
    world.must(&claim.reveal);
    open_all(&mut world, &rescores);
    (world, id)
}

#[test]
fn too_few_to_settle_a_disagreement_is_nondeterministic_only_after_waiting() {
    let (mut world, id) = two_verifiers(valid(TRUTH), valid(1.5));
    assert_eq!(world.step(id), Step::Wait, "somebody may still come");
    world.now = world.proceedings(id).reveal_by().unwrap();
    assert_eq!(world.step(id), Step::Wait);
    world.now.0 += 1;
    world.coordinate(id);
    let verdict = world.verdict(id);
    assert_eq!(verdict.decision, Decision::Nondeterministic);
    assert_eq!(verdict.claim, ClaimCheck::Unchecked);
    assert_eq!((verdict.agreeing.len(), verdict.outliers.len()), (0, 0));
}

#[test]
fn whoever_comes_while_waiting_settles_it() {
    let (mut world, id) = two_verifiers(valid(TRUTH), valid(1.5));
    world.enroll(&member(4));
    world.coordinate(id);
    assert_eq!(world.waiting(id), [node(4)]);
    let third = world.seal_all(id, |_| valid(TRUTH));
    open_all(&mut world, &third);
    world.coordinate(id);
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);
    assert_eq!(world.verdict(id).outliers.len(), 1);
}

#[test]
fn noise_is_inconclusive_and_blames_nobody() {
    let noisy = |center: f64| match valid(center) {
        Outcome::Valid { raw, .. } => Outcome::Valid {
            raw,
            samples: quorate_core::score::Samples::new(
                [-1.0, 1.0, -0.8, 0.8]
                    .map(|d| crate::fixtures::score(center + d))
                    .to_vec(),
            )
            .unwrap(),
        },
        invalid @ Outcome::Invalid { .. } => invalid,
    };
    let (mut world, id) = two_verifiers(noisy(TRUTH), noisy(TRUTH));
    world.pass(1000);
    world.coordinate(id);
    assert_eq!(world.verdict(id).decision, Decision::Inconclusive);
    assert_eq!(world.verdict(id).outliers, []);
}

#[test]
fn a_full_house_of_disagreement_ends_without_waiting() {
    let terms = terms(|v| {
        v.max_rescores = 4;
    });
    let mut world = World::new(5, terms);
    let mut next = 0.0;
    let id = {
        let (id, claim) = world.handed_in(node(1), valid(TRUTH));
        for _ in 0..2 {
            let sealed: Vec<Sealed> = world
                .waiting(id)
                .into_iter()
                .map(|n| {
                    next += 1.0;
                    world.rescore(id, n, valid(next))
                })
                .collect();
            for rescore in &sealed {
                world.must(&rescore.seal);
            }
            if world.proceedings(id).claimed.is_none() {
                world.must(&claim.reveal);
            }
            open_all(&mut world, &sealed);
            world.coordinate(id);
        }
        id
    };
    assert_eq!(world.verdict(id).decision, Decision::Nondeterministic);
    assert_eq!(world.verdict(id).outliers, []);
}

#[test]
fn an_artifact_that_nobody_can_score_ends_inconclusive() {
    let mut world = world(4);
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    let limit = 2 * usize::from(Terms::default().verification.max_rescores);
    for _ in 0..limit {
        if world.attempt(id).verdict().is_some() {
            break;
        }
        // Everybody drawn stays silent, is passed over, and comes back.
        world.pass(101);
        world.coordinate(id);
        for n in 2..=4 {
            if world.history.nodes()[&node(n)].dormant {
                world.enroll(&member(n));
            }
        }
        world.coordinate(id);
    }
    let verdict = world.verdict(id);
    assert_eq!(verdict.decision.name(), "inconclusive");
    assert_eq!(verdict.claim, ClaimCheck::Unchecked);
    assert_eq!(world.proceedings(id).assigned.len(), limit);
}
