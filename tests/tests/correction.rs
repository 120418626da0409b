//! A row that turns out wrong is withdrawn by an entry, and stays visible with the reason.

use quorate_tests::binary::{run, said};
use quorate_tests::{Campaign, World};

#[test]
fn a_corrected_row_stays_on_the_leaderboard_as_withdrawn_with_the_reason() {
    let mut world = World::with_nodes(3);
    world.publish(&Campaign {
        attempts: 1,
        ..Campaign::default()
    });
    let ledger = world.until_over();
    let attempt = ledger.history.attempts().keys().next().unwrap().to_string();
    let home = world.coordinator.home().to_owned();
    let begins = &attempt[..8];

    let unknown = run(&home, &["coordinator", "correct", "zz", "--reason", "wrong"]);
    assert!(said(&unknown).contains("no attempt here"), "{}", said(&unknown));
    let bare = run(&home, &["coordinator", "correct", begins, "--reason", " "]);
    assert!(said(&bare).contains("without a reason"), "{}", said(&bare));

    let reason = "the scorer counted a line twice";
    let output = run(&home, &["coordinator", "correct", begins, "--reason", reason]);
    assert!(output.status.success(), "{}", said(&output));
    let text = run(&home, &["leaderboard"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(reason) && text.contains(begins), "{text}");
    let json = run(&home, &["--json", "leaderboard"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["attempts"][0]["withdrawn"], reason);
    assert_eq!(
        json["attempts"][0]["verdict"], "accepted",
        "what it was stays there"
    );
    let row = &json["unqualified"][0];
    assert_eq!(
        (row["attempts"].as_u64(), row["withdrawn"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(row["withdrawals"][0]["reason"], reason);
}
