//! Everything the swarm speaks, in the order in which connections are judged.

use std::time::Duration;

use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    autonat, connection_limits, dcutr, identify, kad, mdns, memory_connection_limits, ping, relay,
    request_response,
};

use crate::address::named_peer;
use crate::codec::Codec;
use crate::config::{Config, Role};
use crate::error::Error;
use crate::gossip::{self, Gossip};
use crate::limits::{Limits, REQUEST_STREAMS};
use crate::protocol::Names;
use crate::providers::{ProviderLimits, ProviderStore};
use crate::{bulk, keep_alive};

/// Provider records are announced again this often, and forgotten by others after
/// [`PROVIDER_LIFETIME`]. Nodes come and go within the day, so stale records should too; one lost
/// announcement must not lose the record.
const PROVIDER_INTERVAL: Duration = Duration::from_secs(4 * 3600);
const PROVIDER_LIFETIME: Duration = Duration::from_secs(10 * 3600);

/// A lookup asks a few coordinators; each answers within a round trip or not at all.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

/// Addresses learned from `identify` are kept for this many peers that are not connected.
const IDENTIFY_CACHE: usize = 512;

/// The first three fields judge a connection before any other protocol sees it.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) blocked: allow_block_list::Behaviour<BlockedPeers>,
    pub(crate) limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    pub(crate) keep_alive: keep_alive::Behaviour,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    pub(crate) kad: kad::Behaviour<ProviderStore>,
    pub(crate) gossip: Gossip,
    pub(crate) requests: request_response::Behaviour<Codec>,
    pub(crate) bulk: bulk::Behaviour,
    relay_client: relay::client::Behaviour,
    relay_server: Toggle<relay::Behaviour>,
    dcutr: Toggle<dcutr::Behaviour>,
    autonat_client: Toggle<autonat::v2::client::Behaviour>,
    autonat_server: Toggle<autonat::v2::server::Behaviour>,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Behaviour {
    pub(crate) fn new(
        config: &Config,
        names: &Names,
        keypair: &Keypair,
        relay_client: relay::client::Behaviour,
    ) -> Result<Self, Error> {
        let local = keypair.public().to_peer_id();
        let limits = &config.limits;
        let coordinator = config.role == Role::Coordinator;
        Ok(Self {
            blocked: allow_block_list::Behaviour::default(),
            limits: connection_limits(config),
            memory: memory_connection_limits::Behaviour::with_max_bytes(limits.memory),
            keep_alive: keep_alive::Behaviour::new(coordinator),
            ping: ping::Behaviour::default(),
            identify: identify(names, keypair),
            kad: kad(config.role, names, local),
            gossip: gossip::behaviour(keypair, config.role, limits.connections, names)
                .map_err(Error::Setup)?,
            requests: request_response::Behaviour::with_codec(
                Codec::new(limits.request_memory),
                [(names.request.clone(), request_response::ProtocolSupport::Full)],
                request_response::Config::default()
                    .with_request_timeout(limits.request_timeout)
                    .with_max_concurrent_streams(REQUEST_STREAMS),
            ),
            bulk: bulk::Behaviour::new(names.bulk.clone()),
            relay_client,
            relay_server: coordinator.then(|| relay_server(local, limits)).into(),
            dcutr: (!coordinator).then(|| dcutr::Behaviour::new(local)).into(),
            autonat_client: (!coordinator).then(Default::default).into(),
            autonat_server: coordinator.then(Default::default).into(),
            mdns: mdns(config, local)?.into(),
        })
    }
}

fn connection_limits(config: &Config) -> connection_limits::Behaviour {
    let limits = &config.limits;
    let bounds = connection_limits::ConnectionLimits::default()
        .with_max_established(Some(limits.connections))
        .with_max_established_per_peer(Some(limits.connections_per_peer))
        .with_max_pending_incoming(Some(limits.pending_incoming))
        .with_max_pending_outgoing(Some(limits.pending_outgoing));
    let mut behaviour = connection_limits::Behaviour::new(bounds);
    // Strangers must not be able to keep a node from its coordinator.
    for peer in config.bootstrap.iter().filter_map(named_peer) {
        behaviour.bypass_peer_id(&peer);
    }
    behaviour
}

fn identify(names: &Names, keypair: &Keypair) -> identify::Behaviour {
    let config = identify::Config::new(names.network.clone(), keypair.public())
        .with_agent_version(concat!("quorate/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_push_listen_addr_updates(true)
        .with_cache_size(IDENTIFY_CACHE);
    identify::Behaviour::new(config)
}

/// The routing table holds coordinators only: it is filled from the bootstrap list, never from
/// what strangers say, so nobody can talk their way into it.
fn kad(role: Role, names: &Names, local: libp2p::PeerId) -> kad::Behaviour<ProviderStore> {
    let mut config = kad::Config::new(names.kad.clone());
    config
        .set_query_timeout(QUERY_TIMEOUT)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_provider_publication_interval(Some(PROVIDER_INTERVAL))
        .set_provider_record_ttl(Some(PROVIDER_LIFETIME))
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_caching(kad::Caching::Disabled);
    let store = ProviderStore::new(local, ProviderLimits::DEFAULT);
    let mut behaviour = kad::Behaviour::with_config(local, store, config);
    behaviour.set_mode(Some(match role {
        Role::Coordinator => kad::Mode::Server,
        Role::Node => kad::Mode::Client,
    }));
    behaviour
}

fn relay_server(local: libp2p::PeerId, limits: &Limits) -> relay::Behaviour {
    let relay = &limits.relay;
    let mut behaviour = relay::Behaviour::new(
        local,
        relay::Config {
            max_reservations: relay.reservations,
            max_circuits: relay.circuits,
            max_circuits_per_peer: relay.circuits_per_peer,
            max_circuit_bytes: relay.circuit_bytes,
            max_circuit_duration: relay.circuit_duration,
            ..relay::Config::default()
        },
    );
    behaviour.set_status(Some(relay::Status::Enable));
    behaviour
}

fn mdns(config: &Config, local: libp2p::PeerId) -> Result<Option<mdns::tokio::Behaviour>, Error> {
    config
        .mdns
        .then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), local))
        .transpose()
        .map_err(Error::Mdns)
}
