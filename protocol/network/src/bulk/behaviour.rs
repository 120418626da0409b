//! Which connection a bulk stream is opened on, and what arrives.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandlerInEvent, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};

use super::BulkStream;
use super::handler::{Arrived, Handler};
use crate::error::StreamError;
use crate::handle::Answer;

/// Where an opened stream goes.
pub(crate) type Opened = Answer<Result<BulkStream, StreamError>>;

/// A stream that a peer opened.
pub(crate) struct Incoming {
    pub(crate) from: PeerId,
    pub(crate) stream: Stream,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Opens and accepts bulk streams.
pub(crate) struct Behaviour {
    protocol: StreamProtocol,
    /// Direct connections first.
    connections: HashMap<PeerId, Vec<(ConnectionId, bool)>>,
    queue: VecDeque<ToSwarm<Incoming, Opened>>,
}

impl Behaviour {
    pub(crate) fn new(protocol: StreamProtocol) -> Self {
        Self {
            protocol,
            connections: HashMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// Opens a stream to a connected peer; the answer goes to `opened`.
    pub(crate) fn open(&mut self, peer_id: PeerId, opened: Opened) {
        match self.connections.get(&peer_id).and_then(|all| all.first()) {
            Some((connection, _)) => self.queue.push_back(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(*connection),
                event: opened,
            }),
            None => {
                let gone = StreamError::Failed("the connection has just closed".to_owned());
                // Whoever asked may have gone too.
                let _ = opened.send(Err(gone));
            }
        }
    }

    fn handler(&self) -> Handler {
        Handler::new(self.protocol.clone())
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Incoming;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            }) => {
                let connections = self.connections.entry(peer_id).or_default();
                connections.push((connection_id, endpoint.is_relayed()));
                connections.sort_by_key(|(_, relayed)| *relayed);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                connection_id,
                ..
            }) => {
                if let Some(connections) = self.connections.get_mut(&peer_id) {
                    connections.retain(|(id, _)| *id != connection_id);
                    if connections.is_empty() {
                        self.connections.remove(&peer_id);
                    }
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, from: PeerId, _: ConnectionId, arrived: Arrived) {
        let incoming = Incoming {
            from,
            stream: arrived.0,
        };
        self.queue.push_back(ToSwarm::GenerateEvent(incoming));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Incoming, THandlerInEvent<Self>>> {
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
