//! Announcements: everybody hears the good ones, nobody the bad ones.

use std::sync::Arc;

use quorate_core::NodeId;
use quorate_network::{Event, MAX_ANNOUNCEMENT, PublishError, Role, Validity};

use crate::harness::*;

/// Rejects what begins with `bad`.
fn judge(_: &NodeId, bytes: &[u8]) -> Validity {
    if bytes.starts_with(b"bad") {
        Validity::Reject
    } else {
        Validity::Accept
    }
}

/// Announces as soon as somebody is there to take it.
async fn announce(party: &Party, bytes: &[u8]) {
    eventually("a peer takes announcements", || async {
        match party.handle.announce(bytes.to_vec()).await {
            Ok(()) => Some(()),
            Err(PublishError::NoPeers) => None,
            Err(other) => panic!("{other}"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_reach_everyone() {
    // More than gossipsub's usual mesh of twelve, all round one coordinator.
    const NODES: u8 = 15;
    let mut hub = Party::start(coordinator(1)).await;
    let address = hub.address().await;
    let mut nodes = Vec::new();
    for seed in 2..2 + NODES {
        nodes.push(Party::start(node_of(&address, seed)).await);
    }
    for node in &mut nodes {
        node.connected(hub.id()).await;
    }
    // Everybody's subscription has reached the hub once its own announcement reaches everybody.
    let ready = async {
        for n in 0_u32.. {
            let _ = hub.handle.announce(format!("ready {n}").into_bytes()).await;
            let mut all = true;
            for node in &mut nodes {
                let heard = node.announcement();
                all &= tokio::time::timeout(PATIENCE / 60, heard).await.is_ok();
            }
            if all {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();

    let (author, rest) = nodes.split_first_mut().unwrap();
    announce(author, b"news").await;
    assert_eq!(hub.announcement().await, (author.id(), b"news".to_vec()));
    for node in rest {
        let news = loop {
            let heard = node.announcement().await;
            if !heard.1.starts_with(b"ready") {
                break heard;
            }
        };
        assert_eq!(news, (author.id(), b"news".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_announcements_are_not_passed_on_and_cost_their_sender() {
    let mut strict = coordinator(1);
    strict.announcement_check = Arc::new(judge);
    let mut hub = Party::start(strict).await;
    let address = hub.address().await;
    let mut bad = Party::start(node_of(&address, 2)).await;
    let mut good = Party::start(node_of(&address, 3)).await;
    bad.connected(hub.id()).await;
    good.connected(hub.id()).await;
    announce(&good, b"hello").await;
    assert_eq!(bad.announcement().await.1, b"hello");
    assert_eq!(hub.announcement().await.1, b"hello");

    announce(&bad, b"bad 0").await;
    announce(&bad, b"fine").await;
    assert_eq!(
        hub.announcement().await.1,
        b"fine",
        "the bad one is not delivered"
    );
    assert_eq!(good.announcement().await.1, b"fine", "nor passed on");

    for n in 1..6 {
        announce(&bad, format!("bad {n}").as_bytes()).await;
    }
    let bad_id = bad.id();
    let score = eventually("the score falls", || async {
        let peers = hub.handle.peers().await;
        let peer = peers.iter().find(|peer| peer.id == bad_id)?;
        (peer.score < -150.0).then_some(peer.score)
    })
    .await;
    let peers = hub.handle.peers().await;
    let other = peers.iter().find(|peer| peer.id == good.id()).unwrap();
    assert!(other.score >= 0.0 && score < other.score);

    // By now the hub does not listen to it any more, whatever it says.
    announce(&bad, b"fine again").await;
    announce(&good, b"last").await;
    assert_eq!(hub.announcement().await.1, b"last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chatterbox_is_not_passed_on() {
    let mut hub = coordinator(1);
    hub.limits.announcements.burst = 2;
    hub.limits.announcements.per_second = 0.001;
    let mut hub = Party::start(hub).await;
    let address = hub.address().await;
    let mut loud = Party::start(node_of(&address, 2)).await;
    let mut calm = Party::start(node_of(&address, 3)).await;
    loud.connected(hub.id()).await;
    calm.connected(hub.id()).await;
    for n in 0..20 {
        announce(&loud, format!("loud {n}").as_bytes()).await;
    }
    let ignored = r#"announcements_total{outcome="Ignored"} 18"#;
    eventually("the rest is ignored", || async {
        hub.handle.metrics().contains(ignored).then_some(())
    })
    .await;
    announce(&calm, b"calm").await;
    let mut heard = 0;
    while hub.announcement().await.1 != b"calm" {
        heard += 1;
    }
    assert_eq!(heard, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_out_is_an_error() {
    let lonely = Party::start(config(1, Role::Node)).await.handle;
    assert_eq!(lonely.announce(vec![1]).await, Err(PublishError::NoPeers));
    let size = MAX_ANNOUNCEMENT + 1;
    let limit = MAX_ANNOUNCEMENT;
    assert_eq!(
        lonely.announce(vec![0; size]).await,
        Err(PublishError::TooLarge { size, limit })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_announcement_fits() {
    let mut hub = Party::start(coordinator(1)).await;
    let mut node = Party::start(node_of(&hub.address().await, 2)).await;
    node.connected(hub.id()).await;
    announce(&node, &[7; MAX_ANNOUNCEMENT]).await;
    assert_eq!(hub.announcement().await.1, [7; MAX_ANNOUNCEMENT]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_lags_is_told_what_it_lost() {
    const TOLD: u64 = 1500;
    let mut hub = coordinator(1);
    hub.limits.announcements.burst = 10_000;
    let mut hub = Party::start(hub).await;
    let mut node = Party::start(node_of(&hub.address().await, 2)).await;
    node.connected(hub.id()).await;
    for n in 1..=TOLD {
        announce(&node, &n.to_be_bytes()).await;
        // The queue between two peers is short; this is about the one to the application.
        if n % 100 == 0 {
            let accepted = format!(r#"announcements_total{{outcome="Accepted"}} {n}"#);
            eventually("they arrive", || async {
                hub.handle.metrics().contains(&accepted).then_some(())
            })
            .await;
        }
    }
    let mut heard = 0;
    while let Ok(event) = hub.events.try_recv() {
        heard += u64::from(matches!(event, Event::Announcement { .. }));
    }
    announce(&node, b"after").await;
    let lost = hub.wait("count", |event| match event {
        Event::Lagged(lost) => Some(lost),
        Event::Announcement { .. } => panic!("the count comes first"),
        _ => None,
    });
    assert_eq!(lost.await + heard, TOLD);
    assert_eq!(hub.announcement().await.1, b"after");
}
