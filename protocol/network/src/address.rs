//! Reading addresses: which peer they name, which way they go, whether they are worth keeping.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use crate::limits::{ADDRESS_BYTES, ADDRESSES_PER_PEER};

/// How a connection runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// QUIC over UDP.
    Quic,
    /// TCP with Noise and Yamux.
    Tcp,
    /// Through a relay.
    Relay,
}

/// The way an address goes.
pub(crate) fn via(address: &Multiaddr) -> Via {
    if is_relayed(address) {
        Via::Relay
    } else if address.iter().any(|part| part == Protocol::QuicV1) {
        Via::Quic
    } else {
        Via::Tcp
    }
}

/// Whether an address goes through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The peer that an address names at its end.
pub(crate) fn named_peer(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address with `peer` named at its end.
pub(crate) fn naming(address: Multiaddr, peer: PeerId) -> Multiaddr {
    match address.with_p2p(peer) {
        Ok(address) | Err(address) => address,
    }
}

/// `target` through the relay at `relay`, which must name the relay's peer.
pub(crate) fn circuit(relay: Multiaddr, target: PeerId) -> Multiaddr {
    relay.with(Protocol::P2pCircuit).with(Protocol::P2p(target))
}

/// What is worth keeping of the addresses that a stranger gives for `peer`: few, short, and none
/// that names somebody else.
pub(crate) fn sensible(addresses: impl IntoIterator<Item = Multiaddr>, peer: PeerId) -> Vec<Multiaddr> {
    let mut kept: Vec<Multiaddr> = Vec::new();
    for address in addresses {
        let fits = address.len() <= ADDRESS_BYTES
            && named_peer(&address).is_none_or(|named| named == peer)
            && !kept.contains(&address);
        if fits {
            kept.push(address);
        }
        if kept.len() == ADDRESSES_PER_PEER {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_way_is_read_from_the_address() {
        let relay = PeerId::random();
        assert_eq!(via(&parse("/ip4/1.2.3.4/tcp/5")), Via::Tcp);
        assert_eq!(via(&parse("/dns4/quorate.example/udp/5/quic-v1")), Via::Quic);
        let through = circuit(
            naming(parse("/ip4/1.2.3.4/udp/5/quic-v1"), relay),
            PeerId::random(),
        );
        assert_eq!(via(&through), Via::Relay);
    }

    #[test]
    fn strangers_addresses_are_pruned() {
        let (peer, other) = (PeerId::random(), PeerId::random());
        let own = naming(parse("/ip4/1.2.3.4/tcp/5"), peer);
        let kept = sensible([own.clone(), naming(parse("/ip4/1.2.3.4/tcp/6"), other)], peer);
        assert_eq!(kept, [own]);

        let many = (0..100).map(|port| parse(&format!("/ip4/1.2.3.4/tcp/{port}")));
        assert_eq!(sensible(many, peer).len(), ADDRESSES_PER_PEER);

        let long = parse(&format!("/dns4/{}/tcp/1", "a".repeat(300)));
        assert!(sensible([long], peer).is_empty());
    }
}
