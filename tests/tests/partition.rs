//! Hosts on a switch: one is cut off in the middle of its work, and comes back.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use quorate_core::Record;
use quorate_core::history::Phase;
use quorate_core::record::ForfeitReason;
use quorate_tests::{Cables, Campaign, World, until};

#[test]
fn a_node_that_is_cut_off_is_passed_over_and_comes_back() {
    let Some(cables) = Cables::lay(5) else { return };
    let mut world = World::on_hosts(cables);
    for _ in 0..4 {
        world.add_node(&[]);
    }
    world.until_enrolled();
    let campaign = Campaign {
        agents: vec![1.5],
        attempts: 8,
        budget: 4,
        grace: 3,
        seal: 6,
        reveal: 6,
        ..Campaign::default()
    };
    world.publish(&campaign);
    let me = world.ledger().node("node-1").unwrap();
    let attempt = world.until("node-1 has an attempt", |ledger| {
        let mine = ledger
            .history
            .attempts()
            .iter()
            .find(|(_, a)| a.lease.node == me && a.phase == Phase::Leased);
        mine.map(|(id, _)| *id)
    });
    switch(&world).cut(2);
    let cut_at = world.size();
    let over = world.until_over();

    over.assert_each_attempt_ended_once();
    assert_eq!(over.decided(), 8, "the campaign went on without it");
    assert_eq!(
        over.history.attempts()[&attempt].phase,
        Phase::Forfeited(ForfeitReason::DeadlinePassed)
    );
    let passed_over = over
        .records()
        .iter()
        .any(|r| matches!(r, Record::Assignment(a) if a.passed_over.contains(&me)));
    assert!(passed_over, "it was drawn while it was away, and not waited for");
    assert!(
        over.history.nodes()[&me].dormant,
        "and is not drawn again until it is back"
    );
    let heard = |entry: &quorate_core::Envelope| entry.signers().contains(me.key());
    assert!(
        !over.entries[usize::try_from(cut_at).unwrap() + 3..]
            .iter()
            .any(heard),
        "the cable was cut"
    );

    switch(&world).heal(2);
    world.until("it renews its enrollment", |ledger| {
        (!ledger.history.nodes()[&me].dormant).then_some(())
    });
    world.publish(&campaign);
    let seen = over.history.attempts().len();
    let again = world.until("it is over again", |l| {
        (l.history.attempts().len() > seen && l.is_over()).then(|| l.clone())
    });
    again.assert_each_attempt_ended_once();
    let worked = again.entries[over.entries.len()..]
        .iter()
        .filter(|entry| heard(entry))
        .count();
    assert!(worked > 3, "it enrolled again and got no work: {worked} records");
    until("its copy of the log is whole again", || {
        quorate_tests::ledger::size(world.nodes[0].home())
            .ge(&again.history.size())
            .then_some(())
    });
    assert!(world.nodes.iter().all(|node| node.starts() == 1));
}

fn switch(world: &World) -> &Cables {
    world.cables.as_ref().unwrap()
}
