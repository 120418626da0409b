//! A lying executor and a lying verifier are named by the ledger; honest nodes are not.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

use quorate_core::record::{ClaimCheck, Decision};
use quorate_tests::binary::{run, said};
use quorate_tests::{Campaign, World};

#[test]
fn lies_about_exact_scores_are_on_record() {
    lies_are_on_record_and_the_honest_are_not_blamed(false);
}

#[test]
fn lies_about_measured_scores_are_on_record() {
    lies_are_on_record_and_the_honest_are_not_blamed(true);
}

fn lies_are_on_record_and_the_honest_are_not_blamed(measured: bool) {
    let mut world = World::new();
    for arguments in [
        &[][..],
        &[],
        &["--test-inflate-claims", "0.8"],
        &["--test-lie-as-verifier", "0.8"],
    ] {
        world.add_node(arguments);
    }
    world.until_enrolled();
    world.publish(&Campaign {
        agents: vec![0.2, 0.2],
        attempts: 4,
        measured,
        ..Campaign::default()
    });
    let over = world.until_over();

    over.assert_each_attempt_ended_once();
    let (cheat, liar) = (over.node("node-3").unwrap(), over.node("node-4").unwrap());
    let (mut overclaims, mut lies) = (0, 0);
    for attempt in over.history.attempts().values() {
        let verdict = attempt.verdict().unwrap();
        let expected = if attempt.lease.node == cheat {
            ClaimCheck::Overclaimed
        } else {
            ClaimCheck::Honest
        };
        assert_eq!(verdict.claim, expected, "{verdict:?}");
        overclaims += usize::from(verdict.claim == ClaimCheck::Overclaimed);
        let Decision::Accepted { score } = verdict.decision else {
            panic!("{verdict:?}")
        };
        let agent = &over.history.campaigns()[&attempt.lease.campaign].terms.agents;
        let agent = agent
            .iter()
            .find(|agent| agent.id == attempt.lease.agent)
            .unwrap();
        let answer = if agent.name.as_str() == "agent-1" {
            0.1
        } else {
            0.2
        };
        assert!(
            (score.normalized.get() - answer).abs() < 1e-9,
            "the truth is published, not the claim"
        );
        assert!(
            verdict.outliers.iter().all(|outlier| *outlier == liar),
            "{verdict:?}"
        );
        assert!(!verdict.agreeing.contains(&liar), "{verdict:?}");
        lies += verdict.outliers.len();
    }
    assert!(overclaims > 0, "the lying executor made no attempt");
    assert!(lies > 0, "the lying verifier was never drawn");

    let page = run(world.coordinator.home(), &["--json", "leaderboard"]);
    assert!(page.status.success(), "{}", said(&page));
    let board: serde_json::Value = serde_json::from_slice(&page.stdout).unwrap();
    let faults = board["caught"].as_array().unwrap();
    let named = |operator: &str, what: &str| {
        faults
            .iter()
            .filter(|fault| fault["operator"] == operator && fault["what"] == what)
            .count()
    };
    assert_eq!(named("node-3", "overclaim"), overclaims, "{board:#}");
    assert_eq!(named("node-4", "outlier"), lies, "{board:#}");
    assert_eq!(faults.len(), overclaims + lies, "nobody else is named: {board:#}");
}
