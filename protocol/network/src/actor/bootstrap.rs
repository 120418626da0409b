//! Staying connected to the coordinators that the owner named.

use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};

use super::Actor;
use super::dials::Purpose;
use crate::address::named_peer;
use crate::error::DialError;
use crate::event::Event;

/// A connection that stood this long was a good one: after it, pauses start short again. A shorter
/// one may be a coordinator that is full and lets nobody stay.
const STABLE: Duration = Duration::from_secs(30);

/// One address of the bootstrap list.
#[derive(Debug)]
pub(super) struct Bootstrap {
    pub(super) address: Multiaddr,
    /// The peer the address names, else the one that answered last.
    pub(super) peer: Option<PeerId>,
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Dialling,
    Connected { since: Instant },
}

impl Bootstrap {
    pub(super) fn new(address: Multiaddr, now: Instant) -> Self {
        let peer = named_peer(&address);
        Self {
            address,
            peer,
            failures: 0,
            state: State::Waiting { until: now },
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, State::Waiting { until } if until <= now)
    }

    fn connected(&mut self, peer: PeerId, now: Instant) {
        self.peer = Some(peer);
        self.state = State::Connected { since: now };
    }

    /// Counts a failure; the state is set by whoever knows the pause.
    fn failed(&mut self, now: Instant) -> u32 {
        if let State::Connected { since } = self.state
            && now.saturating_duration_since(since) >= STABLE
        {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.failures
    }
}

impl Actor {
    pub(super) fn redial_bootstrap(&mut self, now: Instant) {
        for index in 0..self.bootstrap.len() {
            let Some(entry) = self.bootstrap.get_mut(index).filter(|e| e.is_due(now)) else {
                continue;
            };
            // Another address of the list, or the peer itself, may have made the connection.
            let connected = entry.peer.filter(|peer| self.peers.direct(peer).is_some());
            if let Some(peer) = connected {
                entry.connected(peer, now);
                continue;
            }
            entry.state = State::Dialling;
            let options = match named_peer(&entry.address) {
                Some(peer) => DialOpts::peer_id(peer)
                    .condition(PeerCondition::Always)
                    .addresses(vec![entry.address.clone()])
                    .build(),
                None => DialOpts::unknown_peer_id().address(entry.address.clone()).build(),
            };
            self.dial(options, Purpose::Bootstrap(index));
        }
    }

    /// The dial for an entry succeeded.
    pub(super) fn bootstrap_dialled(&mut self, index: usize, peer: PeerId) {
        if let Some(entry) = self.bootstrap.get_mut(index) {
            entry.connected(peer, Instant::now());
        }
    }

    /// The dial for an entry failed.
    pub(super) fn bootstrap_failed(&mut self, index: usize, error: DialError) {
        let now = Instant::now();
        let Some(entry) = self.bootstrap.get_mut(index) else {
            return;
        };
        let retry_in = self.limits.reconnect.pause(entry.failed(now), &mut self.rng);
        entry.state = State::Waiting {
            until: now + retry_in,
        };
        let address = entry.address.clone();
        tracing::warn!(%address, %error, ?retry_in, "bootstrap failed");
        self.emit(Event::BootstrapFailed {
            address,
            error,
            retry_in,
        });
    }

    /// A direct connection with `peer` is up, whoever made it.
    pub(super) fn note_bootstrap(&mut self, peer: PeerId, id: ConnectionId, address: &Multiaddr) {
        if !self.is_bootstrap(&peer) {
            return;
        }
        let behaviour = self.swarm.behaviour_mut();
        behaviour.keep_alive.keep(peer, id);
        behaviour.limits.bypass_peer_id(&peer);
        let listening: Vec<Multiaddr> = self
            .bootstrap
            .iter()
            .filter(|entry| entry.peer == Some(peer))
            .map(|entry| entry.address.clone())
            .collect();
        tracing::info!(%peer, %address, "connected to a bootstrap peer");
        for address in listening {
            // Where it does not fit the table, the peer is asked through others.
            let _ = self.swarm.behaviour_mut().kad.add_address(&peer, address);
        }
        self.publish_all_providers();
    }

    /// The last connection with `peer` is gone.
    pub(super) fn bootstrap_lost(&mut self, peer: PeerId) {
        let now = Instant::now();
        for entry in &mut self.bootstrap {
            if entry.peer == Some(peer) && matches!(entry.state, State::Connected { .. }) {
                let pause = self.limits.reconnect.pause(entry.failed(now), &mut self.rng);
                tracing::info!(%peer, ?pause, "lost a bootstrap peer");
                entry.state = State::Waiting { until: now + pause };
            }
        }
    }

    pub(super) fn is_bootstrap(&self, peer: &PeerId) -> bool {
        self.bootstrap.iter().any(|entry| entry.peer == Some(*peer))
    }

    /// Reports a failure of every entry that `peer` answers, and makes them wait.
    pub(super) fn bootstrap_refused(&mut self, peer: PeerId, error: &DialError) {
        for index in 0..self.bootstrap.len() {
            if self
                .bootstrap
                .get(index)
                .is_some_and(|entry| entry.peer == Some(peer))
            {
                self.bootstrap_failed(index, error.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_stood_makes_pauses_short_again() {
        let now = Instant::now();
        let mut entry = Bootstrap::new("/ip4/1.2.3.4/tcp/5".parse().unwrap(), now);
        assert!(entry.is_due(now));
        assert_eq!((entry.failed(now), entry.failed(now)), (1, 2));

        entry.connected(PeerId::random(), now);
        assert!(!entry.is_due(now));
        assert_eq!(
            entry.failed(now + Duration::from_secs(1)),
            3,
            "it was thrown out at once"
        );
        entry.connected(PeerId::random(), now);
        assert_eq!(entry.failed(now + STABLE), 1);
    }
}
