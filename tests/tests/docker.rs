//! A campaign whose containers are Docker's.

use quorate_tests::{Campaign, World, traces, until};

#[test]
fn a_campaign_in_docker_ends_well_and_leaves_nothing() {
    if !traces::has_docker() {
        eprintln!("not run: no Docker Engine answers here");
        return;
    }
    let mut world = World::new();
    for _ in 0..3 {
        world.add_node(&["--backend", "docker"]);
    }
    world.until_enrolled();
    world.publish(&Campaign {
        attempts: 3,
        ..Campaign::default()
    });
    world.until("somebody has an attempt", |ledger| {
        (!ledger.history.attempts().is_empty()).then_some(())
    });
    until("there is a container", || {
        world
            .nodes
            .iter()
            .any(|node| !traces::of(node.home()).is_empty())
            .then_some(())
    });
    world.nodes[0].kill();
    world.nodes[0].start();
    let over = world.until_over();
    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 3);
    for node in &mut world.nodes {
        node.stop();
        assert_eq!(traces::of(node.home()), [""; 0], "of {}", node.name());
    }
}
