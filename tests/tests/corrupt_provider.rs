//! Providers that offer an artifact and serve something else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use rand::Rng as _;

use quorate_core::NodeId;
use quorate_core::digest::ArtifactId;
use quorate_tests::dishonest::Manner;
use quorate_tests::wire::Stranger;
use quorate_tests::{Campaign, World, until};

/// Enough for a fetch in several pieces, so that every provider is asked for some.
const LARGE: usize = 40 << 20;

#[test]
fn false_bytes_come_from_a_named_and_banned_provider_and_the_rest_from_an_honest_one() {
    let (world, liar) = beside(Manner::Corrupt(3_000_000));
    let faults = faults(&world, liar);
    assert!(!faults.is_empty(), "nobody named it");
    for (log, fault) in faults {
        assert!(fault.contains("are false from offset"), "{fault}");
        assert!(
            log.lines()
                .any(|line| line.contains("banned") && line.contains(&liar.to_string())),
            "it was not banned by the node that named it"
        );
    }
}

#[test]
fn a_provider_that_breaks_off_is_named_and_not_banned() {
    let (world, liar) = beside(Manner::Truncate(3_000_000));
    let faults = faults(&world, liar);
    assert!(!faults.is_empty(), "nobody named it");
    for (log, fault) in faults {
        assert!(fault.contains("broke off"), "{fault}");
        assert!(
            !log.lines()
                .any(|line| line.contains("banned") && line.contains(&liar.to_string())),
            "it was banned"
        );
    }
}

/// What the nodes say of the liar, each with its whole log. Which nodes ask it for a piece is left to
/// how quick the providers are; three nodes that want 40 MiB each do not all pass it by.
fn faults(world: &World, liar: NodeId) -> Vec<(String, String)> {
    let logs = world.nodes.iter().map(|node| node.log());
    logs.filter_map(|log| {
        let named = |line: &&str| line.contains("a provider failed") && line.contains(&liar.to_string());
        let line = log.lines().find(named)?.to_owned();
        Some((log, line))
    })
    .collect()
}

/// A campaign whose bundle is offered by the coordinator and, in `manner`, by a liar. It ends well.
fn beside(manner: Manner) -> (World, NodeId) {
    let mut world = World::new();
    let published = world.try_publish(
        &Campaign {
            attempts: 3,
            ..Campaign::default()
        },
        |folder| {
            let mut bytes = vec![0; LARGE];
            rand::rng().fill_bytes(&mut bytes);
            std::fs::write(folder.join("count/scorer/large"), bytes).unwrap();
        },
    );
    assert!(published.status.success());
    let bundle = *world.ledger().history.bundles().keys().next().unwrap();
    let liar = Stranger::join(&world.address);
    let coordinator: NodeId = world.address.rsplit_once("/p2p/").unwrap().1.parse().unwrap();
    liar.provide_falsely(
        &world.root().join("liar"),
        ArtifactId(bundle.0),
        coordinator,
        manner,
    );
    until("the coordinator knows the provider", || {
        let asked = liar.runtime.block_on(liar.network.providers(bundle.0)).unwrap();
        asked.contains(&liar.key.node_id()).then_some(())
    });
    for _ in 0..3 {
        world.add_node(&[]);
    }
    let over = world.until_over();
    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 3);
    (world, liar.key.node_id())
}
