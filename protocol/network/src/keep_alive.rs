//! Keeps the connections that must outlive idleness: a node's to its coordinators, and all of a
//! coordinator's, whose nodes decide how long they stay.
//!
//! Relayed connections are never kept: they cost a third party.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::DeniedUpgrade;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, SubstreamProtocol, THandlerInEvent, ToSwarm,
};

use crate::address::is_relayed;

/// Says which connections stay.
#[derive(Debug)]
pub(crate) struct Behaviour {
    everyone: bool,
    kept: HashSet<PeerId>,
    orders: VecDeque<(PeerId, ConnectionId)>,
}

impl Behaviour {
    /// Keeps `everyone`, or nobody yet.
    pub(crate) fn new(everyone: bool) -> Self {
        Self {
            everyone,
            kept: HashSet::new(),
            orders: VecDeque::new(),
        }
    }

    /// Keeps this connection and later ones with the peer.
    pub(crate) fn keep(&mut self, peer: PeerId, connection: ConnectionId) {
        self.kept.insert(peer);
        self.orders.push_back((peer, connection));
    }

    fn handler(&self, peer: &PeerId, address: &Multiaddr) -> Handler {
        Handler {
            keep: !is_relayed(address) && (self.everyone || self.kept.contains(peer)),
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(&peer, local))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(&peer, address))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.orders.pop_front() {
            Some((peer_id, connection)) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(connection),
                event: Keep,
            }),
            None => Poll::Pending,
        }
    }
}

/// The order to keep a connection.
#[derive(Debug)]
pub(crate) struct Keep;

/// One connection's part: it speaks no protocol.
#[derive(Debug)]
pub(crate) struct Handler {
    keep: bool,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Keep;
    type ToBehaviour = Infallible;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<DeniedUpgrade> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep
    }

    fn on_behaviour_event(&mut self, Keep: Keep) {
        self.keep = true;
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<DeniedUpgrade, (), Infallible>> {
        Poll::Pending
    }

    fn on_connection_event(&mut self, _: ConnectionEvent<'_, DeniedUpgrade, DeniedUpgrade>) {}
}
