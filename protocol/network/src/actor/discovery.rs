//! Who provides what, and who is near.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::kad::{self, GetProvidersOk, InboundRequest, ProviderRecord, QueryId, QueryResult, RecordKey};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, NetworkBehaviour};
use libp2p::{Multiaddr, PeerId, mdns};
use quorate_core::{Digest, NodeId};

use super::Actor;
use crate::address::sensible;
use crate::error::PublishError;
use crate::handle::Answer;
use crate::identity::node_id;
use crate::limits::OWN_REQUESTS;
use crate::providers::{ProviderLimits, key};

/// Provider records sent out per round of housekeeping: 64 a second, so that a node with thousands
/// of artifacts does not fall upon a coordinator that has just come back.
const PUBLISHED_AT_ONCE: usize = 16;

/// Providers kept of one lookup; coordinators keep 20 each.
const FOUND: usize = 64;

/// Expired records cost only memory, so they are swept rarely.
const SWEEP: Duration = Duration::from_secs(600);

/// Peers of the local network that are dialled of own accord: enough for announcements to spread.
const NEIGHBOURS: usize = 16;

/// Lookups under way and records to send out.
#[derive(Debug)]
pub(super) struct Discovery {
    lookups: HashMap<QueryId, Lookup>,
    to_publish: VecDeque<RecordKey>,
    swept: Instant,
}

#[derive(Debug)]
struct Lookup {
    found: HashSet<NodeId>,
    answer: Answer<Vec<NodeId>>,
}

impl Discovery {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            lookups: HashMap::new(),
            to_publish: VecDeque::new(),
            swept: now,
        }
    }
}

impl Actor {
    pub(super) fn provide(&mut self, digest: &Digest) -> Result<(), PublishError> {
        let key = key(digest);
        let record = ProviderRecord::new(key.clone(), self.local, Vec::new());
        let store = self.swarm.behaviour_mut().kad.store_mut();
        kad::store::RecordStore::add_provider(store, record).map_err(|_| PublishError::TooMany {
            limit: ProviderLimits::DEFAULT.own,
        })?;
        self.discovery.to_publish.push_front(key);
        // Each own key once: the queue is bounded by the store, twice over.
        self.discovery
            .to_publish
            .truncate(2 * ProviderLimits::DEFAULT.own);
        Ok(())
    }

    pub(super) fn unprovide(&mut self, digest: &Digest) {
        let key = key(digest);
        self.swarm.behaviour_mut().kad.stop_providing(&key);
        self.discovery.to_publish.retain(|other| *other != key);
    }

    /// Sends out all own records: a coordinator that has restarted has lost them.
    pub(super) fn publish_all_providers(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        self.discovery.to_publish = kad.store_mut().own_keys().cloned().collect();
    }

    pub(super) fn publish_providers(&mut self) {
        for _ in 0..PUBLISHED_AT_ONCE {
            let Some(key) = self.discovery.to_publish.pop_front() else {
                return;
            };
            if let Err(error) = self.swarm.behaviour_mut().kad.start_providing(key) {
                tracing::warn!(%error, "a provider record was not announced");
            }
        }
    }

    pub(super) fn sweep_providers(&mut self, now: Instant) {
        if now.saturating_duration_since(self.discovery.swept) >= SWEEP {
            self.discovery.swept = now;
            self.swarm.behaviour_mut().kad.store_mut().sweep(now);
        }
    }

    pub(super) fn look_up(&mut self, digest: &Digest, answer: Answer<Vec<NodeId>>) {
        if self.discovery.lookups.len() >= OWN_REQUESTS {
            drop(answer.send(Vec::new()));
            return;
        }
        let query = self.swarm.behaviour_mut().kad.get_providers(key(digest));
        self.discovery.lookups.insert(
            query,
            Lookup {
                found: HashSet::new(),
                answer,
            },
        );
    }

    pub(super) fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest {
                request: InboundRequest::AddProvider { record: Some(record) },
            } => self.on_provider_record(record),
            kad::Event::OutboundQueryProgressed {
                id,
                result: QueryResult::GetProviders(result),
                step,
                ..
            } => {
                if let Ok(GetProvidersOk::FoundProviders { providers, .. }) = result {
                    self.on_providers_found(id, providers);
                }
                if step.last
                    && let Some(lookup) = self.discovery.lookups.remove(&id)
                {
                    // Whoever asked may have given up.
                    drop(lookup.answer.send(lookup.found.into_iter().collect()));
                }
            }
            _ => {}
        }
    }

    /// Keeps a record that a peer sent about itself. Kademlia passes on only records with addresses,
    /// so a record without any gets those the peer is known to listen on, or at least its name:
    /// whoever asks can try this party's relay.
    fn on_provider_record(&mut self, mut record: ProviderRecord) {
        let peer = record.provider;
        let listens = self
            .peers
            .get(&peer)
            .map(|known| known.listens.clone())
            .unwrap_or_default();
        record.addresses = sensible(record.addresses.into_iter().chain(listens), peer);
        if record.addresses.is_empty() {
            record
                .addresses
                .push(Multiaddr::empty().with(Protocol::P2p(peer)));
        }
        let store = self.swarm.behaviour_mut().kad.store_mut();
        if let Err(error) = store.offer(record, Instant::now()) {
            tracing::debug!(%peer, %error, "a provider record was not kept");
        }
    }

    fn on_providers_found(&mut self, query: QueryId, providers: HashSet<PeerId>) {
        for peer in providers {
            self.remember_addresses(peer);
            if let Some(lookup) = self.discovery.lookups.get_mut(&query)
                && lookup.found.len() < FOUND
                && let Some(node) = node_id(&peer)
            {
                lookup.found.insert(node);
            }
        }
    }

    /// Kademlia knows the addresses of what a lookup finds only while the lookup runs, and tells
    /// them only to a dial. They are needed after it.
    fn remember_addresses(&mut self, peer: PeerId) {
        let nobody = ConnectionId::new_unchecked(0);
        let kad = &mut self.swarm.behaviour_mut().kad;
        let addresses = kad.handle_pending_outbound_connection(nobody, Some(peer), &[], Endpoint::Dialer);
        for address in sensible(addresses.unwrap_or_default(), peer) {
            self.add_address(peer, address);
        }
    }

    pub(super) fn add_address(&mut self, peer: PeerId, address: Multiaddr) {
        let says_nothing = address.iter().all(|part| matches!(part, Protocol::P2p(_)));
        if !says_nothing {
            self.swarm.add_peer_address(peer, address);
        }
    }

    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else {
            return;
        };
        for (peer, address) in found {
            if peer == self.local || sensible([address.clone()], peer).is_empty() {
                continue;
            }
            self.add_address(peer, address.clone());
            if !self.peers.is_connected(&peer) && self.peers.len() < NEIGHBOURS {
                let options = DialOpts::peer_id(peer).addresses(vec![address]).build();
                // It may be under way already, or forbidden; it will be announced again.
                let _ = self.swarm.dial(options);
            }
        }
    }
}
