//! Connections coming up, proving alive, introducing themselves, and going.

use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, identify, ping};

use super::Actor;
use crate::address::{is_relayed, naming, sensible};
use crate::config::Role;
use crate::error::DialError;
use crate::event::Event;
use crate::identity::node_id;

/// What a peer says its network is called is shown to the owner; this much of it.
const SHOWN: usize = 64;

impl Actor {
    pub(super) fn on_connected(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let Some(node) = node_id(&peer) else {
            // A key that libp2p takes and Quorate does not: of small order.
            self.swarm.close_connection(id);
            return;
        };
        // A relayed inbound connection shows its relay only on the local side.
        let address = match endpoint {
            ConnectedPoint::Dialer { address, .. } => address.clone(),
            ConnectedPoint::Listener { local_addr, .. } if endpoint.is_relayed() => local_addr.clone(),
            ConnectedPoint::Listener { send_back_addr, .. } => send_back_addr.clone(),
        };
        let first = self.peers.connected(peer, id, address.clone(), Instant::now());
        self.metrics
            .peers
            .set(i64::try_from(self.peers.len()).unwrap_or(i64::MAX));
        tracing::debug!(%peer, %address, "connected");
        if first {
            self.emit(Event::Connected(node));
        }
        self.dial_succeeded(id, peer, node);
        if !is_relayed(&address) {
            self.note_bootstrap(peer, id, &address);
        }
    }

    pub(super) fn on_closed(&mut self, peer: PeerId, id: ConnectionId) {
        if !self.peers.closed(peer, id) {
            return;
        }
        self.metrics
            .peers
            .set(i64::try_from(self.peers.len()).unwrap_or(i64::MAX));
        tracing::debug!(%peer, "disconnected");
        self.relays.peer_gone(&peer);
        self.bootstrap_lost(peer);
        if let Some(node) = node_id(&peer) {
            self.emit(Event::Disconnected(node));
        }
    }

    pub(super) fn on_ping(&mut self, event: ping::Event) {
        match event.result {
            Ok(rtt) => {
                if let Some(peer) = self.peers.get_mut(&event.peer) {
                    peer.rtt = Some(rtt);
                }
            }
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                // The other end is gone without a word, or as good as gone.
                tracing::debug!(peer = %event.peer, %error, "no pong");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received {
            peer_id: peer, info, ..
        } = event
        else {
            return;
        };
        if info.protocol_version != self.names.network {
            return self.part_from_stranger(peer, &info.protocol_version);
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.listens = sensible(info.listen_addrs, peer);
        }
        if self.is_bootstrap(&peer) && info.protocols.contains(&libp2p::relay::HOP_PROTOCOL_NAME) {
            self.relays.found(peer, Instant::now());
        }
    }

    fn part_from_stranger(&mut self, peer: PeerId, network: &str) {
        let network: String = network.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        tracing::info!(%peer, network, "a peer of another network");
        if let Some(node) = node_id(&peer) {
            self.bootstrap_refused(peer, &DialError::OtherNetwork { node, network });
        }
        // It may have gone by itself.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        let address = naming(address, self.local);
        tracing::info!(%address, "listening");
        // Coordinators are where the others find them; unless the owner knows better, that is
        // where they listen.
        if self.role == Role::Coordinator && !self.external_given && !is_relayed(&address) {
            self.swarm.add_external_address(address.clone());
        }
        self.emit(Event::Listening(address));
    }

    /// Closes relayed connections that a direct one has replaced.
    pub(super) fn close_superseded(&mut self, now: Instant) {
        let requests = &self.requests;
        let close = self
            .peers
            .superseded(now, self.limits.request_timeout, |peer| requests.awaits(peer));
        for connection in close {
            tracing::debug!(%connection, "a direct connection replaces a relayed one");
            self.swarm.close_connection(connection);
        }
    }
}
