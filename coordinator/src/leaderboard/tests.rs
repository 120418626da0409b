//! The leaderboard of small, hand-made logs.

mod forms;
mod pages;
mod world;

use quorate_core::credit::Standing;
use quorate_core::record::{ClaimCheck, ForfeitReason};
use quorate_core::task::Tier;
use quorate_core::text::Note;
use quorate_core::{Envelope, Record};
use serde_json::Value;

use self::world::{Act, World, invalid, score};
use super::*;

fn page(board: &Leaderboard, path: &str) -> String {
    let (_, bytes) = render(path, board).unwrap_or_else(|| panic!("no page `{path}`"));
    String::from_utf8(bytes).unwrap()
}

/// Attempts of one agent that end in every way.
fn every_end() -> World {
    let mut world = World::with(7, &["kernel"], &["search"]);
    world.honest(0, "search", 0, 0.8);
    world.honest(0, "search", 1, -0.5);
    let overclaimed = world.lease(0, "search", 0);
    world.finish(overclaimed, Some(score(1.5)), |_| Act::Score(score(0.4)));
    let rejected = world.lease(0, "search", 0);
    world.finish(rejected, Some(score(1.0)), |_| {
        Act::Score(invalid("wrong output"))
    });
    let late = world.lease(0, "search", 0);
    world.forfeit(late, ForfeitReason::DeadlinePassed);
    let failed = world.lease(0, "search", 0);
    let note = Note::lossy("exit status 1");
    world.forfeit(failed, ForfeitReason::Failed { note });
    let torn = world.lease(0, "search", 0);
    let honest = world.nodes.clone();
    world.finish(torn, Some(score(0.5)), |node| {
        let place = honest.iter().position(|n| *n == node).unwrap_or(0);
        Act::Score(score(place as f64))
    });
    let withdrawn = world.honest(0, "search", 0, 0.9);
    world.withdraw(withdrawn, "the scorer had a fault");
    world.lease(0, "search", 0);
    world
}

#[test]
fn tasks_that_nobody_qualified_count_nowhere_and_are_shown() {
    let mut world = World::new("log.example");
    for n in 0..7 {
        world.enroll(n, "Imaginary processor");
    }
    world.publish("kernel", Tier::Smoke);
    world.ask(&["search"]);
    world.honest(0, "search", 0, 0.8);
    let board = compute(&world.history);
    assert_eq!((board.rows.len(), board.overall.len()), (0, 0));
    let [row] = &board.unqualified[..] else {
        panic!("one row: {:?}", board.unqualified)
    };
    assert_eq!(row.counts.accepted, 1);
    assert!(page(&board, "index.html").contains("not qualified"));
    assert!(page(&board, "attempts.html").contains("search"));
    assert!(text(&board).contains("Not qualified") && text(&board).contains("search"));
    world.qualify();
    let board = compute(&world.history);
    assert_eq!(
        (board.rows.len(), board.overall.len(), board.unqualified.len()),
        (1, 1, 0)
    );
}

#[test]
fn every_attempt_is_counted_once_and_only_ends_count_in_score_at_k() {
    let world = every_end();
    let board = compute(&world.history);
    let [row] = &board.rows[..] else {
        panic!("one row: {:?}", board.rows)
    };
    let expected = Counts {
        attempts: 9,
        counted: 6,
        accepted: 3,
        rejected: 1,
        failed: 2,
        deadline_passed: 1,
        no_artifact: 1,
        abandoned: 0,
        undecided: 1,
        pending: 1,
        withdrawn: 1,
        overclaims: 2,
    };
    assert_eq!(row.counts, expected);
    let sizes: Vec<usize> = row.curve.iter().map(|point| point.k).collect();
    assert_eq!(sizes, [1, 2, 4, 6]);
    // Counted: 0.8, 0.4, and zero for below start, rejected and twice forfeited.
    assert!((row.curve[0].score_at_k - 0.2).abs() < 1e-9);
    assert!((row.curve[3].score_at_k - 0.8).abs() < 1e-9);
    for point in &row.curve {
        assert!(
            point.low <= point.score_at_k && point.score_at_k <= point.high,
            "{point:?}"
        );
    }
    let close = |value: Option<f64>, to: f64| assert!((value.unwrap() - to).abs() < 1e-9, "{value:?}");
    close(row.mean, 0.4);
    close(row.best, 0.8);
    close(row.median_raw, 4.0);
}

#[test]
fn the_same_log_gives_the_same_leaderboard() {
    let world = every_end();
    let bytes: Vec<&[u8]> = world.log.iter().map(Envelope::bytes).collect();
    let replayed = History::replay(bytes).unwrap().unwrap();
    assert_eq!(compute(&world.history), compute(&replayed));
}

#[test]
fn attempts_tell_claims_and_rescores() {
    let world = every_end();
    let board = compute(&world.history);
    let overclaimed = &board.attempts[2];
    assert_eq!(overclaimed.claim, Some(ClaimCheck::Overclaimed));
    assert_eq!(
        (overclaimed.claimed, overclaimed.claimed_normalized),
        (Some(15.0), Some(1.5))
    );
    assert_eq!(
        (overclaimed.score, overclaimed.normalized),
        (Some(4.0), Some(0.4))
    );
    assert!(overclaimed.rescores.iter().all(|r| r.outcome == Answer::Agreeing));
    let below = &board.attempts[1];
    assert_eq!((below.normalized, below.shown()), (Some(-0.5), Some(0.0)));
    let rejected = &board.attempts[3];
    assert_eq!((rejected.status, rejected.score), (Status::Rejected, None));
    assert_eq!(
        rejected.rescores[0].invalid.as_ref().unwrap().as_str(),
        "wrong output"
    );
    let torn = &board.attempts[6];
    assert_eq!((torn.status, torn.counted()), (Status::Nondeterministic, None));
    assert!(torn.rescores.iter().all(|r| r.outcome == Answer::Unsettled));
}

#[test]
fn faults_come_with_the_records_that_show_them() {
    let mut world = World::with(7, &["kernel"], &["search"]);
    let (liar, absent, sealer) = (world.nodes[1], world.nodes[2], world.nodes[3]);
    for _ in 0..12 {
        let id = world.lease(0, "search", 0);
        world.finish(id, Some(score(0.5)), |node| match node {
            node if node == liar => Act::Score(score(0.9)),
            node if node == absent => Act::Silent,
            node if node == sealer => Act::SealOnly,
            _ => Act::Score(score(0.5)),
        });
    }
    let quiet = world.lease(0, "search", 0);
    world.finish(quiet, None, |_| Act::Score(score(0.5)));
    let mut board = compute(&world.history);
    board.trace((0..).zip(&world.log));
    let faults = |node| board.nodes.iter().find(|n| n.node == node).unwrap().faults;
    assert!(faults(liar).outlier > 0);
    assert_eq!(faults(absent).passed_over, 1, "asleep after the first");
    assert!(faults(sealer).unrevealed > 0);
    assert_eq!(
        faults(world.nodes[0]).unrevealed,
        1,
        "a claim that was never opened"
    );
    assert_eq!(faults(world.nodes[4]), Faults::default());
    for caught in &board.caught {
        let places: Vec<u64> = caught
            .evidence
            .iter()
            .map(|record| world.history.position(record).unwrap())
            .collect();
        assert!(
            places.len() >= 2 && places.is_sorted(),
            "{caught:?} at {places:?}"
        );
        let kinds: Vec<&str> = places
            .iter()
            .map(|place| Record::read(&world.log[*place as usize]).unwrap().kind())
            .collect();
        let expected = match caught.what {
            Fault::Outlier | Fault::Overclaim => "verdict",
            Fault::PassedOver => "assignment",
            Fault::Unrevealed if caught.node == world.nodes[0] => "verdict",
            Fault::Unrevealed => "assignment",
        };
        assert_eq!(kinds.last(), Some(&expected), "{caught:?}");
        let by_draw = caught.what == Fault::PassedOver || caught.node == sealer;
        if by_draw {
            assert!(passes_over(&world, *places.last().unwrap(), caught.node));
        }
        if caught.node == sealer {
            assert_eq!(kinds, ["assignment", "sealed-rescore", "assignment"]);
        }
    }
    let standing = |node| board.nodes.iter().find(|n| n.node == node).unwrap().standing;
    assert_eq!(standing(liar), Standing::Probation);
    assert_eq!(standing(world.nodes[4]), Standing::Ordinary);
    let bias = |node| board.nodes.iter().find(|n| n.node == node).unwrap().bias.unwrap();
    assert!(bias(liar).mean > 0.2 && bias(liar).mean > bias(world.nodes[4]).mean);
    assert!(
        !bias(liar).marked,
        "one shared attempt shows no spread: {:?}",
        bias(liar)
    );
}

fn passes_over(world: &World, place: u64, node: quorate_core::NodeId) -> bool {
    match Record::read(&world.log[place as usize]).unwrap() {
        Record::Assignment(record) => record.passed_over.contains(&node),
        _ => false,
    }
}

#[test]
fn a_withdrawn_verdict_accuses_nobody() {
    let mut world = World::with(4, &["kernel"], &["search"]);
    let id = world.lease(0, "search", 0);
    world.finish(id, Some(score(2.0)), |_| Act::Score(score(0.5)));
    assert_eq!(compute(&world.history).caught.len(), 1);
    world.withdraw(id, "the scorer had a fault");
    let board = compute(&world.history);
    assert_eq!(board.caught, []);
    assert_eq!(board.rows[0].counts.overclaims, 0);
    assert_eq!(board.nodes.iter().filter(|n| n.bias.is_some()).count(), 0);
}

#[test]
fn an_overall_score_needs_every_environment() {
    let mut world = World::with(5, &["kernel", "scaling"], &["search", "start"]);
    world.honest(0, "search", 0, 0.8);
    world.honest(0, "search", 0, 0.6);
    world.honest(1, "search", 0, 0.2);
    world.honest(0, "start", 0, 1.0);
    let board = compute(&world.history);
    let names: Vec<&str> = board.overall.iter().map(|row| row.agent.as_str()).collect();
    assert_eq!(names, ["search", "start"], "who has no mean comes last");
    let [point] = &board.overall[0].curve[..] else {
        panic!("only k = 1")
    };
    assert_eq!(point.k, 1);
    assert!((point.score_at_k - 0.45).abs() < 1e-9);
    assert!(board.overall[1].curve.is_empty());
    assert_eq!(board.overall[1].missing[0].as_str(), "scaling");
}

#[test]
fn the_trail_holds_every_record_of_the_attempt() {
    let world = every_end();
    let mut board = compute(&world.history);
    board.trace((0..).zip(&world.log));
    let kinds = |n: usize| {
        board.attempts[n]
            .trail
            .iter()
            .map(|step| step.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(0),
        [
            "lease",
            "sealed-claim",
            "assignment",
            "sealed-rescore",
            "sealed-rescore",
            "reveal",
            "reveal",
            "reveal",
            "verdict",
        ]
    );
    assert_eq!(kinds(4), ["lease", "forfeit"]);
    assert_eq!(kinds(7).last(), Some(&"correction"));
    for attempt in &board.attempts {
        for step in &attempt.trail {
            assert_eq!(world.log[step.index as usize].id(), step.record);
        }
        assert!(attempt.trail.is_sorted_by(|a, b| a.index < b.index));
    }
}

#[test]
fn json_has_the_promised_fields() {
    let mut world = every_end();
    let id = world.lease(0, "search", 0);
    world.finish(id, Some(score(3.0)), |_| Act::Score(score(0.5)));
    let json: Value = serde_json::from_str(&page(&compute(&world.history), "leaderboard.json")).unwrap();
    let has = |element: &Value, fields: &[&str]| {
        for field in fields {
            assert!(element.get(field).is_some(), "`{field}` in {element}");
        }
    };
    let rows = json["leaderboard"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "one for each k");
    let fields = "environment tier agent k score_at_k low high attempts accepted failed device image";
    has(&rows[0], &fields.split(' ').collect::<Vec<_>>());
    assert_eq!(rows[0]["tier"], "smoke");
    let fields = "id environment tier agent node operator claimed score normalized verdict rescores";
    has(&json["attempts"][0], &fields.split(' ').collect::<Vec<_>>());
    has(
        &json["attempts"][0]["rescores"][0],
        &["node", "operator", "score", "outcome"],
    );
    assert_eq!(json["attempts"][0]["verdict"], "accepted");
    assert_eq!(json["attempts"][0]["rescores"][0]["outcome"], "agreeing");
    assert_eq!(json["attempts"][4]["score"], Value::Null);
    has(&json["caught"][0], &["node", "what", "evidence"]);
    assert_eq!(json["caught"][0]["what"], "overclaim");
}
