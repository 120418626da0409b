//! The coordinator is killed at many moments of a campaign and started again, while the nodes run on.

use std::time::Duration;

use quorate_tests::{Campaign, Ledger, Moments, World, ledger, until};

const KILLS: u32 = 14;

#[test]
fn nothing_acknowledged_is_lost_and_no_attempt_ends_twice() {
    let mut moments = Moments::new("kill_coordinator");
    let mut world = World::with_nodes(3);
    let processes: Vec<_> = world.nodes.iter().map(|node| node.pid()).collect();
    world.publish(&Campaign {
        agents: vec![0.3, 0.6],
        attempts: 7,
        ..Campaign::default()
    });
    let mut killed_during_work = 0;
    for _ in 0..KILLS {
        let (before, growth) = (world.size(), moments.number(1..=7));
        let home = world.coordinator.home().to_owned();
        until("the log grows", || {
            (ledger::size(&home) >= before + growth || is_over(&home)).then_some(())
        });
        moments.pass(Duration::from_millis(60));
        killed_during_work += u32::from(!is_over(&home));
        world.coordinator.kill();
        world.coordinator.start();
    }
    let over = world.until_over();

    assert!(
        killed_during_work >= 12,
        "only {killed_during_work} kills hit the campaign: make it longer"
    );
    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 14, "a dead coordinator costs no node its lease");
    for attempt in over.history.attempts().values() {
        assert_eq!(
            attempt.verdict().map(|verdict| verdict.decision.name()),
            Some("accepted")
        );
    }
    assert!(
        world.assert_acknowledged(&over) >= 14 * 6,
        "claims, seals and reveals were acknowledged"
    );
    let same: Vec<_> = world.nodes.iter().map(|node| node.pid()).collect();
    assert_eq!(processes, same);
    assert!(world.nodes.iter().all(|node| node.starts() == 1));
    for node in &world.nodes {
        let copy = until("the node has all", || {
            Ledger::read(node.home())
                .ok()
                .filter(|l| l.history.size() >= over.history.size())
        });
        assert_eq!(
            copy.entries[..over.entries.len()],
            over.entries,
            "{}'s copy",
            node.name()
        );
    }
}

fn is_over(home: &std::path::Path) -> bool {
    Ledger::read(home).is_ok_and(|ledger| ledger.is_over())
}
