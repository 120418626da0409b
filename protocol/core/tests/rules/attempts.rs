//! Leases and how they end on the executor's side: claims and forfeits.

use std::time::Duration;

use quorate_core::digest::{AgentId, AttemptId, BundleId, CampaignId, Digest};
use quorate_core::history::{Phase, Step};
use quorate_core::record::{Forfeit, ForfeitReason, Lease};
use quorate_core::text::{Note, Timestamp};
use quorate_core::{Keypair, Record};

use super::{broken, node, only_the_coordinator_signs, stranger, world, wrong_signer};
use crate::fixtures::{BUDGET, GRACE, TRUTH, Terms, member, valid};
use crate::world::World;

const ENDED: &str = "its attempt has ended or is sealed already";
const HOLDER: &str = "the node that holds the lease";

fn refuse_lease(world: &mut World, change: impl FnOnce(&mut Lease)) -> String {
    let mut lease = world.lease(node(1), 0);
    change(&mut lease);
    world.refuse(&world.sign(Record::Lease(lease)))
}

#[test]
fn a_lease_is_the_coordinators() {
    let mut world = world(1);
    let lease = Record::Lease(world.lease(node(1), 0));
    only_the_coordinator_signs(&mut world, &lease);
}

#[test]
fn a_lease_names_what_the_log_holds() {
    let mut world = world(1);
    let missing = Digest::of(b"missing");
    let unknown = |what: &str| format!("the lease record names {what}, which this log does not hold");
    let nobody = node(9);
    assert_eq!(
        refuse_lease(&mut world, |l| l.node = nobody),
        unknown(&nobody.to_string())
    );
    let expected = unknown(&missing.to_string());
    assert_eq!(
        refuse_lease(&mut world, |l| l.bundle = BundleId(missing)),
        expected
    );
    assert_eq!(
        refuse_lease(&mut world, |l| l.campaign = CampaignId(missing)),
        expected
    );
    let expected = broken("lease", "its campaign asks for no such bundle and agent");
    assert_eq!(refuse_lease(&mut world, |l| l.agent = AgentId(missing)), expected);
}

#[test]
fn leases_are_numbered_in_order() {
    let mut world = world(1);
    let expected = broken("lease", "leases are numbered in order");
    assert_eq!(refuse_lease(&mut world, |l| l.number = 1), expected);
    world.grant(node(1));
    world.pass(1);
    assert_eq!(refuse_lease(&mut world, |l| l.number = 0), expected);
    assert_eq!(refuse_lease(&mut world, |l| l.number = 2), expected);
}

#[test]
fn a_deadline_is_budget_and_grace_at_most() {
    let mut world = world(1);
    let expected = broken("lease", "its deadline is beyond budget and grace");
    assert_eq!(refuse_lease(&mut world, |l| l.deadline.0 += 1), expected);
    assert_eq!(refuse_lease(&mut world, |l| l.deadline = l.at), expected);
    let mut short = world.lease(node(1), 0);
    short.deadline.0 -= 1;
    world.must(&world.sign(Record::Lease(short)));
}

#[test]
fn no_more_attempts_stand_than_were_asked_for() {
    let mut world = world(2);
    for _ in 0..3 {
        world.pass(1);
        world.grant(node(1));
    }
    assert_eq!(world.history.open_slots(), []);
    let expected = broken("lease", "its campaign has the attempts it asked for");
    assert_eq!(refuse_lease(&mut world, |l| l.number = 3), expected);
}

#[test]
fn forfeits_are_made_good_up_to_the_most_leases_and_all_count() {
    let terms = Terms {
        attempts: 1,
        max_leases: 2,
        ..Terms::default()
    };
    let mut world = World::new(1, terms);
    for number in 0..2 {
        assert_eq!(world.history.open_slots()[0].number, number);
        let id = world.grant(node(1));
        assert_eq!(world.history.open_slots(), []);
        world.pass(1);
        world.must(&forfeit(&world, id, given_up(), &member(1).node));
    }
    assert_eq!(world.history.open_slots(), []);
    assert_eq!(world.history.attempts().len(), 2);
    let expected = broken(
        "lease",
        "its campaign grants no more leases for this bundle and agent",
    );
    assert_eq!(refuse_lease(&mut world, |l| l.number = 2), expected);
}

#[test]
fn only_the_leases_holder_claims() {
    let mut world = world(2);
    let id = world.grant(node(1));
    let claim = world.claim(id, valid(TRUTH)).seal;
    let Ok(record @ Record::SealedClaim(_)) = Record::read(&claim) else {
        panic!("a sealed claim");
    };
    for key in [&member(2).node, &member(1).operator, &world.coordinator.clone()] {
        let expected = wrong_signer("sealed-claim", HOLDER);
        assert_eq!(world.refuse(&record.sign(&[key]).unwrap()), expected);
    }
    world.must(&claim);
}

#[test]
fn a_claim_is_for_a_lease_in_the_log() {
    let mut world = world(1);
    let id = world.grant(node(1));
    let claim = world.claim(id, valid(TRUTH)).seal;
    let Ok(Record::SealedClaim(mut record)) = Record::read(&claim) else {
        panic!("a sealed claim");
    };
    record.attempt = AttemptId(Digest::of(b"missing"));
    let expected = format!(
        "the sealed-claim record names {}, which this log does not hold",
        record.attempt
    );
    let claim = Record::SealedClaim(record).sign(&[&member(1).node]).unwrap();
    assert_eq!(world.refuse(&claim), expected);
}

#[test]
fn a_claim_is_sealed_between_lease_and_deadline() {
    let mut world = world(1);
    world.pass(10);
    let id = world.grant(node(1));
    let (at, deadline) = (world.now, world.attempt(id).lease.deadline);
    assert_eq!(deadline.since(at), Duration::from_secs(u64::from(BUDGET + GRACE)));
    let expected = broken("sealed-claim", "it was not sealed between lease and deadline");
    for wrong in [Timestamp(at.0 - 1), Timestamp(deadline.0 + 1)] {
        world.now = wrong;
        let claim = world.claim(id, valid(TRUTH)).seal;
        assert_eq!(world.refuse(&claim), expected);
    }
    world.now = deadline;
    let claim = world.claim(id, valid(TRUTH)).seal;
    world.must(&claim);
}

#[test]
fn an_attempt_is_claimed_once() {
    let mut world = world(1);
    let id = world.grant(node(1));
    world.must(&world.claim(id, valid(TRUTH)).seal);
    world.pass(1);
    let better = world.claim(id, valid(2.0)).seal;
    assert_eq!(world.refuse(&better), broken("sealed-claim", ENDED));
}

#[test]
fn a_forfeited_attempt_is_over() {
    let mut world = world(1);
    let id = world.grant(node(1));
    let own = &member(1).node;
    world.must(&forfeit(&world, id, given_up(), own));
    let claim = world.claim(id, valid(TRUTH)).seal;
    assert_eq!(world.refuse(&claim), broken("sealed-claim", ENDED));
    world.pass(1);
    let again = forfeit(&world, id, given_up(), own);
    assert_eq!(world.refuse(&again), broken("forfeit", ENDED));
    assert_eq!(world.step(id), Step::Wait);
}

#[test]
fn a_claimed_attempt_is_not_forfeited() {
    let mut world = world(1);
    let id = world.grant(node(1));
    world.must(&world.claim(id, valid(TRUTH)).seal);
    let own = forfeit(&world, id, given_up(), &member(1).node);
    assert_eq!(world.refuse(&own), broken("forfeit", ENDED));
    world.pass(1000);
    let late = forfeit(&world, id, ForfeitReason::DeadlinePassed, &world.coordinator);
    assert_eq!(world.refuse(&late), broken("forfeit", ENDED));
}

#[test]
fn the_coordinator_forfeits_only_after_the_deadline() {
    let mut world = world(1);
    let id = world.grant(node(1));
    world.now = world.attempt(id).lease.deadline;
    assert_eq!(world.step(id), Step::Wait);
    let early = forfeit(&world, id, ForfeitReason::DeadlinePassed, &world.coordinator);
    assert_eq!(
        world.refuse(&early),
        broken("forfeit", "the deadline has not passed")
    );
    world.now.0 += 1;
    assert_eq!(world.step(id), Step::Forfeit);
    world.coordinate(id);
    assert_eq!(
        world.attempt(id).phase,
        Phase::Forfeited(ForfeitReason::DeadlinePassed)
    );
}

#[test]
fn who_may_forfeit_depends_on_the_reason() {
    let mut world = world(2);
    let id = world.grant(node(1));
    let coordinator = world.coordinator.clone();
    let failed = ForfeitReason::Failed {
        note: Note::lossy("no files"),
    };
    for reason in [given_up(), failed] {
        for key in [&member(2).node, &coordinator, &stranger()] {
            let wrong = forfeit(&world, id, reason.clone(), key);
            assert_eq!(world.refuse(&wrong), wrong_signer("forfeit", HOLDER));
        }
    }
    world.pass(1000);
    let by_node = forfeit(&world, id, ForfeitReason::DeadlinePassed, &member(1).node);
    assert_eq!(world.refuse(&by_node), wrong_signer("forfeit", "the coordinator"));
}

fn given_up() -> ForfeitReason {
    ForfeitReason::Abandoned {
        note: Note::lossy("paused by its owner"),
    }
}

fn forfeit(
    world: &World,
    attempt: AttemptId,
    reason: ForfeitReason,
    key: &Keypair,
) -> quorate_core::Envelope {
    let record = Forfeit {
        attempt,
        reason,
        at: world.now,
    };
    Record::Forfeit(record).sign(&[key]).unwrap()
}
