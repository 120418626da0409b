//! Rows on their own: what the entries of one attempt show without the rest of the log.

use quorate_core::Envelope;
use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::row::{End, Row, check, entries_of};

use crate::world::World;

/// The entries that show what became of an attempt, with their places.
pub(crate) fn excerpt(world: &World, id: AttemptId) -> Vec<(u64, Envelope)> {
    let places = entries_of(&world.history, id, &world.log).expect("the attempt is in the log");
    places
        .into_iter()
        .map(|index| (index, world.log[usize::try_from(index).unwrap()].clone()))
        .collect()
}

/// Every attempt's entries show alone what the whole log says of it.
pub(crate) fn stand_alone(world: &World) {
    for id in world.history.attempts().keys() {
        let row = check(&excerpt(world, *id)).expect("a row of a sound log is proved by its own entries");
        says_what_the_log_says(world, *id, &row);
    }
}

pub(crate) fn says_what_the_log_says(world: &World, id: AttemptId, row: &Row) {
    let attempt = world.attempt(id);
    assert_eq!(row.attempt, id);
    assert_eq!(row.executor.operator, attempt.operator);
    assert_eq!(row.withdrawn, attempt.withdrawn);
    assert_eq!(row.artifact, attempt.proceedings().map(|p| p.claim.artifact));
    let drawn = attempt.proceedings().map_or(0, |p| p.assigned.len());
    assert_eq!(row.verifiers.len(), drawn);
    match (&row.end, &attempt.phase) {
        (End::Open, Phase::Leased | Phase::Verifying(_)) => {}
        (End::Forfeited { reason }, Phase::Forfeited(expected)) => assert_eq!(reason, expected),
        (
            End::Decided { verdict },
            Phase::Decided {
                verdict: expected, ..
            },
        ) => assert_eq!(verdict, expected),
        (end, phase) => panic!("{end:?} is shown, {phase:?} stands in the log"),
    }
}
