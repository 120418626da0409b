//! Being reachable through the coordinators' relays, and reaching others through them.
//!
//! A node reserves a place on every bootstrap peer that relays, unless it is known to be reachable
//! under a public address. A reservation costs the relay next to nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::Actor;
use crate::address::{circuit, is_relayed, naming};
use crate::config::Role;

/// A refused reservation is asked for again after this: relays grant a peer 30 within two minutes.
const RETRY: Duration = Duration::from_secs(15);

/// The bootstrap peers that relay.
#[derive(Debug, Default)]
pub(super) struct Relays {
    relays: HashMap<PeerId, Relay>,
}

#[derive(Debug)]
struct Relay {
    listener: Option<ListenerId>,
    not_before: Instant,
}

impl Relays {
    pub(super) fn found(&mut self, peer: PeerId, now: Instant) {
        self.relays.entry(peer).or_insert(Relay {
            listener: None,
            not_before: now,
        });
    }

    pub(super) fn peer_gone(&mut self, peer: &PeerId) {
        self.relays.remove(peer);
    }

    pub(super) fn listener_closed(&mut self, listener: ListenerId, now: Instant) {
        for relay in self.relays.values_mut() {
            if relay.listener == Some(listener) {
                *relay = Relay {
                    listener: None,
                    not_before: now + RETRY,
                };
            }
        }
    }
}

impl Actor {
    pub(super) fn reserve_relays(&mut self, now: Instant) {
        if self.role == Role::Coordinator || self.external_given {
            return;
        }
        if self.swarm.external_addresses().any(is_public) {
            return self.give_up_reservations();
        }
        for (peer, relay) in &mut self.relays.relays {
            if relay.listener.is_some() || relay.not_before > now {
                continue;
            }
            relay.not_before = now + RETRY;
            let Some((_, address)) = self.peers.direct(peer) else {
                continue;
            };
            let through = naming(address.clone(), *peer).with(Protocol::P2pCircuit);
            match self.swarm.listen_on(through) {
                Ok(listener) => relay.listener = Some(listener),
                Err(error) => tracing::debug!(%peer, %error, "no reservation"),
            }
        }
    }

    fn give_up_reservations(&mut self) {
        for relay in self.relays.relays.values_mut() {
            if let Some(listener) = relay.listener.take() {
                tracing::info!("reachable without a relay");
                self.swarm.remove_listener(listener);
            }
        }
    }

    /// The ways to `peer` through relays that this party is connected to.
    pub(super) fn circuits_to(&self, peer: PeerId) -> Vec<Multiaddr> {
        let relays = self.relays.relays.keys().filter(|relay| **relay != peer);
        relays
            .filter_map(|relay| {
                let (_, address) = self.peers.direct(relay)?;
                Some(circuit(naming(address.clone(), *relay), peer))
            })
            .collect()
    }
}

/// Whether others can be expected to reach an address from anywhere. A coordinator on the same
/// machine or network confirms private addresses too; those make nobody reachable for the rest.
fn is_public(address: &Multiaddr) -> bool {
    if is_relayed(address) {
        return false;
    }
    let ip = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => return true,
        _ => return false,
    };
    match ip {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10 lies behind a carrier's NAT.
            let [a, b, ..] = ip.octets();
            let carrier = a == 100 && (64..128).contains(&b);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || carrier)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_not_public() {
        let public = [
            "/ip4/8.8.8.8/tcp/1",
            "/ip6/2600::1/tcp/1",
            "/dns4/quorate.example/tcp/1",
        ];
        let private = [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/192.168.1.2/tcp/1",
            "/ip4/10.0.0.1/udp/1/quic-v1",
            "/ip4/100.64.0.1/tcp/1",
            "/ip6/::1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/ip4/8.8.8.8/tcp/1/p2p-circuit",
            "/memory/1",
        ];
        assert!(public.iter().all(|text| is_public(&text.parse().unwrap())));
        for text in private {
            assert!(!is_public(&text.parse().unwrap()), "{text}");
        }
    }
}
