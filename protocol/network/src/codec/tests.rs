//! The codec against well-formed, cut, oversized and hostile bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::executor::block_on;
use futures::io::Cursor;
use request_response::Codec as _;

use super::*;

const NAME: StreamProtocol = StreamProtocol::new("/test");

fn codec() -> Codec {
    Codec::new(1024 * 1024)
}

fn framed(length: u32, bytes: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], bytes].concat()
}

fn read(codec: &mut Codec, bytes: &[u8]) -> Request {
    block_on(codec.read_request(&NAME, &mut Cursor::new(bytes))).unwrap()
}

fn whole(bytes: Vec<u8>) -> Request {
    Request::Whole { bytes, share: None }
}

#[test]
fn requests_round_trip() {
    for size in [0, 1, STEP, STEP + 1, MAX_REQUEST] {
        let mut wire = Vec::new();
        let request = whole(vec![7; size]);
        block_on(codec().write_request(&NAME, &mut wire, request)).unwrap();
        let read = read(&mut codec(), &wire);
        assert!(matches!(read, Request::Whole { bytes, .. } if bytes == vec![7; size]));
    }
}

#[test]
fn responses_round_trip() {
    let responses = [
        Response::Answer(vec![1; 100_000]),
        Response::Answer(vec![]),
        Response::SlowDown(Duration::from_millis(1500)),
        Response::Busy,
        Response::Unanswered,
    ];
    for response in responses {
        let mut wire = Vec::new();
        block_on(codec().write_response(&NAME, &mut wire, response.clone())).unwrap();
        let read = block_on(codec().read_response(&NAME, &mut Cursor::new(wire)));
        assert_eq!(read.unwrap(), response);
    }
}

#[test]
fn too_large_messages_are_not_written() {
    let request = whole(vec![0; MAX_REQUEST + 1]);
    assert!(block_on(codec().write_request(&NAME, &mut Vec::new(), request)).is_err());
    let response = Response::Answer(vec![0; MAX_RESPONSE + 1]);
    assert!(block_on(codec().write_response(&NAME, &mut Vec::new(), response)).is_err());
}

#[test]
fn garbage_is_told_from_a_broken_connection() {
    let cases: [&[u8]; 4] = [
        &[0, 0],
        &framed(10, b"short"),
        &framed(2, b"too long"),
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for case in cases {
        let read = read(&mut codec(), case);
        assert!(matches!(read, Request::Garbage(_)), "{case:?}: {read:?}");
    }
    let mut broken = Cursor::new(framed(10, b"short")).chain(Broken);
    assert!(block_on(codec().read_request(&NAME, &mut broken)).is_err());

    let unknown = block_on(codec().read_response(&NAME, &mut Cursor::new([9])));
    assert_eq!(unknown.unwrap_err().kind(), io::ErrorKind::InvalidData);
}

/// A connection that breaks.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

/// Gives a header, then counts what is asked of it; it never ends.
struct Endless {
    header: Vec<u8>,
    asked: usize,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.header.is_empty() {
            self.asked += buffer.len();
            return Poll::Ready(Ok(buffer.len()));
        }
        let size = buffer.len().min(self.header.len());
        buffer[..size].copy_from_slice(&self.header[..size]);
        self.header.drain(..size);
        Poll::Ready(Ok(size))
    }
}

#[test]
fn an_oversized_length_is_refused_before_anything_is_allocated_or_read() {
    for length in [MAX_REQUEST as u32 + 1, u32::MAX] {
        let mut io = Endless {
            header: length.to_be_bytes().to_vec(),
            asked: 0,
        };
        let mut codec = codec();
        let read = block_on(codec.read_request(&NAME, &mut io)).unwrap();
        assert!(matches!(read, Request::Garbage(_)));
        assert_eq!(io.asked, 0);
        assert_eq!(codec.budget.available_permits(), 1024 * 1024);
    }
}

#[test]
fn the_buffer_grows_with_what_arrives_not_with_what_is_promised() {
    let mut largest = 0;
    let mut arriving = Cursor::new(framed(MAX_REQUEST as u32, &[0; 10]));
    let charge = |step| {
        largest += step;
        Ok(())
    };
    assert!(block_on(read_bytes(&mut arriving, MAX_REQUEST, charge)).is_err());
    assert_eq!(largest, STEP);
}

#[test]
fn all_peers_share_one_budget_until_they_are_answered() {
    let mut codec = Codec::new(100);
    let mut other = codec.clone();
    let first = read(&mut codec, &framed(60, &[0; 60]));
    assert!(matches!(first, Request::Whole { .. }));
    assert!(matches!(
        read(&mut other, &framed(60, &[0; 60])),
        Request::TooMuch
    ));

    drop(first);
    assert!(matches!(
        read(&mut other, &framed(60, &[0; 60])),
        Request::Whole { .. }
    ));
}
