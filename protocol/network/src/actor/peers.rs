//! The connected peers and their connections.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use crate::address::{Via, via};

/// The table; as large as the connection limits allow.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<PeerId, Peer>,
}

/// One peer.
#[derive(Debug, Default)]
pub(super) struct Peer {
    connections: Vec<Connection>,
    pub(super) rtt: Option<Duration>,
    /// Where it says it listens.
    pub(super) listens: Vec<Multiaddr>,
    /// Its requests that the application has not answered yet.
    pub(super) unanswered: usize,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    address: Multiaddr,
    since: Instant,
}

impl Connection {
    fn is_relayed(&self) -> bool {
        via(&self.address) == Via::Relay
    }
}

impl Peer {
    /// The far ends, best connection first.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let mut addresses: Vec<&Multiaddr> = self.connections.iter().map(|c| &c.address).collect();
        addresses.sort_by_key(|address| via(address));
        addresses.into_iter().cloned().collect()
    }

    /// The best way there is.
    pub(super) fn via(&self) -> Via {
        self.connections
            .iter()
            .map(|c| via(&c.address))
            .min()
            .unwrap_or(Via::Relay)
    }

    /// Relayed connections that a direct one has replaced, and since when.
    fn superseded(&self) -> impl Iterator<Item = (ConnectionId, Instant)> {
        let direct = self
            .connections
            .iter()
            .filter(|c| !c.is_relayed())
            .map(|c| c.since)
            .min();
        let relayed = self.connections.iter().filter(|c| c.is_relayed());
        direct
            .into_iter()
            .flat_map(move |since| relayed.clone().map(move |c| (c.id, since)))
    }
}

impl Peers {
    /// Notes a connection; says whether it is the peer's first.
    pub(super) fn connected(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        address: Multiaddr,
        now: Instant,
    ) -> bool {
        let peer = self.peers.entry(peer).or_default();
        peer.connections.push(Connection {
            id,
            address,
            since: now,
        });
        peer.connections.len() == 1
    }

    /// Forgets a connection; says whether it was the peer's last.
    pub(super) fn closed(&mut self, peer: PeerId, id: ConnectionId) -> bool {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return false;
        };
        entry.connections.retain(|connection| connection.id != id);
        let last = entry.connections.is_empty();
        if last {
            self.peers.remove(&peer);
        }
        last
    }

    pub(super) fn get(&self, peer: &PeerId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    pub(super) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(peer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    /// A direct connection with the peer.
    pub(super) fn direct(&self, peer: &PeerId) -> Option<(ConnectionId, &Multiaddr)> {
        let connections = &self.peers.get(peer)?.connections;
        connections
            .iter()
            .find(|c| !c.is_relayed())
            .map(|c| (c.id, &c.address))
    }

    /// Relayed connections to close: a direct one has replaced them, and nothing is under way with
    /// the peer, or that direct connection has stood for `grace`.
    pub(super) fn superseded(
        &self,
        now: Instant,
        grace: Duration,
        busy: impl Fn(&PeerId) -> bool,
    ) -> Vec<ConnectionId> {
        let mut close = Vec::new();
        for (id, peer) in &self.peers {
            let idle = peer.unanswered == 0 && !busy(id);
            let due = peer
                .superseded()
                .filter(|(_, since)| idle || now.saturating_duration_since(*since) >= grace);
            close.extend(due.map(|(connection, _)| connection));
        }
        close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: &str = "/ip4/1.2.3.4/tcp/5";
    const RELAYED: &str = "/ip4/1.2.3.4/tcp/5/p2p-circuit";

    fn connect(peers: &mut Peers, peer: PeerId, id: usize, address: &str, now: Instant) -> bool {
        peers.connected(
            peer,
            ConnectionId::new_unchecked(id),
            address.parse().unwrap(),
            now,
        )
    }

    #[test]
    fn first_and_last_connections_are_told_from_the_others() {
        let (mut peers, peer, now) = (Peers::default(), PeerId::random(), Instant::now());
        assert!(connect(&mut peers, peer, 1, DIRECT, now));
        assert!(!connect(&mut peers, peer, 2, DIRECT, now));
        assert!(!peers.closed(peer, ConnectionId::new_unchecked(1)));
        assert!(
            !peers.closed(peer, ConnectionId::new_unchecked(1)),
            "twice is once"
        );
        assert!(peers.closed(peer, ConnectionId::new_unchecked(2)));
        assert_eq!(peers.len(), 0);
    }

    #[test]
    fn the_best_way_counts() {
        let (mut peers, peer, now) = (Peers::default(), PeerId::random(), Instant::now());
        connect(&mut peers, peer, 1, RELAYED, now);
        assert_eq!(peers.get(&peer).unwrap().via(), Via::Relay);
        connect(&mut peers, peer, 2, "/ip4/1.2.3.4/udp/5/quic-v1", now);
        assert_eq!(peers.get(&peer).unwrap().via(), Via::Quic);
        assert_eq!(peers.get(&peer).unwrap().addresses()[1], RELAYED.parse().unwrap());
    }

    #[test]
    fn relayed_connections_end_when_a_direct_one_is_up_and_nothing_is_under_way() {
        let (mut peers, peer, now) = (Peers::default(), PeerId::random(), Instant::now());
        let grace = Duration::from_secs(60);
        connect(&mut peers, peer, 1, RELAYED, now);
        assert!(
            peers.superseded(now, grace, |_| false).is_empty(),
            "nothing replaces it"
        );

        connect(&mut peers, peer, 2, DIRECT, now);
        assert_eq!(
            peers.superseded(now, grace, |_| false),
            [ConnectionId::new_unchecked(1)]
        );
        assert!(
            peers.superseded(now, grace, |_| true).is_empty(),
            "a request is under way"
        );
        assert_eq!(peers.superseded(now + grace, grace, |_| true).len(), 1);
    }
}
