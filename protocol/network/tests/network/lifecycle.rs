//! Starting, staying connected, keeping out, stopping.

use std::time::Duration;

use quorate_network::{DialError, Error, Event, Role, Stopped, start};
use tokio::runtime::Handle as Runtime;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_an_error_that_names_the_address() {
    for listen in [TCP, QUIC] {
        let mut first = coordinator(1);
        first.listen = vec![listen.parse().unwrap()];
        let first = Party::start(first).await;
        let taken = bare(first.address().await);
        let mut second = coordinator(2);
        second.listen = vec![taken.clone()];
        let error = start(second).await.unwrap_err();
        assert!(
            matches!(&error, Error::PortInUse { address } if *address == taken),
            "{error:?}"
        );
        assert!(error.to_string().contains(&taken.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_no_use_is_an_error_that_names_it() {
    let mut config = coordinator(1);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0/ws".parse().unwrap()];
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");

    let mut config = coordinator(1);
    // A reserved address, which no machine has.
    config.listen = vec!["/ip4/240.0.0.1/tcp/0".parse().unwrap()];
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_at_the_address_is_refused_by_name() {
    let server = Party::start(coordinator(1)).await;
    let (expected, found) = (key(9).node_id(), server.id());
    let claimed = format!("{}/p2p/{expected}", bare(server.address().await));
    let address: quorate_network::Multiaddr = claimed.parse().unwrap();

    let mut client = Party::start(node_of(&address, 2)).await;
    let wrong = DialError::WrongPeerId {
        address: address.clone(),
        expected,
        found,
    };
    assert_eq!(client.handle.dial(address).await, Err(wrong.clone()));
    let text = wrong.to_string();
    assert!(text.contains("the coordinator's key changed"), "{text}");
    assert!(
        text.contains(&expected.to_string()) && text.contains(&found.to_string()),
        "{text}"
    );

    let error = client
        .wait("failure", |event| match event {
            Event::BootstrapFailed { error, .. } => Some(error),
            _ => None,
        })
        .await;
    assert_eq!(error, wrong);
    assert!(client.handle.peers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dialling_nobody_or_oneself_is_a_clear_error() {
    let party = Party::start(config(1, Role::Node)).await;
    let own = party.address().await;
    assert!(matches!(
        party.handle.dial(bare(own)).await,
        Err(DialError::Myself(_))
    ));
    let gone = Party::start(coordinator(2)).await;
    let address = gone.address().await;
    gone.handle.shutdown().await;
    let result = party.handle.dial(address).await;
    assert!(matches!(result, Err(DialError::Unreachable(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_peer_that_restarts_is_found_again() {
    let first = Party::start(coordinator(1)).await;
    // Without a peer id: it is learned.
    let address = bare(first.address().await);
    let mut node = Party::start(node_of(&address, 2)).await;
    node.connected(first.id()).await;

    first.handle.shutdown().await;
    node.disconnected(first.id()).await;
    node.wait("failed attempt", |event| {
        matches!(event, Event::BootstrapFailed { .. }).then_some(())
    })
    .await;

    let mut again = coordinator(1);
    again.listen = vec![address];
    let again = Party::start(again).await;
    node.connected(again.id()).await;
    let again_id = again.id();
    let _again = again.echo_backwards();
    assert_eq!(
        node.handle.request(again_id, b"ab".to_vec()).await.unwrap(),
        b"ba"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_close_and_those_to_bootstrap_peers_stay() {
    let (bootstrap, other) = (Raw::start().await, Raw::start().await);
    let mut hasty = node_of(&bootstrap.address, 2);
    hasty.limits.idle_timeout = Duration::from_millis(200);
    let mut node = Party::start(hasty).await;
    node.connected(bootstrap.node).await;
    node.handle.dial(other.address).await.unwrap();
    // The connection to the bootstrap peer is older: it would close first.
    let closed = node
        .wait("disconnection", |event| match event {
            Event::Disconnected(node) => Some(node),
            _ => None,
        })
        .await;
    assert_eq!(closed, other.node);
    let peers = node.handle.peers().await;
    assert_eq!(
        peers.iter().map(|peer| peer.id).collect::<Vec<_>>(),
        [bootstrap.node]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_are_refused() {
    let mut small = coordinator(1);
    small.limits.connections = 2;
    let mut server = Party::start(small).await;
    let address = server.address().await;
    let mut inside = Vec::new();
    for seed in 2..4 {
        let node = Party::start(node_of(&address, seed)).await;
        server.connected(node.id()).await;
        inside.push(node);
    }
    // A party behind the limit sees its connection close.
    let outside = Party::start(config(9, Role::Node)).await;
    let _ = outside.handle.dial(address).await;
    eventually("the third is out", || async {
        outside.handle.peers().await.is_empty().then_some(())
    })
    .await;
    assert_eq!(server.handle.peers().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_made_above_the_memory_limit() {
    let server = Party::start(coordinator(1)).await;
    let mut full = config(2, Role::Node);
    full.limits.memory = 1;
    let full = Party::start(full).await;
    let outwards = full.handle.dial(server.address().await).await;
    assert!(matches!(outwards, Err(DialError::Limit(_))), "{outwards:?}");
    let inwards = server.handle.dial(full.address().await).await;
    assert!(inwards.is_err(), "{inwards:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_disconnects_keeps_out_and_ends() {
    let mut server = Party::start(coordinator(1)).await;
    let mut client = Party::start(config(2, Role::Node)).await;
    let id = client.handle.dial(server.address().await).await.unwrap();
    server.connected(client.id()).await;
    server
        .handle
        .ban(client.id(), Duration::from_millis(1500), "test")
        .await
        .unwrap();
    client.disconnected(id).await;
    let to_client = server.handle.request(client.id(), vec![1]).await;
    assert_eq!(
        to_client.unwrap_err().to_string(),
        format!("{} is banned here", client.id())
    );

    let address = server.address().await;
    eventually("the ban has ended", || async {
        client.handle.dial(address.clone()).await.ok()?;
        (!server.handle.peers().await.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_all_tasks() {
    let before = Runtime::current().metrics().num_alive_tasks();
    let mut server = coordinator(1);
    server.listen.push(QUIC.parse().unwrap());
    let server = Party::start(server).await;
    let addresses = server.handle.addresses().await;
    let mut parties = vec![server];
    for (seed, address) in (2..).zip(&addresses) {
        let mut node = Party::start(node_of(address, seed)).await;
        node.connected(key(1).node_id()).await;
        parties.push(node);
    }
    assert!(Runtime::current().metrics().num_alive_tasks() > before);

    for party in &parties {
        party.handle.shutdown().await;
        party.handle.shutdown().await;
        assert!(party.handle.peers().await.is_empty());
        let digest = quorate_core::Digest::of(b"x");
        assert_eq!(party.handle.providers(digest).await, Err(Stopped));
    }
    drop(parties);
    eventually("no task is left", || async {
        (Runtime::current().metrics().num_alive_tasks() <= before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_ends_the_party() {
    let Party { handle, mut events } = Party::start(coordinator(1)).await;
    drop(handle);
    let ended = async { while events.recv().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}
