//! Nodes as witnesses: an honest coordinator's log gets their cosignatures, a forking one's does not,
//! and leaves proof of its fork at every node.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_core::NodeId;
use quorate_ledger::files::Files;
use quorate_ledger::{Fork, SignedCheckpoint, VerifierKey, WitnessKey};
use quorate_tests::binary::{run, said};
use quorate_tests::{Campaign, World, ledger, until};

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn key(home: &Path) -> VerifierKey {
    let text = fs::read_to_string(ledger::folder(home).unwrap().join("log.key")).unwrap();
    text.trim_end().parse().unwrap()
}

/// The cosigned checkpoint that a home holds, its log's own signature checked.
fn cosigned(home: &Path) -> Option<SignedCheckpoint> {
    Files::open(ledger::folder(home)?.join("files"))
        .cosigned(&key(home))
        .ok()?
}

/// Waits until `home` holds a cosigned checkpoint of `size` entries or more.
fn until_cosigned(home: &Path, size: u64) -> SignedCheckpoint {
    until("the log is cosigned", || {
        cosigned(home).filter(|checkpoint| checkpoint.size() >= size)
    })
}

fn witnesses(world: &World) -> Vec<WitnessKey> {
    let ledger = world.ledger();
    let id = |name: &str| -> NodeId { ledger.node(name).unwrap() };
    world
        .nodes
        .iter()
        .map(|node| WitnessKey::of(id(node.name())))
        .collect()
}

#[test]
fn a_log_that_only_grows_is_cosigned_by_its_nodes() {
    let mut world = World::asking_witnesses(2);
    for _ in 0..3 {
        world.add_node(&[]);
    }
    world.until_enrolled();
    world.publish(&Campaign {
        attempts: 2,
        ..Campaign::default()
    });
    let over = world.until_over();
    let size = over.history.size();
    let witnesses = witnesses(&world);
    let home = world.coordinator.home();
    let checkpoint = until_cosigned(home, size);
    let found = checkpoint.cosignatures(&witnesses, now()).unwrap();
    assert!(found.len() >= 2, "{found:?}");
    until("the third joins them", || {
        let found = cosigned(home)?.cosignatures(&witnesses, now()).ok()?;
        (found.len() == 3).then_some(())
    });
    for node in &world.nodes {
        until_cosigned(node.home(), size);
    }

    let node = world.nodes[0].home();
    let audit = run(node, &["--json", "ledger", "audit"]);
    let audited: serde_json::Value = serde_json::from_slice(&audit.stdout).unwrap();
    let by = &audited["cosigned"];
    assert_eq!(
        (&by["reached"], &by["quorum"]),
        (&true.into(), &2.into()),
        "{audited}"
    );
    assert!(by["operators"].as_array().unwrap().len() >= 2, "{audited}");

    let pinned = found[0].witness.to_string();
    let asked = run(node, &["ledger", "audit", "--witness", &pinned]);
    assert!(asked.status.success(), "{}", said(&asked));
    let stranger = WitnessKey::of(NodeId::new(*key(home).public())).to_string();
    let asked = run(
        node,
        &["ledger", "audit", "--witness", &pinned, "--witness", &stranger],
    );
    assert_eq!(asked.status.code(), Some(3), "{}", said(&asked));
    let export = world.root().join("export");
    let exported = run(node, &["ledger", "export", export.to_str().unwrap()]);
    assert!(exported.status.success(), "{}", said(&exported));
    assert!(export.join("checkpoint.cosigned").exists());
}

/// The one fork proof in a node's home, read and proved.
fn fork_proof(home: &Path) -> Option<Fork> {
    let file = fs::read_dir(home.join("forks")).ok()?.next()?.ok()?;
    // It appears whole, but under a temporary name first.
    let bytes = fs::read(file.path()).ok()?;
    let (fork, _) = Fork::parse(&bytes).ok()?;
    assert!(fork.is_proved(&key(home)));
    Some(fork)
}

#[test]
fn a_coordinator_that_forks_its_log_gets_no_cosignature_and_leaves_proof_with_every_node() {
    let mut world = World::asking_witnesses(2);
    for _ in 0..2 {
        world.add_node(&[]);
    }
    world.until_enrolled();
    let home = world.coordinator.home().to_owned();
    let shared = until_cosigned(&home, 3).size();
    world.coordinator.stop();
    let live = ledger::folder(&home).unwrap();
    let kept = world.root().join("kept");
    copy(&live, &kept);

    // One future: the nodes follow it and cosign it.
    world.coordinator.start();
    let campaign = |attempts| Campaign {
        attempts,
        ..Campaign::default()
    };
    world.publish(&campaign(1));
    let seen = until_cosigned(world.nodes[0].home(), shared + 1).size();
    // One node sleeps meanwhile, the other looks on.
    world.nodes[0].stop();
    world.coordinator.stop();

    // Another one from the same past, longer than what the nodes know.
    fs::remove_dir_all(&live).unwrap();
    copy(&kept, &live);
    world.coordinator.start();
    for attempts in 2..50 {
        if world.size() > seen + 20 {
            break;
        }
        world.publish(&campaign(attempts));
    }
    let longer = world.size();
    assert!(
        longer > seen,
        "the other future is longer: {longer} against {seen}"
    );
    world.nodes[0].start();
    for node in &world.nodes {
        let fork = until("the node has proof of the fork", || fork_proof(node.home()));
        let sizes = [fork.ours.size(), fork.theirs.size()];
        assert!(sizes.iter().all(|size| *size > shared), "{sizes:?}");
        until("it says so", || {
            node.log().contains("is followed no more").then_some(())
        });
    }
    let file = fs::read_dir(world.nodes[1].home().join("forks"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let (nobody, log) = (world.root().join("nobody"), key(&home).to_string());
    let checked = run(&nobody, &["verify", file.path().to_str().unwrap(), "--key", &log]);
    assert!(checked.status.success(), "{}", said(&checked));
    let last = cosigned(&home).unwrap();
    assert_eq!(last.size(), shared, "nobody cosigned the other future");

    // A restart forgets nothing.
    let node = &mut world.nodes[0];
    node.stop();
    let before = node.log().matches("is followed no more").count();
    node.start();
    until("it still does not follow", || {
        (node.log().matches("is followed no more").count() > before).then_some(())
    });
    let synced = run(node.home(), &["ledger", "sync", "--coordinator", &world.address]);
    assert_eq!(synced.status.code(), Some(3), "{}", said(&synced));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
