//! Parties, and waiting for what they report.

use std::time::Duration;

use futures::StreamExt;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, SwarmBuilder, noise, tcp, yamux};
use quorate_core::{Keypair, NodeId};
use quorate_network::{Backoff, Config, Event, Handle, Role, start};
use tokio::sync::mpsc;

/// Nothing here takes a second; a loaded machine may take many.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

pub(crate) fn key(seed: u8) -> Keypair {
    Keypair::from_secret([seed; 32])
}

/// A party that listens on a free TCP port and comes back fast.
pub(crate) fn config(seed: u8, role: Role) -> Config {
    let mut config = Config::new(key(seed), role);
    config.network = "test".parse().unwrap();
    config.listen = vec![TCP.parse().unwrap()];
    config.limits.reconnect = Backoff {
        first: Duration::from_millis(50),
        max: Duration::from_millis(500),
    };
    config
}

pub(crate) fn coordinator(seed: u8) -> Config {
    config(seed, Role::Coordinator)
}

/// A node that knows `coordinator`.
pub(crate) fn node_of(coordinator: &Multiaddr, seed: u8) -> Config {
    let mut config = config(seed, Role::Node);
    config.bootstrap = vec![coordinator.clone()];
    config
}

/// A running party.
pub(crate) struct Party {
    pub(crate) handle: Handle,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Party {
    pub(crate) async fn start(config: Config) -> Self {
        let (handle, events) = start(config).await.unwrap();
        Self { handle, events }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.handle.local_id()
    }

    /// The first address it listens on.
    pub(crate) async fn address(&self) -> Multiaddr {
        self.handle.addresses().await.first().unwrap().clone()
    }

    /// Waits for the first event that `pick` picks.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the party has ended");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no {what}"))
    }

    pub(crate) async fn connected(&mut self, to: NodeId) {
        self.wait("connection", |event| {
            matches!(event, Event::Connected(node) if node == to).then_some(())
        })
        .await;
    }

    pub(crate) async fn disconnected(&mut self, from: NodeId) {
        self.wait("disconnection", |event| {
            matches!(event, Event::Disconnected(node) if node == from).then_some(())
        })
        .await;
    }

    pub(crate) async fn announcement(&mut self) -> (NodeId, Vec<u8>) {
        self.wait("announcement", |event| match event {
            Event::Announcement { from, bytes } => Some((from, bytes)),
            _ => None,
        })
        .await
    }

    /// Answers every request with its bytes reversed, for ever.
    pub(crate) fn echo_backwards(self) -> Handle {
        let Self { handle, mut events } = self;
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let Event::Request { mut bytes, reply, .. } = event {
                    bytes.reverse();
                    // The asker may be gone.
                    let _ = reply.send(bytes);
                }
            }
        });
        handle
    }
}

/// Waits until a state is reached that no event reports.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"))
}

/// The address without the peer at its end.
pub(crate) fn bare(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

/// A peer that speaks nothing but raw streams, and listens.
pub(crate) struct Raw {
    pub(crate) node: NodeId,
    pub(crate) address: Multiaddr,
    pub(crate) control: libp2p_stream::Control,
    connected: mpsc::UnboundedReceiver<PeerId>,
}

impl Raw {
    pub(crate) async fn start() -> Self {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(3600)))
            .build();
        swarm.listen_on(TCP.parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let (peer, control) = (*swarm.local_peer_id(), swarm.behaviour().new_control());
        let (established, connected) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                if let SwarmEvent::ConnectionEstablished { peer_id, .. } = swarm.select_next_some().await {
                    // The test may have ended.
                    let _ = established.send(peer_id);
                }
            }
        });
        let node = NodeId::from_peer_id_bytes(&peer.to_bytes()).unwrap();
        Self {
            node,
            address,
            control,
            connected,
        }
    }

    /// Waits for the next connection and says with whom.
    pub(crate) async fn connected(&mut self) -> PeerId {
        let next = tokio::time::timeout(PATIENCE, self.connected.recv()).await;
        next.unwrap().unwrap()
    }
}
