//! What handles ask for.

use libp2p::{Multiaddr, PeerId};
use quorate_core::NodeId;

use super::Actor;
use super::dials::Errand;
use crate::address::naming;
use crate::handle::{Command, PeerInfo};
use crate::identity::{node_id, peer_id};

impl Actor {
    /// Whoever asked may have given up: answers that nobody takes are dropped.
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Addresses(answer) => drop(answer.send(self.addresses())),
            Command::Dial(address, answer) => self.dial_asked(address, answer),
            Command::Request(to, bytes, answer) => {
                self.run_errand(to, Errand::Request(bytes, answer));
            }
            Command::Announce(bytes, answer) => drop(answer.send(self.announce(bytes))),
            Command::Provide(digest, answer) => drop(answer.send(self.provide(&digest))),
            Command::Unprovide(digest) => self.unprovide(&digest),
            Command::Providers(digest, answer) => self.look_up(&digest, answer),
            Command::OpenStream(to, answer) => self.run_errand(to, Errand::Stream(answer)),
            Command::IncomingStreams(answer) => drop(answer.send(self.take_incoming())),
            Command::Ban(node, length, reason) => {
                if let Some(peer) = peer_id(&node) {
                    self.ban(peer, length, &reason);
                }
            }
            Command::Peers(answer) => drop(answer.send(self.peer_infos())),
            Command::AddAddress(node, address) => {
                if let Some(peer) = peer_id(&node) {
                    self.add_address(peer, address);
                }
            }
        }
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        let listening = self.swarm.listeners().chain(self.swarm.external_addresses());
        let mut addresses: Vec<Multiaddr> = listening
            .map(|address| naming(address.clone(), self.local))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn peer_infos(&self) -> Vec<PeerInfo> {
        let info = |(peer, known): (&PeerId, &super::peers::Peer)| {
            let id: NodeId = node_id(peer)?;
            Some(PeerInfo {
                id,
                addresses: known.addresses(),
                via: known.via(),
                rtt: known.rtt,
                score: self.score(peer),
            })
        };
        self.peers.iter().filter_map(info).collect()
    }
}
