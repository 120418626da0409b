//! One connection's part in bulk streams: negotiate, then hand over.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};

use super::BulkStream;
use super::behaviour::Opened;
use crate::error::StreamError;

/// Naming the protocol takes one round trip; this is dozens, over a relay.
const NEGOTIATION: Duration = Duration::from_secs(10);

/// A stream the peer opened.
pub(crate) struct Arrived(pub(crate) Stream);

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arrived")
    }
}

/// Waiting orders and arrivals. Both queues are short: orders are bounded by the requests this party
/// may have under way, arrivals by the swarm, which polls until there are none.
pub(crate) struct Handler {
    protocol: StreamProtocol,
    orders: VecDeque<Opened>,
    arrived: VecDeque<Stream>,
}

impl Handler {
    pub(crate) fn new(protocol: StreamProtocol) -> Self {
        Self {
            protocol,
            orders: VecDeque::new(),
            arrived: VecDeque::new(),
        }
    }

    fn upgrade(&self) -> ReadyUpgrade<StreamProtocol> {
        ReadyUpgrade::new(self.protocol.clone())
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opened;
    type ToBehaviour = Arrived;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opened;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(self.upgrade(), ()).with_timeout(NEGOTIATION)
    }

    fn on_behaviour_event(&mut self, opened: Opened) {
        self.orders.push_back(opened);
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Opened, Arrived>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Arrived(stream)));
        }
        if let Some(opened) = self.orders.pop_front() {
            let protocol = SubstreamProtocol::new(self.upgrade(), opened).with_timeout(NEGOTIATION);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Opened>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.arrived.push_back(protocol)
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                // Whoever asked may have gone; then the stream is reset.
                let _ = info.send(Ok(BulkStream::outgoing(protocol)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.send(Err(match error {
                    StreamUpgradeError::NegotiationFailed => StreamError::Unsupported,
                    other => StreamError::Failed(other.to_string()),
                }));
            }
            _ => {}
        }
    }
}
