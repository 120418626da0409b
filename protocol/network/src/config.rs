//! What a party says about itself when it joins the network.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use libp2p::Multiaddr;
use quorate_core::{Keypair, NodeId};
use thiserror::Error;

use crate::limits::Limits;

/// What the application makes of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Deliver and pass on.
    Accept,
    /// Drop, and hold it against whoever passed it on.
    Reject,
    /// Drop without blame: stale, or nothing for us.
    Ignore,
}

/// Judges an announcement by its author and bytes, before it is passed on.
///
/// It runs on the network's own task: it must not block.
pub type AnnouncementCheck = Arc<dyn Fn(&NodeId, &[u8]) -> Validity + Send + Sync>;

/// What a party does for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publicly reachable: relays for nodes behind NAT, tells them how they look from outside,
    /// keeps the provider records, passes announcements to everybody.
    Coordinator,
    /// Any machine: uses those services.
    Node,
}

/// The name of a network, which is part of every protocol's name: 1 to 32 of `a-z`, `0-9`, `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkName(String);

/// The text is no network name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a network's name is 1 to 32 of the characters a-z, 0-9 and -, not `{text}`")]
pub struct NetworkNameError {
    text: String,
}

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=32).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NetworkNameError {
                text: text.chars().take(80).collect(),
            })
        }
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for NetworkName {
    /// The public network.
    fn default() -> Self {
        Self("main".to_owned())
    }
}

/// Everything [`crate::start`] needs to know.
#[derive(Clone)]
pub struct Config {
    /// The key that makes the peer id.
    pub identity: Keypair,
    /// Which network to join.
    pub network: NetworkName,
    /// What this party does for the others.
    pub role: Role,
    /// Where to listen; may be empty for a node, which is then reached through relays.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this party, where the owner knows them. A coordinator
    /// that gives none offers its listening addresses.
    pub external: Vec<Multiaddr>,
    /// Coordinators to stay connected to. `/p2p/…` at the end pins the key; without it the key
    /// that answers first is learned.
    pub bootstrap: Vec<Multiaddr>,
    /// Look for peers on the local network. Leave off on servers: hosting networks take
    /// multicast for abuse.
    pub mdns: bool,
    /// What strangers may use up.
    pub limits: Limits,
    /// Judges announcements before they are passed on.
    pub announcement_check: AnnouncementCheck,
}

impl Config {
    /// A configuration that listens nowhere, knows nobody, and accepts any announcement.
    #[must_use]
    pub fn new(identity: Keypair, role: Role) -> Self {
        Self {
            identity,
            network: NetworkName::default(),
            role,
            listen: Vec::new(),
            external: Vec::new(),
            bootstrap: Vec::new(),
            mdns: false,
            limits: Limits::for_role(role),
            announcement_check: Arc::new(|_, _| Validity::Accept),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("identity", &self.identity)
            .field("network", &self.network)
            .field("role", &self.role)
            .field("listen", &self.listen)
            .field("external", &self.external)
            .field("bootstrap", &self.bootstrap)
            .field("mdns", &self.mdns)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_names_are_narrow() {
        assert!("test-7".parse::<NetworkName>().is_ok());
        for bad in ["", "Main", "a/b", "a b", "ä", &"a".repeat(33)] {
            assert!(bad.parse::<NetworkName>().is_err(), "{bad}");
        }
    }
}
