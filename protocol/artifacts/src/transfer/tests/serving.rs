//! The provider's side, and the receiver's reading of one range, byte for byte.

use futures::io::Cursor;
use tokio::time::Instant;

use super::super::receive::{Failure, Pace, read_range, read_size};
use super::super::wire::{REPLY_LEN, Reply, Request, Status, TO_THE_END};
use super::*;
use crate::tree::{GROUP, nodes_size};

fn request(digest: Digest, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Request { digest, range }.encode(&mut bytes);
    bytes
}

/// Sends `requests`, closes, and returns all that comes back with the server's own verdict.
async fn exchange(
    store: &Arc<Store>,
    requests: &[u8],
    limits: ServeLimits,
) -> (Vec<u8>, Result<Served, TransferError>) {
    let (near, far) = duplex(64 << 10);
    let (mut from, mut to) = tokio::io::split(near);
    let mut back = Vec::new();
    let (served, ()) = tokio::join!(serve(far.compat(), store, limits), async {
        let _ = to.write_all(requests).await;
        let _ = to.shutdown().await;
        let _ = from.read_to_end(&mut back).await;
    });
    (back, served)
}

fn status(bytes: &[u8]) -> Reply {
    Reply::decode(bytes[..REPLY_LEN].try_into().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn several_requests_are_answered_in_order() {
    let place = place();
    let bytes = blob(1, 5 * GROUP as usize + 9);
    let id = place.add(&[("f", bytes.clone())]);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let asked = [
        request(Digest::of(b"nobody has this"), 0..TO_THE_END),
        request(digest, 0..TO_THE_END),
        request(digest, GROUP..GROUP + 1),
        request(digest, size..TO_THE_END),
        request(digest, 2 * GROUP..3 * GROUP),
        request(id.0, 0..TO_THE_END),
    ]
    .concat();
    let (back, served) = exchange(&place.store, &asked, PATIENT).await;
    let served = served.unwrap();
    let manifest = place.store.manifest(id).unwrap().bytes().to_vec();
    assert_eq!(
        (served.requests, served.bytes),
        (6, size + GROUP + manifest.len() as u64)
    );

    let mut rest = &back[..];
    let mut next = |length: usize| {
        let (head, tail) = rest.split_at(length);
        rest = tail;
        head.to_vec()
    };
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::Absent,
            size: 0
        }
    );
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::Here,
            size
        }
    );
    next((size + nodes_size(size)) as usize);
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::BadRange,
            size
        }
    );
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::BadRange,
            size
        }
    );
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::Here,
            size
        }
    );
    // Three nodes lead from the root to the third of six groups.
    let third = next(3 * 64 + GROUP as usize);
    assert_eq!(third[3 * 64..], bytes[2 * GROUP as usize..3 * GROUP as usize]);
    assert_eq!(
        status(&next(REPLY_LEN)),
        Reply {
            status: Status::Here,
            size: manifest.len() as u64
        }
    );
    assert_eq!(next(manifest.len()), manifest);
    assert!(next(0).is_empty() && rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn limits_and_nonsense_end_the_stream() {
    let place = place();
    place.add(&[("f", blob(1, 1000))]);
    let digest = Digest::of(&blob(1, 1000));
    let twice = [request(digest, 0..1000), request(digest, 0..1000)].concat();
    for limits in [
        ServeLimits {
            requests: 1,
            ..PATIENT
        },
        ServeLimits {
            bytes: 1999,
            ..PATIENT
        },
    ] {
        let (back, served) = exchange(&place.store, &twice, limits).await;
        assert!(matches!(served, Err(TransferError::Request(_))));
        assert_eq!(status(&back[REPLY_LEN + 1000..]).status, Status::Declined);
    }
    let (back, served) = exchange(&place.store, &[7; 49], PATIENT).await;
    assert!(matches!(served, Err(TransferError::Request(_))) && back.is_empty());
    let (back, served) = exchange(&place.store, &twice[..60], PATIENT).await;
    assert!(matches!(served, Err(TransferError::Stream(_))));
    assert_eq!(back.len(), REPLY_LEN + 1000);
}

#[tokio::test(start_paused = true)]
async fn who_neither_asks_nor_reads_is_dropped() {
    let place = place();
    place.add(&[("f", blob(1, MIB))]);
    let (_near, far) = duplex(1024);
    assert!(matches!(
        serve(far.compat(), &place.store, PATIENT).await,
        Err(TransferError::Idle)
    ));
    let (mut near, far) = duplex(1024);
    near.write_all(&request(Digest::of(&blob(1, MIB)), 0..TO_THE_END))
        .await
        .unwrap();
    assert!(matches!(
        serve(far.compat(), &place.store, PATIENT).await,
        Err(TransferError::Idle)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_failing_disk_does_not_make_an_honest_provider_a_liar() {
    let (from, to) = (place(), place());
    let bytes = blob(1, 3 * MIB);
    let id = from.add(&[("f", bytes.clone())]);
    let name = Digest::of(&bytes).to_string();
    let path = from
        .dir
        .path()
        .join("store/blobs")
        .join(&name[..2])
        .join(&name[2..]);
    let mut spoiled = bytes;
    spoiled[2 * MIB] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, spoiled).unwrap();
    let (report, _) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    assert!(
        matches!(report.outcomes[0].fault, Some(Fault::Absent { .. })),
        "{:?}",
        report.outcomes
    );
    assert!(
        matches!(report.result, Err(TransferError::NoProvider { missing, .. }) if missing as usize <= 2 * MIB)
    );
    assert!(!from.store.has(id), "the provider knows now what it lost");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_tree_heals() {
    let (from, to) = (place(), place());
    let bytes = blob(1, 3 * MIB);
    let id = from.add(&[("f", bytes.clone())]);
    let name = Digest::of(&bytes).to_string();
    let path = from
        .dir
        .path()
        .join("store/blobs")
        .join(&name[..2])
        .join(format!("{}.tree", &name[2..]));
    let mut nodes = std::fs::read(&path).unwrap();
    nodes[777] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, nodes).unwrap();
    let (report, _) = fetch(&to, id, Net::with(&[(1, &from, Manner::Honest)]), &[1]).await;
    report.result.unwrap();
}

/// A false bit anywhere: the reader stops in that very step, and hands on nothing from it.
#[tokio::test(start_paused = true)]
async fn corruption_is_noticed_within_one_group() {
    let place = place();
    let bytes = blob(1, 6 * GROUP as usize + 100);
    place.add(&[("f", bytes.clone())]);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let (reply, served) = exchange(&place.store, &request(digest, 0..TO_THE_END), PATIENT).await;
    served.unwrap();
    for at in (REPLY_LEN..reply.len()).step_by(1733) {
        let mut spoiled = reply.clone();
        spoiled[at] ^= 0x20;
        let mut stream = Cursor::new(spoiled);
        let pace = Pace::new(Duration::from_secs(1), 1, size);
        assert_eq!(
            read_size(&mut stream, digest, Some(size), &pace).await.unwrap(),
            size
        );
        let mut sink = Vec::new();
        let failure = read_range(&mut stream, digest, size, &(0..size), &pace, &mut sink)
            .await
            .unwrap_err();
        let Failure::Fault(Fault::Corrupt { offset, .. }) = failure else {
            panic!("{failure:?}")
        };
        let read = stream.position() as usize;
        assert!(
            read > at && read - at <= GROUP as usize,
            "byte {at} was noticed after {read}"
        );
        assert_eq!(sink, bytes[..sink.len()], "only true bytes were handed on");
        assert!(sink.len() as u64 >= offset, "{offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_pace_bounds_each_step_and_all_of_them() {
    let pace = Pace::new(Duration::from_secs(10), 100, 1000);
    let start = Instant::now();
    let stalled = pace.step(std::future::pending::<io::Result<()>>()).await;
    assert!(matches!(stalled, Err(Fault::Stalled)));
    assert_eq!(start.elapsed().as_secs(), 10);
    let mut steps = 0;
    while pace
        .step(async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok(())
        })
        .await
        .is_ok()
    {
        steps += 1;
    }
    assert_eq!((steps, start.elapsed().as_secs()), (2, 20));
    let _ = Pace::new(Duration::MAX, 0, u64::MAX);
}
