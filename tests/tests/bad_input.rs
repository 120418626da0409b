//! What goes wrong at the edges, and what the binary says of it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::{Duration, SystemTime};

use quorate_core::record::{DeviceClass, Enrollment, Host};
use quorate_core::text::{Note, Timestamp};
use quorate_core::wire::{Request, Response, WorkRequest};
use quorate_core::{Envelope, Keypair, NodeId, Record};
use quorate_tests::binary::{run, said};
use quorate_tests::wire::Stranger;
use quorate_tests::{Ledger, Party, World, until};

#[test]
fn bad_records_are_refused_with_a_reason_and_change_nothing() {
    let world = World::new();
    let stranger = Stranger::join(&world.address);
    let before = world.ledger();
    let (node, operator) = (stranger.key.clone(), Keypair::generate(&mut rand::rng()));
    let enroll = |origin: &str, at: Timestamp, keys: &[&Keypair]| {
        let host = Host {
            device: DeviceClass("cpu".parse().unwrap()),
            processor: Note::lossy("x"),
            fingerprint: Note::lossy("x"),
        };
        let (node, operator, origin) = (node.node_id(), operator.public(), origin.parse().unwrap());
        let record = Enrollment {
            origin,
            node,
            operator,
            name: "stranger".parse().unwrap(),
            host,
            at,
        };
        Record::Enrollment(record).sign(keys).unwrap().bytes().to_vec()
    };
    let origin = before.history.coordinator().origin.as_str().to_owned();
    let good = enroll(&origin, now(), &[&operator, &node]);
    let mut bent = good.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    let unknown = Envelope::sign("application/vnd.quorate.nonsense.v1+json", b"{}", &[&node]).unwrap();
    let malformed = Envelope::sign("application/vnd.quorate.forfeit.v1+json", b"{}", &[&node]).unwrap();
    let coordinators = before.entries[0].bytes().to_vec();
    let hour = Duration::from_secs(3600);
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("nothing", Vec::new(), "record"),
        ("noise", (0..=255).collect(), "record"),
        ("no envelope", b"{\"a\":1}".to_vec(), "record"),
        ("deep", vec![b'['; 10_000], "deep"),
        ("large", vec![b' '; 65_536], "65536"),
        ("cut off", good[..good.len() - 1].to_vec(), "record"),
        ("a flipped bit", bent, "record"),
        ("an unknown kind", unknown.bytes().to_vec(), "nonsense"),
        ("a malformed payload", malformed.bytes().to_vec(), "forfeit"),
        (
            "one signature of two",
            enroll(&origin, now(), &[&node]),
            "signed by",
        ),
        (
            "another log's",
            enroll("elsewhere/log", now(), &[&operator, &node]),
            "another log",
        ),
        (
            "the future's",
            enroll(&origin, now().after(hour), &[&operator, &node]),
            "clock",
        ),
    ];
    for (what, bytes, expected) in cases {
        let reason = stranger.refusal(bytes);
        assert!(reason.contains(expected), "{what}: {reason}");
    }
    let again = stranger.ask(&Request::Submit {
        envelope: coordinators,
    });
    assert_eq!(
        again,
        Response::Appended { index: 0 },
        "what stands in the log is no news and no error"
    );
    let forged = Record::read(&before.entries[0]).unwrap().sign(&[&node]).unwrap();
    let reason = stranger.refusal(forged.bytes().to_vec());
    assert!(reason.contains("coordinator's to write"), "{reason}");
    for bytes in [vec![], vec![255; 40], vec![0; 3]] {
        assert!(matches!(stranger.ask_bytes(bytes), Response::Refused { reason } if !reason.is_empty()));
    }
    let work = stranger.ask(&Request::Work(WorkRequest { gpu: false }));
    assert!(
        matches!(&work, Response::Refused { reason } if reason.contains("not enrolled")),
        "{work:?}"
    );
    assert_eq!(world.ledger().entries, before.entries, "nothing was recorded");

    assert_eq!(
        stranger.ask(&Request::Submit { envelope: good }),
        Response::Appended { index: 1 }
    );
}

#[test]
fn a_taken_port_is_named() {
    let world = World::new();
    let (place, _) = world.address.split_once("/p2p/").unwrap();
    let output = run(
        &world.root().join("other"),
        &["coordinator", "run", "--listen", place],
    );
    assert_eq!(output.status.code(), Some(1));
    let port = place.rsplit('/').next().unwrap();
    assert!(said(&output).contains(port), "{}", said(&output));
}

#[test]
fn a_home_serves_one_process() {
    let mut world = World::new();
    world.add_node(&[]);
    for (home, words) in [
        (world.coordinator.home(), "coordinator"),
        (world.nodes[0].home(), "node"),
    ] {
        let output = run(home, &[words, "run", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        refused(
            &output,
            &["in use by another quorate process", &home.to_string_lossy()],
        );
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let world = World::new();
    let home = world.root().join("open");
    assert!(run(&home, &["init"]).status.success());
    let key = home.join("keys/node.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(
        &home,
        &[
            "node",
            "run",
            "--backend",
            "embedded",
            "--coordinator",
            &world.address,
        ],
    );
    refused(&output, &["chmod 600", &key.to_string_lossy()]);
}

#[test]
fn a_coordinator_that_is_away_is_waited_for() {
    let mut world = World::new();
    world.coordinator.kill();
    let mut node = world.new_node(&[]);
    node.start();
    until("the node says that nobody is there", || {
        node.log()
            .contains("no coordinator there; trying again")
            .then_some(())
    });
    let output = run(
        &world.root().join("reader"),
        &["ledger", "sync", "--coordinator", &world.address],
    );
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains(&world.address), "{}", said(&output));

    world.coordinator.start();
    world.nodes.push(node);
    world.until_enrolled();
    assert_eq!(world.nodes[0].starts(), 1);
}

#[test]
fn another_key_at_the_coordinators_address_is_no_coordinator() {
    let mut world = World::with_nodes(1);
    let (place, expected) = world.address.split_once("/p2p/").unwrap();
    world.coordinator.kill();
    let mut usurper = Party::new(
        world.root(),
        "usurper",
        &["coordinator", "run", "--listen", place],
    );
    let up = usurper.start();
    let found = up["listening"][0]
        .as_str()
        .unwrap()
        .rsplit_once("/p2p/")
        .unwrap()
        .1
        .to_owned();
    let names_both =
        |text: &str| text.contains("key changed") && text.contains(expected) && text.contains(&found);
    until("the node names both keys", || {
        names_both(&world.nodes[0].log()).then_some(())
    });
    let output = run(
        &world.root().join("reader"),
        &["ledger", "sync", "--coordinator", &world.address],
    );
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(names_both(&said(&output)), "{}", said(&output));
    let other = Ledger::read(usurper.home()).unwrap();
    assert!(
        other.history.nodes().is_empty(),
        "the node enrolled with a stranger"
    );

    usurper.stop();
    world.coordinator.start();
    let node: NodeId = world.ledger().node("node-1").unwrap();
    world.publish(&quorate_tests::Campaign::default());
    world.until("the node is back at work", |ledger| {
        ledger
            .history
            .attempts()
            .values()
            .any(|attempt| attempt.lease.node == node)
            .then_some(())
    });
}

fn refused(output: &Output, expected: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    for words in expected {
        assert!(said(output).contains(words), "{}", said(output));
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}
