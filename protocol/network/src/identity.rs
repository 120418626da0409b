//! Quorate's names for keys and peers, in libp2p's terms and back.
//!
//! A node's key is its libp2p identity, so the two forms hold the same 32 bytes. Only Ed25519 keys
//! convert; libp2p knows other kinds, Quorate does not.

use libp2p::PeerId;
use libp2p::identity;
use quorate_core::{Keypair, NodeId};

/// The libp2p form of a node's id.
pub(crate) fn peer_id(node: &NodeId) -> Option<PeerId> {
    PeerId::from_bytes(&node.peer_id_bytes()).ok()
}

/// The node behind a peer id; none for keys that are not Ed25519, or unusable.
pub(crate) fn node_id(peer: &PeerId) -> Option<NodeId> {
    NodeId::from_peer_id_bytes(&peer.to_bytes()).ok()
}

/// The libp2p form of a key pair.
pub(crate) fn libp2p_keypair(keypair: &Keypair) -> Option<identity::Keypair> {
    // libp2p wipes the copy it is given.
    identity::Keypair::ed25519_from_bytes(keypair.secret()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_derive_the_same_id_from_a_key() {
        for seed in 0..20 {
            let key = Keypair::from_secret([seed; 32]);
            let theirs = libp2p_keypair(&key).unwrap().public().to_peer_id();
            assert_eq!(peer_id(&key.node_id()), Some(theirs));
            assert_eq!(node_id(&theirs), Some(key.node_id()));
            assert_eq!(key.node_id().to_string(), theirs.to_string());
        }
    }

    #[test]
    fn other_kinds_of_peer_ids_are_refused() {
        assert_eq!(node_id(&PeerId::random()), None, "a hash, not an inlined key");
    }
}
