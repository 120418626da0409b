//! Credit: how it is earned and lost, and what it saves.

use quorate_core::credit::{Account, HALF_LIFE};
use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::record::{Assignment, ClaimCheck, Decision};
use quorate_core::{NodeId, Record};

use super::{broken, node};
use crate::fixtures::{TRUTH, Terms, host, invalid, valid};
use crate::world::World;

const LIE: f64 = 2.0;

/// Six members, and a campaign that spares whoever is trusted, but for `audit_percent` of the attempts.
fn world(audit_percent: Option<u8>) -> World {
    let mut terms = Terms {
        attempts: 1000,
        max_leases: 1000,
        ..Terms::default()
    };
    terms.verification.audit_percent = audit_percent;
    World::new(6, terms)
}

/// The same, after everybody has earned trust.
fn trusting(audit_percent: u8) -> World {
    let mut world = world(Some(audit_percent));
    for round in 0_u8..40 {
        world.play(node(1 + round % 6), valid(TRUTH), |_| valid(TRUTH));
    }
    for n in 1..=6 {
        assert!(account(&world, node(n)).is_trusted(world.now), "node {n}");
    }
    world
}

fn account(world: &World, node: NodeId) -> Account {
    let operator = world.history.nodes()[&node].operator;
    world.history.account(operator, &host().device)
}

fn credit(world: &World, node: NodeId) -> f64 {
    account(world, node).credit(world.now)
}

fn drawn(world: &World, id: AttemptId) -> usize {
    world.proceedings(id).assigned.len()
}

/// Hands in attempts of member 1 until one needs a single rescore; its id, claim and verifier.
fn spared(world: &mut World, claimed: f64) -> (AttemptId, crate::world::Sealed, NodeId) {
    loop {
        let (id, claim) = world.handed_in(node(1), valid(claimed));
        let verifiers = world.waiting(id);
        if let [verifier] = verifiers[..] {
            return (id, claim, verifier);
        }
    }
}

#[test]
fn replicated_work_earns_credit_for_the_executor_and_each_who_agrees() {
    let mut world = world(None);
    let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
    let agreeing = world.verdict(id).agreeing.clone();
    for n in 1..=6 {
        let earned = n == 1 || agreeing.contains(&node(n));
        let expected = if earned { 1.0 } else { 0.0 };
        assert!((credit(&world, node(n)) - expected).abs() < 1e-3, "node {n}");
    }
}

#[test]
fn nobodys_word_saves_a_rescore_where_the_policy_does_not_say_so() {
    let mut world = world(None);
    for round in 0_u8..40 {
        let id = world.play(node(1 + round % 6), valid(TRUTH), |_| valid(TRUTH));
        assert_eq!(drawn(&world, id), 2);
    }
}

#[test]
fn between_trusted_operators_one_rescore_confirms_the_claim_but_for_the_audited() {
    let mut world = trusting(20);
    let mut audited = 0;
    for round in 0_u8..100 {
        let executor = node(1 + round % 6);
        let before = credit(&world, executor);
        let id = world.play(executor, valid(TRUTH), |_| valid(TRUTH));
        assert!(matches!(world.verdict(id).decision, Decision::Accepted { .. }));
        assert_eq!(world.verdict(id).claim, ClaimCheck::Honest);
        assert_eq!(world.verdict(id).agreeing.len(), drawn(&world, id));
        if drawn(&world, id) == 2 {
            audited += 1;
        } else {
            assert!(
                credit(&world, executor) <= before,
                "what nobody replicated earns nothing"
            );
        }
    }
    // 100 at 20 %: 20 expected, standard deviation 4; four of them either way.
    assert!((4..=36).contains(&audited), "{audited}");
    assert!(world.replayed() == world.history);
}

#[test]
fn every_attempt_is_replicated_where_all_are_audited() {
    let mut world = trusting(100);
    for _ in 0..20 {
        let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
        assert_eq!(drawn(&world, id), 2);
    }
}

#[test]
fn a_trusted_executor_that_lies_is_found_out_and_loses_everything() {
    let mut world = trusting(5);
    let (id, claim, verifier) = spared(&mut world, LIE);
    let sealed = world.seal_all(id, |_| valid(TRUTH));
    world.must(&claim.reveal);
    world.must(&sealed[0].reveal);
    world.coordinate(id);
    assert_eq!(
        world.waiting(id).len(),
        1,
        "one rescore does not confirm it: another is drawn"
    );
    let more = world.seal_all(id, |_| valid(TRUTH));
    world.must(&more[0].reveal);
    world.coordinate(id);
    let verdict = world.verdict(id);
    assert_eq!(verdict.claim, ClaimCheck::Overclaimed);
    assert_eq!(verdict.agreeing.len(), 2);
    assert!(
        matches!(verdict.decision, Decision::Accepted { score } if (score.normalized.get() - TRUTH).abs() < 1e-9)
    );
    assert_eq!(
        (credit(&world, node(1)), account(&world, node(1)).faults()),
        (0.0, 1)
    );
    assert!(account(&world, verifier).is_trusted(world.now));
    for _ in 0..20 {
        let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
        assert_eq!(drawn(&world, id), 2, "it has to earn twice as much now");
        if account(&world, node(1)).is_trusted(world.now) {
            return;
        }
    }
    panic!("twenty replicated attempts are enough");
}

#[test]
fn a_trusted_verifier_that_lies_is_found_out_and_loses_everything() {
    let mut world = trusting(5);
    let (id, claim, liar) = spared(&mut world, TRUTH);
    let sealed = world.seal_all(id, |_| valid(LIE));
    world.must(&sealed[0].reveal);
    world.coordinate(id);
    assert!(world.waiting(id).is_empty(), "the claim is waited for");
    world.must(&claim.reveal);
    world.coordinate(id);
    while matches!(world.attempt(id).phase, Phase::Verifying(_)) {
        for sealed in world.seal_all(id, |_| valid(TRUTH)) {
            world.must(&sealed.reveal);
        }
        world.coordinate(id);
    }
    let verdict = world.verdict(id);
    assert_eq!(verdict.outliers, [liar]);
    assert_eq!(verdict.claim, ClaimCheck::Honest);
    assert_eq!((credit(&world, liar), account(&world, liar).faults()), (0.0, 1));
}

#[test]
fn a_claim_that_is_never_opened_confirms_nothing() {
    let mut world = trusting(5);
    let (id, _, _) = spared(&mut world, TRUTH);
    let sealed = world.seal_all(id, |_| valid(TRUTH));
    world.must(&sealed[0].reveal);
    world.pass(1000);
    world.coordinate(id);
    for sealed in world.seal_all(id, |_| valid(TRUTH)) {
        world.must(&sealed.reveal);
    }
    world.pass(1000);
    world.coordinate(id);
    assert_eq!(world.verdict(id).claim, ClaimCheck::Unrevealed);
    assert_eq!(world.verdict(id).agreeing.len(), 2);
    assert_eq!(account(&world, node(1)).faults(), 1);
}

#[test]
fn a_rescore_that_is_never_opened_is_a_fault() {
    let mut world = trusting(5);
    let (id, claim, silent) = spared(&mut world, TRUTH);
    world.seal_all(id, |_| valid(TRUTH));
    world.must(&claim.reveal);
    world.pass(1000);
    world.coordinate(id);
    assert_eq!(account(&world, silent).faults(), 1);
    assert!(!world.waiting(id).is_empty() && !world.waiting(id).contains(&silent));
}

#[test]
fn two_who_find_it_invalid_and_say_so_are_no_liars() {
    let mut world = trusting(5);
    let id = world.play(node(1), invalid(), |_| invalid());
    assert_eq!(world.verdict(id).decision, Decision::Rejected);
    assert_eq!(world.verdict(id).claim, ClaimCheck::Honest);
    assert_eq!(account(&world, node(1)).faults(), 0);
}

#[test]
fn whoever_has_not_made_a_fault_good_is_drawn_only_where_nobody_else_is_left() {
    let mut world = world(None);
    let liar = node(6);
    let mut lied = false;
    while !lied {
        let id = world.play(node(1), valid(TRUTH), |n| {
            valid(if n == liar { LIE } else { TRUTH })
        });
        lied = world.verdict(id).outliers.contains(&liar);
    }
    for round in 0_u8..40 {
        let id = world.play(node(1 + round % 5), valid(TRUTH), |_| valid(TRUTH));
        assert!(world.proceedings(id).assigned.iter().all(|a| a.node != liar));
    }
    for _ in 0..10 {
        assert!(account(&world, liar).is_on_probation(world.now));
        world.play(liar, valid(TRUTH), |_| valid(TRUTH));
    }
    assert!(
        !account(&world, liar).is_on_probation(world.now),
        "its own honest work made it good"
    );
    let drawn_again = (0_u8..40).any(|round| {
        let id = world.play(node(1 + round % 5), valid(TRUTH), |_| valid(TRUTH));
        world.proceedings(id).assigned.iter().any(|a| a.node == liar)
    });
    assert!(drawn_again);
}

#[test]
fn where_nobody_else_is_left_even_they_are_drawn() {
    let mut world = World::new(
        3,
        Terms {
            attempts: 9,
            max_leases: 9,
            ..Terms::default()
        },
    );
    let id = world.play(node(1), valid(LIE), |_| valid(TRUTH));
    assert_eq!(world.verdict(id).claim, ClaimCheck::Overclaimed);
    let id = world.play(node(2), valid(TRUTH), |_| valid(TRUTH));
    assert_eq!(world.proceedings(id).assigned.last().unwrap().node, node(1));
}

#[test]
fn trust_lapses_with_time() {
    let mut world = trusting(5);
    world.pass(3 * HALF_LIFE.as_secs());
    let (id, _) = world.handed_in(node(1), valid(TRUTH));
    assert_eq!(drawn(&world, id), 2);
}

#[test]
fn the_quorum_is_what_policy_and_credit_give() {
    let expected = broken("assignment", "its quorum is not what policy and credit give");
    for (mut world, wrong) in [(world(Some(5)), 1), (world(None), 1), (world(None), 3)] {
        let id = world.grant(node(1));
        world.pass(1);
        let claim = world.claim(id, valid(TRUTH));
        world.must(&claim.seal);
        let record = world.assignment(id, world.plan(id));
        let record = Assignment {
            quorum: wrong,
            ..record
        };
        let forged = world.sign(Record::Assignment(record));
        assert_eq!(world.refuse(&forged), expected);
    }
}

mod excerpts {
    use quorate_core::history::RuleError;
    use quorate_core::{Envelope, History};

    use super::*;

    /// The entries that are about `id` or about all, with their places.
    fn of_attempt(world: &World, id: AttemptId) -> Vec<(u64, Envelope)> {
        let drawn: Vec<NodeId> = world.proceedings(id).assigned.iter().map(|a| a.node).collect();
        let executor = world.attempt(id).lease.node;
        let is_part = |envelope: &Envelope| match Record::read(envelope).unwrap() {
            Record::Lease(_) => envelope.id().0 == id.0,
            Record::Enrollment(r) => r.node == executor || drawn.contains(&r.node),
            Record::SealedClaim(r) => r.attempt == id,
            Record::Assignment(r) => r.attempt == id,
            Record::SealedRescore(r) => r.attempt == id,
            Record::Reveal(r) => r.attempt() == id,
            Record::Verdict(r) => r.attempt == id,
            _ => true,
        };
        let entries = (0_u64..).zip(&world.log);
        entries
            .filter(|(_, e)| is_part(e))
            .map(|(i, e)| (i, e.clone()))
            .collect()
    }

    fn replay(entries: &[(u64, Envelope)]) -> Result<History, RuleError> {
        let mut history = History::excerpt(&entries[0].1)?;
        for (index, envelope) in &entries[1..] {
            history.apply_at(*index, envelope)?;
        }
        Ok(history)
    }

    #[test]
    fn an_excerpt_with_an_attempts_entries_comes_to_its_verdict() {
        let mut world = trusting(20);
        let mut seen = [0, 0];
        while seen.contains(&0) {
            let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
            let history = replay(&of_attempt(&world, id)).unwrap();
            assert_eq!(history.attempts()[&id].verdict(), Some(world.verdict(id)));
            seen[drawn(&world, id) - 1] += 1;
        }
    }

    #[test]
    fn an_excerpt_without_one_of_them_does_not() {
        let mut world = world(None);
        let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
        let entries = of_attempt(&world, id);
        for left_out in 1..entries.len() {
            let mut entries = entries.clone();
            entries.remove(left_out);
            let decided =
                replay(&entries).is_ok_and(|h| h.attempts().get(&id).is_some_and(|a| a.verdict().is_some()));
            assert!(!decided, "without entry {left_out}");
        }
    }

    #[test]
    fn an_excerpts_entries_stand_in_the_order_of_the_log() {
        let mut world = world(None);
        let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
        let mut entries = of_attempt(&world, id);
        entries[3].0 = entries[2].0;
        assert!(matches!(replay(&entries), Err(RuleError::Order { .. })));
        let mut whole = world.history.clone();
        let refused = whole.apply_at(whole.size(), &entries[1].1);
        assert!(matches!(refused, Err(RuleError::Order { .. })));
    }

    #[test]
    fn an_excerpt_knows_who_may_be_drawn_and_how_many() {
        let mut world = world(None);
        let id = world.grant(node(1));
        world.pass(1);
        let claim = world.claim(id, valid(TRUTH));
        world.must(&claim.seal);
        let good = world.assignment(id, world.plan(id));
        let mut twice = good.clone();
        twice.verifiers[1] = twice.verifiers[0];
        let mut own = good.clone();
        own.verifiers[1] = node(1);
        let mut more = good.clone();
        more.verifiers
            .extend((2..=6).map(node).find(|n| !good.verifiers.contains(n)));
        let mut single = good.clone();
        single.quorum = 1;
        let entries: Vec<(u64, Envelope)> = (0_u64..).zip(world.log.clone()).collect();
        for (record, allowed) in [
            (good, true),
            (twice, false),
            (own, false),
            (more, false),
            (single, false),
        ] {
            let mut history = replay(&entries).unwrap();
            let record = world.sign(Record::Assignment(record));
            assert_eq!(history.apply_at(history.size(), &record).is_ok(), allowed);
        }
    }
}
