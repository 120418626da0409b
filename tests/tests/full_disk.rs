//! A disk that runs full under a coordinator or a node, and has room again later.

use quorate_core::history::Phase;
use quorate_core::wire::{Request, Response};
use quorate_tests::binary::said;
use quorate_tests::wire::Stranger;
use quorate_tests::{Campaign, Ledger, World, until};

/// Room for the databases' ballast and some MiB more.
const DISK_MIB: u32 = 128;

fn campaign() -> Campaign {
    Campaign {
        agents: vec![0.3],
        attempts: 8,
        ..Campaign::default()
    }
}

#[test]
fn a_coordinator_refuses_while_its_disk_is_full_and_then_goes_on() {
    let Some(mut world) = World::on_small_disk(DISK_MIB) else {
        return;
    };
    for _ in 0..3 {
        world.add_node(&[]);
    }
    world.until_enrolled();
    world.publish(&campaign());
    world.until("the campaign is under way", |ledger| {
        (ledger.history.size() > 20).then_some(())
    });
    world.disks[0].fill();
    until("a node is told that its record was not recorded", || {
        let told = |line: &str| line.contains("could not be written") && names_the_disk(line);
        world
            .nodes
            .iter()
            .any(|node| node.log().lines().any(told))
            .then_some(())
    });
    assert!(world.coordinator.is_up(), "a full disk ended the coordinator");
    let refused = world.try_publish(&campaign(), |_| {});
    assert!(
        !refused.status.success() && names_the_disk(&said(&refused)),
        "{}",
        said(&refused)
    );
    let stranger = Stranger::join(&world.address);
    assert!(
        matches!(stranger.ask(&Request::Log { from: 0 }), Response::Page(_)),
        "the log can still be read"
    );
    let kept = world.ledger();

    world.disks[0].free();
    let over = world.until_over();
    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 8);
    assert_eq!(
        over.entries[..kept.entries.len()],
        kept.entries,
        "nothing acknowledged was lost"
    );
    world.assert_acknowledged(&over);
    assert_eq!(world.coordinator.starts(), 1, "it went on by itself");
}

#[test]
fn a_coordinator_killed_on_a_full_disk_comes_back() {
    let Some(mut world) = World::on_small_disk(DISK_MIB) else {
        return;
    };
    for _ in 0..3 {
        world.add_node(&[]);
    }
    world.until_enrolled();
    world.publish(&campaign());
    world.until("the campaign is under way", |ledger| {
        (ledger.history.size() > 20).then_some(())
    });
    world.disks[0].fill();
    world.coordinator.kill();
    world.coordinator.start();
    let stranger = Stranger::join(&world.address);
    assert!(
        matches!(stranger.ask(&Request::Log { from: 0 }), Response::Page(_)),
        "the log can be read"
    );

    world.disks[0].free();
    let over = world.until_over();
    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 8);
    world.assert_acknowledged(&over);
}

#[test]
fn a_node_whose_disk_is_full_costs_only_its_own_attempts() {
    let mut world = World::with_nodes(3);
    if world.add_node_on_small_disk(DISK_MIB).is_none() {
        return;
    }
    world.until_enrolled();
    world.publish(&Campaign {
        agents: vec![0.5],
        grace: 5,
        budget: 3,
        seal: 5,
        reveal: 5,
        ..campaign()
    });
    let me = world.ledger().node("node-4").unwrap();
    world.until("it has an attempt", |ledger| {
        ledger
            .history
            .attempts()
            .values()
            .any(|a| a.lease.node == me)
            .then_some(())
    });
    world.disks[0].fill();
    let over = world.until_over();
    assert_eq!(over.decided(), 8, "the others finished the campaign");
    let taken = over
        .history
        .attempts()
        .values()
        .filter(|a| a.lease.node == me)
        .count();
    assert!(taken <= 3, "it took {taken} leases that it could not keep");
    assert!(world.nodes[3].is_up(), "a full disk ended the node");

    world.disks[0].free();
    let seen = over.history.attempts().len();
    for round in 1_u32.. {
        world.publish(&campaign());
        let over = world.until("the campaign is over", |l| {
            (l.history.attempts().len() > seen && l.is_over()).then(|| l.clone())
        });
        if accepted_again(&over, me, seen) {
            break;
        }
        assert!(round < 4, "it got no attempt to its end since its disk has room");
    }
}

fn names_the_disk(text: &str) -> bool {
    text.contains("is full") || text.contains("No space left on device")
}

/// Whether an attempt of `node` came to a verdict that was leased after the first `seen` attempts.
fn accepted_again(ledger: &Ledger, node: quorate_core::NodeId, seen: usize) -> bool {
    let mut attempts: Vec<_> = ledger.history.attempts().values().collect();
    attempts.sort_by_key(|attempt| attempt.index);
    attempts
        .iter()
        .skip(seen)
        .any(|a| a.lease.node == node && matches!(a.phase, Phase::Decided { .. }))
}
