//! The draw: every rule of an assignment broken once.

use quorate_core::digest::AttemptId;
use quorate_core::history::{Plan, Step};
use quorate_core::record::Assignment;
use quorate_core::text::Timestamp;
use quorate_core::vrf::VrfSecret;
use quorate_core::{NodeId, Record};

use super::verification::{NOT_VERIFYING, assigned, claimed};
use super::{broken, node, only_the_coordinator_signs, world};
use crate::fixtures::{BEGIN, Member, TRUTH, member, valid};
use crate::world::World;

fn due(world: &World, id: AttemptId) -> Assignment {
    world.assignment(id, world.plan(id))
}

fn refuse_assignment(change: impl FnOnce(&mut Assignment)) -> String {
    let (mut world, id) = claimed(6);
    let mut record = due(&world, id);
    change(&mut record);
    world.refuse(&world.sign(Record::Assignment(record)))
}

#[test]
fn an_assignment_is_the_coordinators() {
    let (mut world, id) = claimed(4);
    let record = Record::Assignment(due(&world, id));
    only_the_coordinator_signs(&mut world, &record);
}

#[test]
fn the_draw_is_proved_by_the_logs_key_for_this_claim() {
    let expected = broken("assignment", "its draw does not verify");
    let (world, id) = claimed(6);
    let input = world.proceedings(id).draw_input();
    let foreign = VrfSecret::from_seed([1; 32]).prove(&input);
    assert_eq!(refuse_assignment(|a| a.draw = foreign), expected);
    let other_input = world.vrf.prove(b"another claim");
    assert_eq!(refuse_assignment(|a| a.draw = other_input), expected);
}

#[test]
fn the_verifiers_are_those_the_draw_gives_in_its_order() {
    let expected = broken("assignment", "its verifiers are not those the draw gives");
    assert_eq!(refuse_assignment(|a| a.verifiers.reverse()), expected);
    assert_eq!(refuse_assignment(|a| a.verifiers.truncate(1)), expected);
    assert_eq!(refuse_assignment(|a| a.verifiers.clear()), expected);
    let others = |a: &Assignment| (2..=6).map(node).find(|n| !a.verifiers.contains(n)).unwrap();
    assert_eq!(refuse_assignment(|a| a.verifiers.push(others(a))), expected);
    assert_eq!(refuse_assignment(|a| a.verifiers[1] = others(a)), expected);
    assert_eq!(
        refuse_assignment(|a| a.verifiers[0] = node(1)),
        expected,
        "the executor"
    );
    assert_eq!(
        refuse_assignment(|a| a.verifiers[0] = node(60)),
        expected,
        "nobody's node"
    );
}

#[test]
fn rounds_deadlines_and_the_passed_over_are_exact() {
    let numbered = broken("assignment", "assignments are numbered in order");
    assert_eq!(refuse_assignment(|a| a.round = 1), numbered);
    let deadlines = broken("assignment", "its deadlines are not the policy's");
    assert_eq!(refuse_assignment(|a| a.seal_by.0 += 1), deadlines);
    assert_eq!(refuse_assignment(|a| a.reveal_by.0 -= 1), deadlines);
    let late = broken("assignment", "it passes over exactly those who are late");
    assert_eq!(refuse_assignment(|a| a.passed_over.push(node(2))), late);
}

#[test]
fn nobody_verifies_for_its_own_operator_and_no_operator_twice() {
    let mut world = world(0);
    // Two operators with three nodes each, and a third operator's single one.
    let shared = |n: u8, operator: u8| Member {
        operator: member(operator).operator,
        ..member(n)
    };
    for (n, operator) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2), (7, 3)] {
        world.enroll(&shared(n, operator));
    }
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    let drawn: Vec<NodeId> = world.proceedings(id).live().map(|a| a.node).collect();
    assert_eq!(drawn.len(), 2);
    assert!(drawn.contains(&node(7)));
    assert!((4..=6).map(node).any(|n| drawn.contains(&n)));
    world.pass(1000);
    // Nobody is left, so these are passed over; forging a fellow's name in is refused.
    for forged in [node(2), node(3)] {
        let mut record = due(&world, id);
        record.verifiers = vec![forged];
        let expected = broken("assignment", "its verifiers are not those the draw gives");
        let record = world.sign(Record::Assignment(record));
        assert_eq!(world.refuse(&record), expected);
    }
}

#[test]
fn nobody_is_replaced_before_the_deadline() {
    let (mut world, id, _) = assigned(6);
    let first = world.proceedings(id).assigned[0].clone();
    let mut hasty = world.assignment(id, plan_at(&world, id, Timestamp(first.seal_by.0 + 1)));
    hasty.at = first.seal_by;
    let hasty = world.sign(Record::Assignment(hasty));
    let expected = broken("assignment", "nobody is to be drawn or passed over now");
    assert_eq!(world.refuse(&hasty), expected);
}

#[test]
fn a_replacement_names_exactly_the_late_and_draws_the_next() {
    let (mut world, id, _) = assigned(6);
    let before = world.waiting(id);
    world.must(&world.rescore(id, before[0], valid(TRUTH)).seal);
    world.pass(101);
    let good = due(&world, id);
    assert_eq!(good.passed_over, before[1..]);
    assert_eq!((good.round, good.verifiers.len()), (1, 1));
    let mut none = good.clone();
    none.passed_over.clear();
    let late = broken("assignment", "it passes over exactly those who are late");
    assert_eq!(world.refuse(&world.sign(Record::Assignment(none))), late);
    let mut all = good.clone();
    all.passed_over = before;
    assert_eq!(world.refuse(&world.sign(Record::Assignment(all))), late);
    world.must(&world.sign(Record::Assignment(good)));
}

fn plan_at(world: &World, id: AttemptId, at: Timestamp) -> Plan {
    let step = world
        .history
        .next_step(id, at, |p| world.vrf.output(&p.draw_input()));
    match step {
        Step::Assign(plan) => plan,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_attempt_without_a_claim_draws_nobody() {
    let mut world = world(4);
    let id = world.grant(node(1));
    let record = Assignment {
        attempt: id,
        round: 0,
        draw: world.vrf.prove(b"anything"),
        quorum: 2,
        passed_over: vec![],
        verifiers: vec![node(2), node(3)],
        seal_by: BEGIN,
        reveal_by: BEGIN,
        at: BEGIN,
    };
    let record = world.sign(Record::Assignment(record));
    assert_eq!(world.refuse(&record), broken("assignment", NOT_VERIFYING));
}
