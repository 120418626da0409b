//! Nodes that nobody can dial.

use futures::{AsyncReadExt, AsyncWriteExt};
use quorate_core::Digest;
use quorate_network::{Config, Event, Via};

use crate::harness::*;

/// A node that listens nowhere but through the coordinator.
async fn hidden(hub: &quorate_network::Multiaddr, seed: u8) -> Party {
    let mut config = node_of(hub, seed);
    config.listen.clear();
    reserved(config).await
}

/// A node that has its place on the relay.
async fn reserved(config: Config) -> Party {
    let mut party = Party::start(config).await;
    party
        .wait("reservation", |event| match event {
            Event::Listening(address) if address.to_string().contains("p2p-circuit") => Some(()),
            _ => None,
        })
        .await;
    party
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_cannot_be_dialled_talk_through_the_coordinator() {
    let hub = Party::start(coordinator(1)).await;
    let address = hub.address().await;
    let server = hidden(&address, 2).await;
    let client = hidden(&address, 3).await;
    let id = server.id();
    let mut incoming = server.handle.incoming_streams().await.unwrap();
    let server = server.echo_backwards();

    assert_eq!(client.handle.request(id, b"ab".to_vec()).await.unwrap(), b"ba");
    let peers = client.handle.peers().await;
    let peer = peers.iter().find(|peer| peer.id == id).unwrap();
    assert_eq!(peer.via, Via::Relay);
    let coordinator = peers.iter().find(|peer| peer.id == hub.id()).unwrap();
    assert_eq!(coordinator.via, Via::Tcp);

    // More than libp2p's own default of 128 KiB per circuit.
    let payload = vec![5; 1024 * 1024];
    let digest = Digest::of(&payload);
    let sending = tokio::spawn(async move {
        let (_, mut stream) = incoming.next().await.unwrap();
        stream.write_all(&payload).await.unwrap();
        stream.close().await.unwrap();
    });
    let mut stream = client.handle.open_stream(id).await.unwrap();
    stream.flush().await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(Digest::of(&received), digest);
    sending.await.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_provider_is_found_and_reached_over_quic() {
    let mut hub = coordinator(1);
    hub.listen = vec![QUIC.parse().unwrap()];
    let hub = Party::start(hub).await;
    let address = hub.address().await;
    let provider = hidden(&address, 2).await;
    let seeker = hidden(&address, 3).await;
    let (digest, id) = (Digest::of(b"artifact"), provider.id());
    provider.handle.provide(digest).await.unwrap();
    let found = eventually("the provider is found", || async {
        seeker.handle.providers(digest).await.unwrap().pop()
    })
    .await;
    assert_eq!(found, id);
    let _provider = provider.echo_backwards();
    assert_eq!(seeker.handle.request(id, b"xyz".to_vec()).await.unwrap(), b"zyx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_connection_is_replaced_by_a_direct_one_where_there_can_be() {
    let hub = Party::start(coordinator(1)).await;
    let address = hub.address().await;
    let server = reserved(node_of(&address, 2)).await;
    let client = reserved(node_of(&address, 3)).await;
    let id = server.id();
    let _server = server.echo_backwards();

    // The client knows no address of the server, so the first way is through the relay; on it they
    // tell each other where they listen.
    assert_eq!(client.handle.request(id, b"ab".to_vec()).await.unwrap(), b"ba");
    eventually("one connection is left, a direct one", || async {
        let peers = client.handle.peers().await;
        let peer = peers.iter().find(|peer| peer.id == id)?;
        (peer.via == Via::Tcp && peer.addresses.len() == 1).then_some(())
    })
    .await;
    assert_eq!(client.handle.request(id, b"cd".to_vec()).await.unwrap(), b"dc");
}
