//! Requests: answers, refusals, floods and garbage.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::{PeerId, StreamProtocol};
use quorate_network::{DialError, Event, MAX_REQUEST, MAX_RESPONSE, Rate, ReplyError, RequestError, Role};

use tokio::task::JoinSet;

use crate::harness::*;

const REQUEST: StreamProtocol = StreamProtocol::new("/quorate/test/request/1");

async fn answers_over(listen: &str) {
    let mut server = coordinator(1);
    server.listen = vec![listen.parse().unwrap()];
    let server = Party::start(server).await;
    let (address, id) = (server.address().await, server.id());
    let server = server.echo_backwards();

    let client = Party::start(config(2, Role::Node)).await.handle;
    assert_eq!(client.dial(address).await, Ok(id));
    assert_eq!(client.request(id, b"abc".to_vec()).await.unwrap(), b"cba");
    assert_eq!(client.request(id, vec![]).await.unwrap(), b"");
    let large = client.request(id, vec![7; MAX_REQUEST]).await.unwrap();
    assert_eq!(large, vec![7; MAX_REQUEST]);

    assert!(
        client
            .metrics()
            .contains(r#"requests_sent_total{outcome="Answered"} 3"#)
    );
    assert!(
        server
            .metrics()
            .contains(r#"requests_received_total{outcome="Answered"} 3"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_over_tcp() {
    answers_over(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_over_quic() {
    answers_over(QUIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_reply_is_an_answer_and_a_large_one_is_refused() {
    let mut server = Party::start(coordinator(1)).await;
    let client = Party::start(config(2, Role::Node)).await.handle;
    let id = client.dial(server.address().await).await.unwrap();
    let asking = tokio::spawn(async move {
        let first = client.request(id, vec![1]).await;
        let second = client.request(id, vec![2]).await;
        let third = client.request(id, vec![3]).await;
        (first, second, third)
    });
    let mut next = async || {
        server
            .wait("request", |event| match event {
                Event::Request { reply, .. } => Some(reply),
                _ => None,
            })
            .await
    };
    drop(next().await);
    let too_large = next().await.send(vec![0; MAX_RESPONSE + 1]);
    assert_eq!(
        too_large,
        Err(ReplyError::TooLarge {
            size: MAX_RESPONSE + 1,
            limit: MAX_RESPONSE
        })
    );
    next().await.send(vec![9; MAX_RESPONSE]).unwrap();

    let (first, second, third) = asking.await.unwrap();
    assert_eq!(first, Err(RequestError::Unanswered));
    assert_eq!(second, Err(RequestError::Unanswered));
    assert_eq!(third.unwrap().len(), MAX_RESPONSE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_takes_nothing_makes_no_peer_wait_for_ever() {
    let mut slow = coordinator(1);
    slow.limits.request_timeout = Duration::from_millis(300);
    let server = Party::start(slow).await;
    let client = Party::start(config(2, Role::Node)).await.handle;
    let id = client.dial(server.address().await).await.unwrap();
    let result = client.request(id, vec![1]).await;
    assert!(
        matches!(result, Err(RequestError::Unanswered | RequestError::Garbled(_))),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_lags_makes_its_party_busy_and_no_more() {
    let server = Party::start(coordinator(1)).await;
    let address = server.address().await;
    let (mut asking, mut clients) = (JoinSet::new(), Vec::new());
    for seed in 2..7 {
        let client = Party::start(config(seed, Role::Node)).await.handle;
        let id = client.dial(address.clone()).await.unwrap();
        for _ in 0..64 {
            let client = client.clone();
            asking.spawn(async move { client.request(id, vec![1]).await });
        }
        clients.push(client);
    }
    // 320 ask, and 256 may wait for the application, which takes nothing.
    for _ in 0..64 {
        let answer = tokio::time::timeout(PATIENCE, asking.join_next()).await.unwrap();
        assert_eq!(answer.unwrap().unwrap(), Err(RequestError::PeerBusy));
    }
    assert_eq!(
        server.handle.peers().await.len(),
        5,
        "the party itself is at work"
    );
    server.handle.shutdown().await;
    while let Some(answer) = asking.join_next().await {
        assert!(answer.unwrap().is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_sent() {
    let client = Party::start(config(2, Role::Node)).await.handle;
    let result = client.request(key(1).node_id(), vec![0; MAX_REQUEST + 1]).await;
    assert_eq!(
        result,
        Err(RequestError::TooLarge {
            size: MAX_REQUEST + 1,
            limit: MAX_REQUEST
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_peer_is_a_clear_error() {
    let client = Party::start(config(2, Role::Node)).await.handle;
    let stranger = key(9).node_id();
    let result = client.request(stranger, vec![1]).await;
    assert_eq!(result, Err(RequestError::Dial(DialError::NoAddress(stranger))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_address_is_used() {
    let server = Party::start(coordinator(1)).await;
    let (id, address) = (server.id(), server.address().await);
    let _server = server.echo_backwards();
    let client = Party::start(config(2, Role::Node)).await.handle;
    client.add_address(id, address).await.unwrap();
    assert_eq!(client.request(id, b"ab".to_vec()).await.unwrap(), b"ba");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_slowed_down_and_then_banned() {
    let mut limited = coordinator(1);
    limited.limits.requests = Rate {
        burst: 3,
        per_second: 0.001,
    };
    limited.limits.bans.strikes = Rate {
        burst: 2,
        per_second: 0.001,
    };
    let mut server = Party::start(limited).await;
    let mut client = Party::start(config(2, Role::Node)).await;
    let id = client.handle.dial(server.address().await).await.unwrap();

    // The first three are taken (and left unanswered), two more are told to slow down.
    let asker = client.handle.clone();
    let asking = tokio::spawn(async move {
        let mut slowed = 0;
        for _ in 0..5 {
            match asker.request(id, vec![1]).await {
                Err(RequestError::SlowDown { retry_after }) => {
                    assert!(retry_after > Duration::from_secs(1));
                    slowed += 1;
                }
                other => assert_eq!(other, Err(RequestError::Unanswered)),
            }
        }
        slowed
    });
    for _ in 0..3 {
        server
            .wait("request", |event| {
                matches!(event, Event::Request { .. }).then_some(())
            })
            .await;
    }
    assert_eq!(asking.await.unwrap(), 2);

    // The next excess is one too many.
    assert!(client.handle.request(id, vec![1]).await.is_err());
    let length = server
        .wait("ban", |event| match event {
            Event::Banned { node, length } => Some((node, length)),
            _ => None,
        })
        .await;
    assert_eq!(length, (client.id(), Duration::from_secs(60)));
    client.disconnected(id).await;
    let address = server.address().await;
    let _ = client.handle.dial(address).await;
    eventually("nobody is connected", || async {
        server.handle.peers().await.is_empty().then_some(())
    })
    .await;
    assert!(server.handle.metrics().contains("quorate_network_bans_total 1"));
}

/// Writes `bytes` to the request protocol and waits for the stream to be closed.
async fn throw(raw: &mut Raw, peer: PeerId, bytes: &[u8]) -> usize {
    let mut stream = raw.control.open_stream(peer, REQUEST).await.unwrap();
    // The far end may reset while this is being written: that is the point.
    let _ = stream.write_all(bytes).await;
    let _ = stream.close().await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    answer.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_closes_the_stream_is_counted_and_leads_to_a_ban() {
    let mut strict = config(1, Role::Node);
    strict.limits.bans.strikes = Rate {
        burst: 3,
        per_second: 0.001,
    };
    let mut server = Party::start(strict).await;
    let mut raw = Raw::start().await;
    server.handle.dial(raw.address.clone()).await.unwrap();
    let peer = raw.connected().await;

    let oversize = [&u32::MAX.to_be_bytes()[..], &[0; 1000]].concat();
    let cut = [&10_u32.to_be_bytes()[..], b"short"].concat();
    let long = [&2_u32.to_be_bytes()[..], b"too long"].concat();
    for garbage in [oversize, cut, long] {
        assert_eq!(throw(&mut raw, peer, &garbage).await, 0, "no answer to garbage");
    }
    let counted = r#"requests_received_total{outcome="Garbage"} 3"#;
    eventually("three are counted", || async {
        server.handle.metrics().contains(counted).then_some(())
    })
    .await;
    assert_eq!(
        server.handle.peers().await.len(),
        1,
        "three strikes are allowed here"
    );

    let _ = throw(&mut raw, peer, b"GET / HTTP/1.1\r\n\r\n").await;
    let banned = server
        .wait("ban", |event| match event {
            Event::Banned { node, .. } => Some(node),
            _ => None,
        })
        .await;
    assert_eq!(banned, raw.node);
    server.disconnected(raw.node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_do_not_mix() {
    let mut other = coordinator(1);
    other.network = "other".parse().unwrap();
    let server = Party::start(other).await;
    let mut client = Party::start(node_of(&server.address().await, 2)).await;
    let error = client
        .wait("refusal", |event| match event {
            Event::BootstrapFailed { error, .. } => Some(error),
            _ => None,
        })
        .await;
    let network = "quorate/other/1".to_owned();
    assert_eq!(
        error,
        DialError::OtherNetwork {
            node: server.id(),
            network
        }
    );
    client.disconnected(server.id()).await;
}
