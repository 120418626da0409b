//! Whom the draw takes, who is passed over, and who is blamed.

use quorate_core::NodeId;
use quorate_core::digest::AttemptId;
use quorate_core::draw;
use quorate_core::history::{AssignedState, Step};
use quorate_core::record::Decision;

use super::{broken, node, world};
use crate::fixtures::{TRUTH, member, valid};
use crate::world::{Sealed, World};

fn accepted(world: &World, id: AttemptId) -> f64 {
    match world.verdict(id).decision {
        Decision::Accepted { score } => score.normalized.get(),
        ref other => panic!("accepted, not {other:?}"),
    }
}

fn state(world: &World, id: AttemptId, node: NodeId) -> AssignedState {
    let assigned = &world.proceedings(id).assigned;
    assigned.iter().rfind(|a| a.node == node).unwrap().state.clone()
}

fn open_all(world: &mut World, rescores: &[Sealed]) {
    for rescore in rescores {
        world.must(&rescore.reveal);
    }
}

#[test]
fn the_silent_are_passed_over_and_sleep_until_they_renew() {
    let mut world = world(4);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let [present, absent] = world.waiting(id)[..] else {
        panic!("two are drawn");
    };
    let spare = (2..=4)
        .map(node)
        .find(|n| ![present, absent].contains(n))
        .unwrap();
    let first = world.rescore(id, present, valid(TRUTH));
    world.must(&first.seal);
    world.pass(101);
    world.coordinate(id);
    assert_eq!(world.waiting(id), [spare]);
    assert_eq!(
        state(&world, id, absent),
        AssignedState::PassedOver { sealed: false }
    );
    assert!(world.history.nodes()[&absent].dormant);
    let too_late = world.rescore(id, absent, valid(TRUTH)).seal;
    assert!(
        world
            .refuse(&too_late)
            .contains("must be signed by a verifier drawn")
    );
    let rest = world.seal_all(id, |_| valid(TRUTH));
    world.must(&claim.reveal);
    world.must(&first.reveal);
    open_all(&mut world, &rest);
    world.coordinate(id);
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);

    // Asleep, it is not drawn: of three others only two are awake.
    let (next, _) = world.handed_in(present, valid(TRUTH));
    let absent_member = world.members[&absent].clone();
    assert!(!world.waiting(next).contains(&absent));
    world.enroll(&absent_member);
    assert!(!world.history.nodes()[&absent].dormant);
    world.pass(101);
    world.coordinate(next);
    assert_eq!(world.waiting(next), [absent]);
    assert_eq!(world.replayed(), world.history);
}

#[test]
fn a_seal_made_in_time_is_no_fault_however_long_the_others_take() {
    // The time to reveal is shorter than the time to seal: by the time the replacement has sealed,
    // the first verifier's own deadlines are long past.
    let mut world = world(4);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let prompt = world.waiting(id)[0];
    let first = world.rescore(id, prompt, valid(TRUTH));
    world.must(&first.seal);
    // The coordinator, too, is late.
    world.pass(500);
    world.coordinate(id);
    assert_eq!(world.proceedings(id).live().count(), 2);
    world.pass(99);
    let rest = world.seal_all(id, |_| valid(TRUTH));
    world.pass(20);
    assert_eq!(world.step(id), Step::Wait);
    world.must(&first.reveal);
    open_all(&mut world, &rest);
    world.must(&claim.reveal);
    world.coordinate(id);
    assert_eq!(world.verdict(id).agreeing.len(), 2);
}

#[test]
fn a_withheld_reveal_is_a_fault_on_record_and_is_not_drawn_again() {
    let mut world = world(4);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let rescores = world.seal_all(id, |_| valid(TRUTH));
    let withholder = world.proceedings(id).assigned[1].node;
    world.must(&rescores[0].reveal);
    world.must(&claim.reveal);
    world.pass(121);
    world.coordinate(id);
    assert_eq!(
        state(&world, id, withholder),
        AssignedState::PassedOver { sealed: true }
    );
    assert!(world.history.nodes()[&withholder].dormant);
    assert!(world.refuse(&rescores[1].reveal).contains("every seal is in"));
    // It wakes up, but for this attempt it has had its turn.
    let again = world.members[&withholder].clone();
    world.enroll(&again);
    world.pass(101);
    world.coordinate(id);
    assert_eq!(world.waiting(id), []);
    assert!(world.attempt(id).verdict().is_none());
    world.enroll(&member(5));
    world.coordinate(id);
    assert_eq!(world.waiting(id), [node(5)]);
}

#[test]
fn a_decided_escalation_does_not_wait_for_ever_for_the_last_reveal() {
    let mut world = world(6);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let liar = world.waiting(id)[0];
    let outcome = |n: NodeId| valid(if n == liar { 1.5 } else { TRUTH });
    let first = world.seal_all(id, outcome);
    world.must(&claim.reveal);
    open_all(&mut world, &first);
    world.coordinate(id);
    let second = world.seal_all(id, outcome);
    world.must(&second[0].reveal);
    assert_eq!(world.step(id), Step::Wait, "the fourth may still open its seal");
    world.pass(121);
    let Step::Assign(plan) = world.step(id) else {
        panic!("the fourth is passed over");
    };
    assert_eq!((plan.passed_over.len(), plan.verifiers.len()), (1, 0));
    world.coordinate(id);
    assert_eq!(world.verdict(id).outliers, [liar]);
    assert_eq!(
        state(&world, id, plan.passed_over[0]),
        AssignedState::PassedOver { sealed: true }
    );
}

#[test]
fn an_escalation_with_one_absent_draws_whoever_is_left() {
    let mut world = world(6);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let liar = world.waiting(id)[0];
    let outcome = |n: NodeId| valid(if n == liar { 1.5 } else { TRUTH });
    let first = world.seal_all(id, outcome);
    world.must(&claim.reveal);
    open_all(&mut world, &first);
    world.coordinate(id);
    let [present, absent] = world.waiting(id)[..] else {
        panic!("two more are drawn");
    };
    let third = world.rescore(id, present, valid(TRUTH));
    world.must(&third.seal);
    world.pass(101);
    world.coordinate(id);
    let [last] = world.waiting(id)[..] else {
        panic!("the absent one is replaced");
    };
    assert!(![present, absent, liar, node(1)].contains(&last));
    let fourth = world.seal_all(id, outcome);
    world.must(&third.reveal);
    open_all(&mut world, &fourth);
    world.coordinate(id);
    assert_eq!(world.verdict(id).outliers, [liar]);
}

#[test]
fn too_few_nodes_wait_and_go_on_when_one_enrolls() {
    let mut world = world(2);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    assert_eq!(world.waiting(id), [node(2)]);
    let first = world.seal_all(id, |_| valid(TRUTH));
    let early = broken("reveal", "a seal is opened only when every seal is in");
    assert_eq!(
        world.refuse(&first[0].reveal),
        early,
        "one seal is too few to open"
    );
    assert_eq!(world.refuse(&claim.reveal), early);
    for _ in 0..5 {
        world.pass(10_000);
        assert_eq!(world.step(id), Step::Wait);
    }
    world.enroll(&member(3));
    world.coordinate(id);
    assert_eq!(world.waiting(id), [node(3)]);
    let second = world.seal_all(id, |_| valid(TRUTH));
    world.must(&claim.reveal);
    open_all(&mut world, &first);
    open_all(&mut world, &second);
    world.coordinate(id);
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);
    assert_eq!(world.replayed(), world.history);
}

#[test]
fn nobody_at_all_waits_too() {
    let mut world = world(1);
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    assert_eq!(world.proceedings(id).rounds, 0);
    world.pass(100_000);
    assert_eq!(world.step(id), Step::Wait);
}

#[test]
fn the_only_verifier_there_is_may_come_back() {
    let mut world = world(3);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let [present, absent] = world.waiting(id)[..] else {
        panic!("two are drawn");
    };
    let first = world.rescore(id, present, valid(TRUTH));
    world.must(&first.seal);
    world.pass(101);
    world.coordinate(id);
    assert_eq!(world.waiting(id), []);
    assert_eq!(
        state(&world, id, absent),
        AssignedState::PassedOver { sealed: false }
    );
    world.pass(10_000);
    let back = world.members[&absent].clone();
    world.enroll(&back);
    world.coordinate(id);
    assert_eq!(world.waiting(id), [absent]);
    let second = world.seal_all(id, |_| valid(TRUTH));
    world.must(&first.reveal);
    open_all(&mut world, &second);
    world.must(&claim.reveal);
    world.coordinate(id);
    assert!((accepted(&world, id) - TRUTH).abs() < 1e-12);
    assert_eq!(world.replayed(), world.history);
}

#[test]
fn nodes_that_enroll_once_the_lease_is_out_rank_behind_all_others() {
    // A coordinator could make up nodes once it knows a claim and so the draw: those must not get in
    // while anybody else can serve.
    for newcomers in 1..=5 {
        let mut world = world(3);
        let id = world.grant(node(1));
        for n in 10..10 + newcomers {
            world.enroll(&member(n));
        }
        world.must(&world.claim(id, valid(TRUTH)).seal);
        world.coordinate(id);
        let mut drawn = world.waiting(id);
        drawn.sort_unstable();
        let mut expected = vec![node(2), node(3)];
        expected.sort_unstable();
        assert_eq!(drawn, expected);
    }
}

#[test]
fn another_spelling_of_the_claim_gives_the_same_draw() {
    let mut world = world(6);
    let id = world.grant(node(1));
    let claim = world.claim(id, valid(TRUTH)).seal;
    let respelled = String::from_utf8(claim.bytes().to_vec())
        .unwrap()
        .replace("\":", "\": ");
    let respelled = quorate_core::Envelope::decode(respelled.as_bytes()).unwrap();
    assert_ne!(claim.id(), respelled.id());
    let draws = [&claim, &respelled].map(|envelope| {
        let mut history = world.history.clone();
        history.apply(envelope).unwrap();
        history.attempts()[&id].proceedings().unwrap().draw_input()
    });
    assert_eq!(draws[0], draws[1]);
}

#[test]
fn the_scoring_seed_is_the_draws() {
    let mut world = world(4);
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    let proceedings = world.proceedings(id);
    let output = proceedings.draw.expect("there was a draw");
    assert_eq!(output, world.vrf.output(&proceedings.draw_input()));
    assert_ne!(
        draw::scoring_seed(&output, id),
        draw::scoring_seed(&output, AttemptId(quorate_core::Digest::of(b"another")))
    );
}
