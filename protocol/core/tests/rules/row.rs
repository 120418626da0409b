//! A row on its own: a few entries show what became of an attempt, and no fewer or others do.

use quorate_core::digest::AttemptId;
use quorate_core::record::{Assignment, ClaimCheck, Correction, Decision, Verdict};
use quorate_core::row::{Caveat, End, Fact, Heard, RowError, check, entries_of};
use quorate_core::text::Note;
use quorate_core::{Digest, Envelope, Record};

use super::{node, world};
use crate::fixtures::{TRUTH, Terms, valid};
use crate::rows::{excerpt, says_what_the_log_says, stand_alone};
use crate::world::World;

/// Three attempts among six members; the id of the middle one.
fn busy() -> (World, AttemptId) {
    let mut world = world(6);
    world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
    let id = world.play(node(2), valid(TRUTH), |_| valid(TRUTH));
    world.play(node(3), valid(TRUTH), |_| valid(TRUTH));
    (world, id)
}

fn verdict_of(world: &World, id: AttemptId) -> Option<Verdict> {
    world.attempt(id).verdict().cloned()
}

/// The same entries, with the one of `kind` made anew by `change` and signed by the coordinator.
fn forged(world: &World, id: AttemptId, change: impl Fn(Record) -> Option<Record>) -> Vec<(u64, Envelope)> {
    let mut entries = excerpt(world, id);
    let mut changed = 0;
    for (_, envelope) in &mut entries {
        if let Some(record) = change(Record::read(envelope).unwrap()) {
            *envelope = world.sign(record);
            changed += 1;
        }
    }
    assert!(changed > 0, "nothing was forged");
    entries
}

/// The rule that `entries` break.
fn broken_rule(entries: &[(u64, Envelope)]) -> String {
    match check(entries) {
        Err(RowError::Rule { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_accepted_row_is_proved_by_its_own_entries_and_says_what_is_proved() {
    let (world, id) = busy();
    let entries = excerpt(&world, id);
    assert_eq!(
        entries.len(),
        15,
        "the first, 3 enrollments, task, campaign, and 9 of its own"
    );
    let row = check(&entries).unwrap();
    says_what_the_log_says(&world, id, &row);
    assert_eq!(row.verdict(), verdict_of(&world, id).as_ref());
    assert!(
        row.verifiers
            .iter()
            .all(|v| matches!(v.heard, Heard::Opened { .. }))
    );
    assert_eq!(
        (row.place.number, row.place.attempts, row.place.max_leases),
        (1, 3, 4)
    );
    let count = entries.len();
    for fact in [
        Fact::Signed { entries: count },
        Fact::Registered,
        Fact::SealedInTime,
        Fact::Drawn { verifiers: 2 },
        Fact::Sealed {
            rescores: 2,
            claim: true,
        },
        Fact::Recomputed,
    ] {
        assert!(row.proved.contains(&fact), "{fact}");
    }
    assert!(
        !row.proved.contains(&Fact::Qualified),
        "the log has no qualification"
    );
}

#[test]
fn what_a_row_cannot_prove_is_always_said() {
    let (world, id) = busy();
    let row = check(&excerpt(&world, id)).unwrap();
    for caveat in [
        Caveat::Score { attempt: id },
        Caveat::Work,
        Caveat::Operators,
        Caveat::Hardware,
        Caveat::Rank,
        Caveat::Others { before: 1 },
        Caveat::Later,
        Caveat::Times,
    ] {
        assert!(row.not_proved.contains(&caveat), "{caveat}");
    }
    assert!(
        row.not_proved[0]
            .to_string()
            .ends_with(&format!("quorate reproduce {id}"))
    );
}

#[test]
fn without_any_one_of_its_entries_a_verdict_is_not_shown() {
    let (world, id) = busy();
    let entries = excerpt(&world, id);
    for missing in 0..entries.len() {
        let mut rest = entries.clone();
        let (index, _) = rest.remove(missing);
        let shown = check(&rest).is_ok_and(|row| row.verdict().is_some());
        assert!(!shown, "entry {index} is not needed");
    }
}

#[test]
fn an_attempt_without_a_result_is_a_row_too() {
    let mut world = world(3);
    let id = world.grant(node(1));
    let open = check(&excerpt(&world, id)).unwrap();
    assert_eq!(open.end, End::Open);
    world.pass(71);
    world.coordinate(id);
    let row = check(&excerpt(&world, id)).unwrap();
    says_what_the_log_says(&world, id, &row);
    assert!(row.proved.contains(&Fact::Forfeited) && !row.proved.contains(&Fact::Recomputed));
    assert!(!row.not_proved.contains(&Caveat::Rank), "nobody was drawn");
}

#[test]
fn a_withdrawn_row_says_so_and_why() {
    let (mut world, id) = busy();
    let verdict = world.log.iter().find(
        |envelope| matches!(Record::read(envelope), Ok(Record::Verdict(verdict)) if verdict.attempt == id),
    );
    let correction = Record::Correction(Correction {
        corrects: verdict.unwrap().id(),
        reason: Note::lossy("the scorer was wrong"),
        at: world.now,
    });
    world.must(&world.sign(correction));
    let row = check(&excerpt(&world, id)).unwrap();
    assert_eq!(row.withdrawn, Some(Note::lossy("the scorer was wrong")));
    assert!(row.proved.contains(&Fact::Withdrawn));
    assert!(row.verdict().is_some(), "the verdict stays");
    assert!(!row.not_proved.contains(&Caveat::Later));
}

#[test]
fn a_verifier_that_was_absent_and_came_back_is_shown_with_both_turns() {
    let mut world = world(3);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let [present, absent] = world.waiting(id)[..] else {
        panic!("two are drawn");
    };
    let first = world.rescore(id, present, valid(TRUTH));
    world.must(&first.seal);
    world.pass(101);
    world.coordinate(id);
    let again = world.members[&absent].clone();
    world.enroll(&again);
    world.coordinate(id);
    assert_eq!(world.waiting(id), [absent]);
    let second = world.seal_all(id, |_| valid(TRUTH));
    for reveal in [&claim.reveal, &first.reveal, &second[0].reveal] {
        world.must(reveal);
    }
    world.coordinate(id);
    let row = check(&excerpt(&world, id)).unwrap();
    says_what_the_log_says(&world, id, &row);
    assert!(row.verdict().is_some());
    let heard: Vec<bool> = row.verifiers.iter().map(|v| v.heard == Heard::Silent).collect();
    assert_eq!(heard, [false, true, false]);
}

#[test]
fn a_row_that_credit_spared_a_rescore_says_that_the_credit_is_not_shown() {
    let mut terms = Terms {
        attempts: 1000,
        max_leases: 1000,
        ..Terms::default()
    };
    terms.verification.audit_percent = Some(5);
    let mut world = World::new(6, terms);
    let spared = loop {
        let executor = node(1 + u8::try_from(world.history.attempts().len() % 6).unwrap());
        let id = world.play(executor, valid(TRUTH), |_| valid(TRUTH));
        if world.proceedings(id).assigned.len() == 1 {
            break id;
        }
        assert!(
            world.history.attempts().len() < 200,
            "credit never spares a rescore"
        );
    };
    stand_alone(&world);
    let row = check(&excerpt(&world, spared)).unwrap();
    assert_eq!(row.quorum, Some(1));
    assert!(row.not_proved.contains(&Caveat::Credit));
}

#[test]
fn an_undecided_row_says_that_more_might_have_been_drawn() {
    let mut world = world(3);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    let sealed = world.seal_all(id, |n| valid(if n == node(2) { TRUTH } else { 1.5 }));
    world.must(&claim.reveal);
    for rescore in &sealed {
        world.must(&rescore.reveal);
    }
    world.pass(200);
    world.coordinate(id);
    let row = check(&excerpt(&world, id)).unwrap();
    says_what_the_log_says(&world, id, &row);
    assert_eq!(row.verdict().unwrap().decision, Decision::Nondeterministic);
    assert!(row.not_proved.contains(&Caveat::Exhausted));
}

#[test]
fn a_coordinator_cannot_state_another_verdict() {
    let (world, id) = busy();
    let entries = forged(&world, id, |record| match record {
        Record::Verdict(verdict) => Some(Record::Verdict(Verdict {
            decision: Decision::Rejected,
            ..verdict
        })),
        _ => None,
    });
    assert!(broken_rule(&entries).ends_with("it is not what the rescores come to"));
    let entries = forged(&world, id, |record| match record {
        Record::Verdict(verdict) => Some(Record::Verdict(Verdict {
            claim: ClaimCheck::Overclaimed,
            ..verdict
        })),
        _ => None,
    });
    assert!(broken_rule(&entries).ends_with("it is not what the rescores come to"));
}

#[test]
fn a_coordinator_cannot_name_a_verifier_twice_or_one_with_a_part_in_the_attempt() {
    let (world, id) = busy();
    let twice = forged(&world, id, |record| match record {
        Record::Assignment(mut assignment) => {
            assignment.verifiers[1] = assignment.verifiers[0];
            Some(Record::Assignment(assignment))
        }
        _ => None,
    });
    assert!(broken_rule(&twice).ends_with("its verifiers are not those the draw gives"));
    let own = forged(&world, id, |record| match record {
        Record::Assignment(assignment) => Some(Record::Assignment(Assignment {
            verifiers: vec![node(2), assignment.verifiers[1]],
            ..assignment
        })),
        _ => None,
    });
    assert!(broken_rule(&own).ends_with("its verifiers are not those the draw gives"));
}

#[test]
fn entries_of_no_attempt_or_two_or_out_of_order_are_no_row() {
    let (world, id) = busy();
    let entries = excerpt(&world, id);
    assert!(matches!(check(&[]), Err(RowError::Beginning)));
    assert!(matches!(check(&entries[1..]), Err(RowError::Beginning)));
    assert!(matches!(check(&entries[..3]), Err(RowError::Attempts(0))));
    let whole: Vec<(u64, Envelope)> = (0..).zip(world.log.iter().cloned()).collect();
    assert!(matches!(check(&whole), Err(RowError::Attempts(3))));
    let mut turned = entries;
    turned.swap(1, 2);
    assert!(matches!(check(&turned), Err(RowError::Rule { .. })));
    let nobody = AttemptId(Digest::of(b"nobody's"));
    assert_eq!(entries_of(&world.history, nobody, &world.log), None);
}
