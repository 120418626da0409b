//! Bulk streams: plain two-way byte streams between peers, for artifacts.
//!
//! A stream is opened on a direct connection where there is one, else on a relayed one. Streams
//! that others open count against two bounds, one for all peers and one for each; above either, or
//! while nobody takes incoming streams, they are reset.

mod behaviour;
mod handler;
mod slots;

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};
use quorate_core::NodeId;
use tokio::sync::mpsc;

pub(crate) use behaviour::{Behaviour, Incoming};
pub(crate) use slots::{Slot, Slots};

/// A stream of bytes to or from a peer; it implements the asynchronous traits of `futures`.
///
/// Dropping it resets it; closing it tells the peer that everything was sent.
pub struct BulkStream {
    inner: libp2p::Stream,
    /// The place it takes among those that others opened.
    _slot: Option<Slot>,
}

impl BulkStream {
    pub(crate) fn outgoing(inner: libp2p::Stream) -> Self {
        Self { inner, _slot: None }
    }

    pub(crate) fn incoming(inner: libp2p::Stream, slot: Slot) -> Self {
        Self {
            inner,
            _slot: Some(slot),
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut libp2p::Stream> {
        Pin::new(&mut self.get_mut().inner)
    }
}

impl fmt::Debug for BulkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkStream").finish_non_exhaustive()
    }
}

impl AsyncRead for BulkStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_read_vectored(cx, buffers)
    }
}

impl AsyncWrite for BulkStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_close(cx)
    }
}

/// The streams that others open, in the order they came.
#[derive(Debug)]
pub struct IncomingStreams {
    pub(crate) receiver: mpsc::Receiver<(NodeId, BulkStream)>,
}

impl IncomingStreams {
    /// The next one; none after the network has been shut down.
    pub async fn next(&mut self) -> Option<(NodeId, BulkStream)> {
        self.receiver.recv().await
    }
}
