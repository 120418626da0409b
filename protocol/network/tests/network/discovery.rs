//! Finding providers through a coordinator.

use quorate_core::{Digest, NodeId};

use crate::harness::*;

async fn find(party: &Party, digest: Digest, provider: NodeId) {
    eventually("the provider is found", || async {
        let found = party.handle.providers(digest).await.unwrap();
        found.contains(&provider).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_found_through_the_coordinator_and_can_be_reached() {
    let hub = Party::start(coordinator(1)).await;
    let address = hub.address().await;
    let mut provider = Party::start(node_of(&address, 2)).await;
    let mut seeker = Party::start(node_of(&address, 3)).await;
    provider.connected(hub.id()).await;
    seeker.connected(hub.id()).await;

    let digest = Digest::of(b"artifact");
    assert_eq!(seeker.handle.providers(digest).await, Ok(vec![]));
    provider.handle.provide(digest).await.unwrap();
    find(&seeker, digest, provider.id()).await;
    find(&hub, digest, provider.id()).await;
    assert_eq!(seeker.handle.providers(Digest::of(b"another")).await, Ok(vec![]));

    // Nobody told the seeker where the provider listens.
    let id = provider.id();
    let _provider = provider.echo_backwards();
    assert_eq!(seeker.handle.request(id, b"ab".to_vec()).await.unwrap(), b"ba");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_provides_too() {
    let hub = Party::start(coordinator(1)).await;
    let mut seeker = Party::start(node_of(&hub.address().await, 2)).await;
    seeker.connected(hub.id()).await;
    let digest = Digest::of(b"bundle");
    hub.handle.provide(digest).await.unwrap();
    find(&seeker, digest, hub.id()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_lost_its_records_gets_them_again() {
    let hub = Party::start(coordinator(1)).await;
    let address = hub.address().await;
    let mut provider = Party::start(node_of(&address, 2)).await;
    let mut seeker = Party::start(node_of(&address, 3)).await;
    provider.connected(hub.id()).await;
    let digest = Digest::of(b"artifact");
    provider.handle.provide(digest).await.unwrap();
    seeker.connected(hub.id()).await;
    find(&seeker, digest, provider.id()).await;

    hub.handle.shutdown().await;
    provider.disconnected(hub.id()).await;
    seeker.disconnected(hub.id()).await;
    let mut again = coordinator(1);
    again.listen = vec![bare(address)];
    let hub = Party::start(again).await;
    seeker.connected(hub.id()).await;
    find(&seeker, digest, provider.id()).await;
}
