//! Bulk streams: who takes those that others open.

use quorate_core::NodeId;
use tokio::sync::mpsc;

use super::Actor;
use crate::bulk::{BulkStream, Incoming, IncomingStreams, Slots};
use crate::error::StreamError;
use crate::identity::node_id;
use crate::limits::{Limits, WAITING_STREAMS};
use crate::metrics::Outcome;

/// The places for incoming streams and their taker.
#[derive(Debug)]
pub(super) struct Streams {
    slots: Slots,
    taker: Option<mpsc::Sender<(NodeId, BulkStream)>>,
}

impl Streams {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            slots: Slots::new(limits.bulk_streams, limits.bulk_streams_per_peer),
            taker: None,
        }
    }
}

impl Actor {
    pub(super) fn take_incoming(&mut self) -> Result<IncomingStreams, StreamError> {
        if self
            .streams
            .taker
            .as_ref()
            .is_some_and(|taker| !taker.is_closed())
        {
            return Err(StreamError::Taken);
        }
        let (sender, receiver) = mpsc::channel(WAITING_STREAMS);
        self.streams.taker = Some(sender);
        Ok(IncomingStreams { receiver })
    }

    /// Hands a stream on; where it cannot be, dropping it resets it.
    pub(super) fn on_incoming_stream(&mut self, incoming: Incoming) {
        let Incoming { from, stream } = incoming;
        let taken = node_id(&from)
            .zip(self.streams.slots.take(from))
            .is_some_and(|(node, slot)| {
                let stream = BulkStream::incoming(stream, slot);
                let taker = self.streams.taker.as_ref();
                taker.is_some_and(|taker| taker.try_send((node, stream)).is_ok())
            });
        if !taken {
            tracing::debug!(peer = %from, "refused a bulk stream");
        }
        let outcome = if taken {
            Outcome::Accepted
        } else {
            Outcome::Refused
        };
        self.metrics.streams.count(outcome);
    }
}
