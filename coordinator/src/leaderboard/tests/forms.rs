//! What must be in every form of the leaderboard: denominators, withdrawn rows, verifiers that lean.

use quorate_core::task::Tier;
use serde_json::Value;

use super::world::{Act, World, score};
use super::{every_end, page};
use crate::leaderboard::*;

#[test]
fn beside_a_liar_the_honest_do_not_look_biased() {
    let mut world = World::with(4, &["kernel"], &["search"]);
    let liar = world.nodes[1];
    for _ in 0..8 {
        let id = world.lease(0, "search", 0);
        world.finish(id, Some(score(0.5)), |node| {
            Act::Score(score(if node == liar { 1.3 } else { 0.5 }))
        });
    }
    let board = compute(&world.history);
    assert!(!board.caught.is_empty());
    for view in &board.nodes {
        let Some(bias) = view.bias else { continue };
        let expected = if view.node == liar { 0.8 } else { 0.0 };
        assert!((bias.mean - expected).abs() < 1e-9, "{}: {bias:?}", view.operator);
        assert!(!bias.marked || view.node == liar);
    }
}

#[test]
fn a_verifier_that_leans_a_little_is_marked_though_no_verdict_blames_it() {
    let mut world = World::with(4, &["kernel"], &["search"]);
    let leaning = world.nodes[1];
    for _ in 0..8 {
        let id = world.lease(0, "search", 0);
        world.finish(id, Some(score(0.5)), |node| {
            Act::Score(score(if node == leaning { 0.55 } else { 0.5 }))
        });
    }
    let board = compute(&world.history);
    assert_eq!(board.caught, [], "it stays within the margin");
    let view = |node| board.nodes.iter().find(|view| view.node == node).unwrap();
    let bias = view(leaning).bias.unwrap();
    assert!(
        bias.shared > 1 && bias.shared == view(leaning).rescores,
        "{bias:?}"
    );
    assert!(
        (bias.mean - 0.05).abs() < 1e-9 && bias.marked && bias.low.unwrap() > 0.0,
        "{bias:?}"
    );
    assert_eq!(view(world.nodes[0]).bias, None, "it never verified");

    let html = page(&board, "nodes.html");
    let shown = format!("{} shared</small>", bias.shared);
    assert!(
        html.contains("+0.050 marked</span>") && html.contains(&shown),
        "{html}"
    );
    let json: Value = serde_json::from_str(&page(&board, "leaderboard.json")).unwrap();
    let nodes = json["nodes"].as_array().unwrap();
    let told = nodes.iter().find(|n| n["node"] == leaning.to_string()).unwrap();
    assert_eq!(told["bias"]["shared"], bias.shared);
    assert_eq!(told["bias"]["marked"], true);
    assert_eq!(told["bias"]["low"].as_f64(), bias.low);
}

#[test]
fn every_form_of_every_row_adds_up_to_what_was_registered() {
    let mut world = every_end();
    world.publish("scaling", Tier::Smoke);
    world.ask(&["search", "start"]);
    world.honest(1, "start", 1, 0.4);
    let board = compute(&world.history);
    assert_eq!((board.rows.len(), board.unqualified.len()), (1, 1));
    let total: usize = board.all_rows().map(|row| row.counts.attempts).sum();
    assert_eq!(total, board.attempts.len());
    let json: Value = serde_json::from_str(&page(&board, "leaderboard.json")).unwrap();
    for table in ["rows", "unqualified", "leaderboard", "overall"] {
        for row in json[table].as_array().unwrap() {
            let count = |field: &str| {
                row[field]
                    .as_u64()
                    .unwrap_or_else(|| panic!("`{field}` in {row}"))
            };
            let ends = [
                "accepted",
                "rejected",
                "failed",
                "undecided",
                "pending",
                "withdrawn",
            ];
            assert_eq!(ends.map(count).iter().sum::<u64>(), count("attempts"), "{row}");
            let failed = ["deadline_passed", "no_artifact", "abandoned"].map(count);
            assert_eq!(failed.iter().sum::<u64>(), count("failed"), "{row}");
            let counted = ["accepted", "rejected", "failed"].map(count);
            assert_eq!(counted.iter().sum::<u64>(), count("counted"), "{row}");
        }
    }
    let told = "9 registered: 3 accepted, 1 rejected, 2 failed, 1 undecided, 1 pending, 1 withdrawn";
    assert!(text(&board).contains(told), "{}", text(&board));
    let html = page(&board, "index.html");
    assert_eq!(
        html.matches("9 registered").count(),
        2,
        "its row and the overall one"
    );
}

#[test]
fn a_withdrawn_row_stays_in_every_form_with_the_reason() {
    const REASON: &str = "the scorer had a fault";
    let board = compute(&every_end().history);
    let [withdrawal] = &board.rows[0].withdrawals[..] else {
        panic!("one: {:?}", board.rows[0].withdrawals)
    };
    assert_eq!(withdrawal.attempt, board.attempts[7].id);
    let (id, begins) = (withdrawal.attempt.to_string(), withdrawal.attempt.short());
    for path in [
        "index.html",
        "attempts.html",
        &format!("attempt/{id}.html"),
        "leaderboard.txt",
    ] {
        let shown = page(&board, path);
        assert!(
            shown.contains(REASON) && shown.contains(&begins),
            "{path}: {shown}"
        );
    }
    let json: Value = serde_json::from_str(&page(&board, "leaderboard.json")).unwrap();
    assert_eq!(json["rows"][0]["withdrawals"][0]["reason"], REASON);
    assert_eq!(json["rows"][0]["withdrawals"][0]["attempt"], id);
    assert_eq!(
        json["attempts"][7]["verdict"], "accepted",
        "what it was is not erased"
    );
}
