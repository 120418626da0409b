//! A node is killed at several moments of an attempt and started again.

use std::time::Duration;

use quorate_core::history::Phase;
use quorate_core::record::ForfeitReason;
use quorate_tests::{Campaign, Ledger, Moments, World, traces, until};

const KILLS: usize = 7;

#[test]
fn a_killed_node_gives_up_its_attempt_and_leaves_no_trace() {
    let mut moments = Moments::new("kill_node");
    let mut world = World::with_nodes(3);
    let campaign = Campaign {
        agents: vec![1.0],
        attempts: 6,
        ..Campaign::default()
    };
    let mut campaigns = 0;
    let mut cut_short = Vec::new();
    while cut_short.len() < KILLS {
        let attempt = world.until("node-1 has an attempt", |ledger| {
            let me = ledger.node("node-1")?;
            let mine = ledger
                .history
                .attempts()
                .iter()
                .find(|(_, a)| a.lease.node == me && a.phase == Phase::Leased);
            let over = ledger.is_over() || ledger.history.campaigns().is_empty();
            mine.map(|(id, _)| Some(*id)).or_else(|| over.then_some(None))
        });
        let Some(attempt) = attempt else {
            world.publish(&campaign);
            campaigns += 1;
            continue;
        };
        // From before the first file is fetched until after the claim is sealed.
        moments.pass(Duration::from_millis(1800));
        world.nodes[0].kill();
        world.nodes[0].start();
        let left: Vec<_> = traces::of(world.nodes[0].home());
        let of_this_start = |trace: &String| {
            trace.contains("/run-") || trace.contains("-attempt-") || trace.contains("-scoring-")
        };
        // The node may have begun something new since; what was there before is gone, which shows
        // where it is idle, at the end. A dead attempt's container would still run its agent here.
        assert!(left.iter().all(of_this_start), "{left:?}");
        world.until("the attempt is no longer running", |ledger| {
            (ledger.history.attempts()[&attempt].phase != Phase::Leased).then_some(())
        });
        cut_short.push(attempt);
    }
    let over = world.until_over();

    over.assert_each_attempt_ended_once();
    assert_eq!(
        over.decided(),
        6 * campaigns,
        "every campaign got what it asked for"
    );
    cut_short.dedup();
    let forfeited = |ledger: &Ledger| {
        let phases = cut_short.iter().map(|id| &ledger.history.attempts()[id].phase);
        phases
            .filter(|phase| matches!(phase, Phase::Forfeited(ForfeitReason::Abandoned { .. })))
            .count()
    };
    assert!(
        forfeited(&over) >= 2,
        "only {} kills hit a running attempt",
        forfeited(&over)
    );
    for id in &cut_short {
        match &over.history.attempts()[id].phase {
            Phase::Decided { .. } | Phase::Forfeited(ForfeitReason::Abandoned { .. }) => {}
            other => panic!("attempt {id} ended otherwise: {other:?}"),
        }
    }
    world.assert_acknowledged(&over);
    for node in &world.nodes {
        until(&format!("{} is idle and clean", node.name()), || {
            traces::of(node.home()).is_empty().then_some(())
        });
    }
}
