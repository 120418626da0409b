//! Connecting to a peer for a reason, and what happens when that works or does not.
//!
//! A peer is dialled directly first. Where that fails, it is tried through the relays this party
//! is connected to.

use std::collections::HashMap;

use libp2p::Multiaddr;
use libp2p::PeerId;
use libp2p::core::transport::TransportError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{self, ConnectionId};
use quorate_core::NodeId;

use super::Actor;
use crate::address::named_peer;
use crate::bulk::BulkStream;
use crate::error::{DialError, RequestError, StreamError};
use crate::handle::Answer;
use crate::identity::{node_id, peer_id};
use crate::limits::OWN_REQUESTS;

/// Dials under way, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct Dials {
    under_way: HashMap<ConnectionId, Purpose>,
    waiting: HashMap<PeerId, Vec<Errand>>,
}

/// Why a connection is being made.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The application named an address.
    Asked(Multiaddr, Answer<Result<NodeId, DialError>>),
    /// Errands wait for this peer; `relayed` once relays are being tried.
    Errands { peer: PeerId, relayed: bool },
    /// An entry of the bootstrap list.
    Bootstrap(usize),
}

/// What is to be done with a peer once it is connected.
#[derive(Debug)]
pub(super) enum Errand {
    Request(Vec<u8>, Answer<Result<Vec<u8>, RequestError>>),
    Stream(Answer<Result<BulkStream, StreamError>>),
}

impl Errand {
    fn fail(self, error: DialError) {
        // Whoever asked may have given up.
        match self {
            Self::Request(_, answer) => drop(answer.send(Err(error.into()))),
            Self::Stream(answer) => drop(answer.send(Err(error.into()))),
        }
    }
}

impl Dials {
    fn waiting(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    pub(super) fn waits_for(&self, peer: &PeerId) -> bool {
        self.waiting.contains_key(peer)
    }
}

impl Actor {
    /// Does an errand, connecting first where necessary.
    pub(super) fn run_errand(&mut self, node: NodeId, errand: Errand) {
        let Some(peer) = peer_id(&node) else {
            return errand.fail(DialError::NoAddress(node));
        };
        if self.bans.contains(&peer) {
            return errand.fail(DialError::Banned(node));
        }
        if self.peers.is_connected(&peer) {
            return self.do_errand(peer, errand);
        }
        if self.dials.waiting() + self.requests.sent.len() >= OWN_REQUESTS {
            return errand.fail(DialError::Busy);
        }
        let waiting = self.dials.waiting.entry(peer).or_default();
        waiting.push(errand);
        if waiting.len() == 1 {
            // Another dial to the peer may be under way, but this one's outcome will be known here.
            let direct = DialOpts::peer_id(peer).condition(PeerCondition::Always).build();
            self.dial(direct, Purpose::Errands { peer, relayed: false });
        }
    }

    fn do_errand(&mut self, peer: PeerId, errand: Errand) {
        match errand {
            Errand::Request(bytes, answer) => self.send_request(peer, bytes, answer),
            Errand::Stream(answer) => self.swarm.behaviour_mut().bulk.open(peer, answer),
        }
    }

    /// Connects to an address because the application wants it.
    pub(super) fn dial_asked(&mut self, address: Multiaddr, answer: Answer<Result<NodeId, DialError>>) {
        let named = named_peer(&address);
        let banned = named.filter(|peer| self.bans.contains(peer));
        if let Some(node) = banned.and_then(|peer| node_id(&peer)) {
            drop(answer.send(Err(DialError::Banned(node))));
            return;
        }
        let connected = named.filter(|peer| self.peers.is_connected(peer));
        if let Some(node) = connected.and_then(|peer| node_id(&peer)) {
            drop(answer.send(Ok(node)));
            return;
        }
        if self.dials.under_way.len() >= OWN_REQUESTS {
            drop(answer.send(Err(DialError::Busy)));
            return;
        }
        let options = match named {
            Some(peer) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(vec![address.clone()])
                .build(),
            None => DialOpts::unknown_peer_id().address(address.clone()).build(),
        };
        self.dial(options, Purpose::Asked(address, answer));
    }

    pub(super) fn dial(&mut self, options: DialOpts, purpose: Purpose) {
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                self.dials.under_way.insert(id, purpose);
            }
            Err(error) => self.dial_failed(purpose, &error),
        }
    }

    /// A connection is up: whoever waited for it, or for its peer, goes on.
    pub(super) fn dial_succeeded(&mut self, id: ConnectionId, peer: PeerId, node: NodeId) {
        match self.dials.under_way.remove(&id) {
            Some(Purpose::Asked(_, answer)) => drop(answer.send(Ok(node))),
            Some(Purpose::Bootstrap(index)) => self.bootstrap_dialled(index, peer),
            Some(Purpose::Errands { .. }) | None => {}
        }
        for errand in self.dials.waiting.remove(&peer).unwrap_or_default() {
            self.do_errand(peer, errand);
        }
    }

    pub(super) fn on_dial_failed(&mut self, id: ConnectionId, error: &swarm::DialError) {
        if let Some(purpose) = self.dials.under_way.remove(&id) {
            self.dial_failed(purpose, error);
        }
    }

    fn dial_failed(&mut self, purpose: Purpose, error: &swarm::DialError) {
        match purpose {
            Purpose::Asked(address, answer) => {
                let error = explain(error, named_peer(&address), Some(&address));
                drop(answer.send(Err(error)));
            }
            Purpose::Bootstrap(index) => {
                let address = self.bootstrap.get(index).map(|entry| entry.address.clone());
                let named = address.as_ref().and_then(named_peer);
                self.bootstrap_failed(index, explain(error, named, address.as_ref()));
            }
            Purpose::Errands { peer, relayed } => self.errands_failed(peer, relayed, error),
        }
    }

    fn errands_failed(&mut self, peer: PeerId, relayed: bool, error: &swarm::DialError) {
        if !self.dials.waits_for(&peer) {
            return;
        }
        let circuits = self.circuits_to(peer);
        if !relayed && !circuits.is_empty() {
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(circuits)
                .build();
            return self.dial(options, Purpose::Errands { peer, relayed: true });
        }
        let error = explain(error, Some(peer), None);
        for errand in self.dials.waiting.remove(&peer).unwrap_or_default() {
            errand.fail(error.clone());
        }
    }
}

/// libp2p's error in our terms.
fn explain(error: &swarm::DialError, expected: Option<PeerId>, dialled: Option<&Multiaddr>) -> DialError {
    let expected = expected.as_ref().and_then(node_id);
    match error {
        swarm::DialError::WrongPeerId { obtained, address } => {
            match (expected, node_id(obtained), dialled) {
                (Some(expected), Some(found), Some(address)) => DialError::WrongPeerId {
                    address: address.clone(),
                    expected,
                    found,
                },
                // A remembered address that somebody else has now is only out of date.
                _ => DialError::Unreachable(format!("{obtained} answers at {address}")),
            }
        }
        swarm::DialError::LocalPeerId { address } => DialError::Myself(address.clone()),
        swarm::DialError::NoAddresses => match (expected, dialled) {
            // The only address was one of those this party listens on.
            (_, Some(address)) => DialError::Myself(address.clone()),
            (Some(node), None) => DialError::NoAddress(node),
            (None, None) => DialError::Unreachable("no address".to_owned()),
        },
        swarm::DialError::Denied { cause } => DialError::Limit(root(cause)),
        swarm::DialError::Transport(attempts) => {
            let attempts: Vec<String> = attempts
                .iter()
                .map(|(address, error)| match error {
                    TransportError::MultiaddrNotSupported(_) => {
                        format!("{address}: no such transport here")
                    }
                    TransportError::Other(error) => format!("{address}: {}", root(error)),
                })
                .collect();
            DialError::Unreachable(attempts.join("; "))
        }
        other => DialError::Unreachable(other.to_string()),
    }
}

/// The innermost reason: the outer ones only say which layer passed it on.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
