//! Who may enroll, with real processes: a stranger is told why not and what to do, and who did it is in.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::path::Path;

use quorate_core::Record;
use quorate_tests::binary::{run, said};
use quorate_tests::{Campaign, World, until};

/// Runs a command that must succeed; what it printed.
fn must(home: &Path, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_allowlist_tells_a_stranger_why_and_takes_it_once_its_operator_is_admitted() {
    let mut world = World::admitting("allowlist");
    let mut stranger = world.new_node(&[]);
    must(stranger.home(), &["init"]);
    let identity: serde_json::Value =
        serde_json::from_str(&must(stranger.home(), &["--json", "id"])).unwrap();
    let key = identity["operator"].as_str().unwrap().to_owned();
    stranger.start();
    until("the stranger hears why it is refused", || {
        stranger
            .log()
            .contains("admits operators by their keys")
            .then_some(())
    });
    assert!(world.ledger().history.nodes().is_empty());

    let coordinator = world.coordinator.home().to_owned();
    must(&coordinator, &["coordinator", "admit", &key]);
    world.nodes.push(stranger);
    world.until_enrolled();

    let again = run(&coordinator, &["coordinator", "admit", &key]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        said(&again).contains("a key is admitted once"),
        "{}",
        said(&again)
    );
    let invite = run(&coordinator, &["coordinator", "invite"]);
    assert!(
        invite.stdout.is_empty(),
        "no code is printed that the log does not know"
    );
    assert!(
        said(&invite).contains("admits operators by their keys"),
        "{}",
        said(&invite)
    );
}

#[test]
fn an_invitation_works_once_and_those_who_came_by_one_do_the_work() {
    let mut world = World::admitting("invite");
    let coordinator = world.coordinator.home().to_owned();
    let codes = must(&coordinator, &["coordinator", "invite", "--count", "3"]);
    let codes: Vec<&str> = codes.lines().collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert_eq!(world.ledger().history.admissions().unused().count(), 3);
    for code in &codes {
        world.add_node(&["--invitation", code]);
    }
    world.until_enrolled();
    assert_eq!(world.ledger().history.admissions().unused().count(), 0);
    for node in &world.nodes {
        let folder = node.home().join("invitations");
        until("the used invitation is forgotten", || {
            (std::fs::read_dir(&folder).unwrap().count() == 0).then_some(())
        });
    }

    let mut second = world.new_node(&["--invitation", codes[0]]);
    second.start();
    until("the second operator hears why it is refused", || {
        second
            .log()
            .contains("was used before, by another operator")
            .then_some(())
    });
    second.stop();

    world.publish(&Campaign {
        attempts: 1,
        ..Campaign::default()
    });
    let ledger = world.until_over();
    ledger.assert_each_attempt_ended_once();
    assert_eq!((ledger.decided(), ledger.history.nodes().len()), (1, 3));
    let signed_by: Vec<usize> = ledger
        .entries
        .iter()
        .filter(|entry| matches!(Record::read(entry), Ok(Record::Enrollment(_))))
        .map(|entry| entry.signers().len())
        .collect();
    assert_eq!(signed_by, [3, 3, 3], "operator, node and invitation");
}

#[test]
fn a_code_for_another_coordinator_or_none_at_all_is_said_before_anything_starts() {
    let world = World::admitting("invite");
    let elsewhere = tempfile::tempdir().unwrap();
    let address = format!(
        "/ip4/127.0.0.1/tcp/1/p2p/{}",
        "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    );
    let code = must(world.coordinator.home(), &["coordinator", "invite"]);
    for (code, expected) in [
        (code.trim_end(), "pass its address with --coordinator"),
        ("quorate-invitation-1", "copy the whole line"),
    ] {
        let arguments = ["node", "run", "--coordinator", &address, "--invitation", code];
        let output = run(elsewhere.path(), &arguments);
        assert!(!output.status.success());
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn who_may_enroll_holds_for_the_logs_life() {
    let mut world = World::admitting("allowlist");
    world.coordinator.stop();
    let home = world.coordinator.home().to_owned();
    let path = home.join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let opened = text.replace("enrollment = \"allowlist\"", "enrollment = \"open\"");
    assert_ne!(text, opened);
    std::fs::write(&path, opened).unwrap();
    let output = run(&home, &["coordinator", "run", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("cannot be `open`"), "{}", said(&output));
}
