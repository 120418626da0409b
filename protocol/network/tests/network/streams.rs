//! Bulk streams.

use futures::{AsyncReadExt, AsyncWriteExt};
use quorate_core::Digest;
use quorate_network::{Role, StreamError};

use crate::harness::*;

const SIZE: usize = 8 * 1024 * 1024;

async fn carries_bytes_over(listen: &str) {
    let mut server = coordinator(1);
    server.listen = vec![listen.parse().unwrap()];
    let server = Party::start(server).await;
    let client = Party::start(config(2, Role::Node)).await;
    let id = client.handle.dial(server.address().await).await.unwrap();
    let mut incoming = server.handle.incoming_streams().await.unwrap();

    let payload: Vec<u8> = (0..SIZE).map(|n| (n % 251) as u8).collect();
    let digest = Digest::of(&payload);
    let serving = tokio::spawn(async move {
        let (from, mut stream) = incoming.next().await.unwrap();
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(&payload).await.unwrap();
        stream.close().await.unwrap();
        (from, asked)
    });
    let mut stream = client.handle.open_stream(id).await.unwrap();
    stream.write_all(b"give").await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(Digest::of(&received), digest);
    assert_eq!(serving.await.unwrap(), (client.id(), *b"give"));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_carry_bytes_over_tcp() {
    carries_bytes_over(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_carry_bytes_over_quic() {
    carries_bytes_over(QUIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_taker_and_without_one_streams_are_reset() {
    let server = Party::start(coordinator(1)).await;
    let client = Party::start(config(2, Role::Node)).await.handle;
    let id = client.dial(server.address().await).await.unwrap();
    let mut stream = client.open_stream(id).await.unwrap();
    assert!(is_reset(&mut stream).await);

    let taker = server.handle.incoming_streams().await.unwrap();
    let second = server.handle.incoming_streams().await;
    assert_eq!(second.unwrap_err(), StreamError::Taken);
    drop(taker);
    assert!(server.handle.incoming_streams().await.is_ok());
}

/// Whether the far end drops the stream without a byte.
async fn is_reset(stream: &mut quorate_network::BulkStream) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut byte))
        .await
        .unwrap();
    matches!(read, Ok(0) | Err(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_holds_so_many_streams_and_no_more() {
    let mut narrow = coordinator(1);
    narrow.limits.bulk_streams_per_peer = 2;
    let server = Party::start(narrow).await;
    let client = Party::start(config(2, Role::Node)).await.handle;
    let id = client.dial(server.address().await).await.unwrap();
    let mut incoming = server.handle.incoming_streams().await.unwrap();

    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = client.open_stream(id).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        held.push((stream, incoming.next().await.unwrap()));
    }
    let mut third = client.open_stream(id).await.unwrap();
    assert!(is_reset(&mut third).await);
    assert!(
        server
            .handle
            .metrics()
            .contains(r#"streams_total{outcome="Refused"} 1"#)
    );

    held.pop();
    let mut fourth = client.open_stream(id).await.unwrap();
    fourth.write_all(b"y").await.unwrap();
    fourth.flush().await.unwrap();
    let (_, mut taken) = tokio::time::timeout(PATIENCE, incoming.next())
        .await
        .unwrap()
        .unwrap();
    let mut byte = [0];
    taken.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"y");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_without_bulk_streams_are_told_apart() {
    let raw = Raw::start().await;
    let client = Party::start(config(2, Role::Node)).await.handle;
    client.dial(raw.address.clone()).await.unwrap();
    assert_eq!(
        client.open_stream(raw.node).await.unwrap_err(),
        StreamError::Unsupported
    );
}
