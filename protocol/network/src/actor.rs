//! The task that owns the swarm.
//!
//! It waits for four things: commands from handles, events from the swarm, answers from the
//! application, and the clock. It never waits for anything else, so nothing outside can stall it:
//! events for a slow application are dropped and counted, and every table it keeps is bounded.

mod announcements;
mod bans;
mod bootstrap;
mod commands;
mod connections;
mod dials;
mod discovery;
mod peers;
mod relays;
mod requests;
mod streams;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Swarm};
use quorate_core::NodeId;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::conduct::Conduct;
use crate::config::{AnnouncementCheck, Config, Role};
use crate::error::Error;
use crate::event::Event;
use crate::handle::{Command, Handle};
use crate::limits::{COMMANDS, CONDUCT_ENTRIES, EVENTS, FAREWELL, HOUSEKEEPING, Limits};
use crate::metrics::Metrics;
use crate::protocol::Names;
use crate::swarm;

use self::bans::Bans;
use self::bootstrap::Bootstrap;
use self::dials::Dials;
use self::discovery::Discovery;
use self::peers::Peers;
use self::relays::Relays;
use self::requests::Requests;
use self::streams::Streams;

/// Starts the task.
pub(crate) async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<Event>), Error> {
    let names = Names::new(&config.network);
    let tasks = TaskTracker::new();
    let mut swarm = swarm::build(&config, &names, &tasks)?;
    for address in &config.external {
        swarm.add_external_address(address.clone());
    }
    let early = swarm::listen(&mut swarm, &config.listen).await?;

    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (events, event_queue) = mpsc::channel(EVENTS);
    let handle = Handle {
        local: config.identity.node_id(),
        commands,
        metrics: Arc::new(Metrics::new()),
        stop: CancellationToken::new(),
        tasks: tasks.clone(),
    };
    let mut actor = Actor::new(config, names, swarm, events, &handle);
    for event in early {
        actor.on_swarm_event(event);
    }
    tasks.spawn(actor.run(command_queue, handle.stop.clone()));
    // `shutdown` waits for a closed tracker; closing does not keep it from spawning.
    tasks.close();
    Ok((handle, event_queue))
}

struct Actor {
    swarm: Swarm<Behaviour>,
    local: PeerId,
    names: Names,
    role: Role,
    limits: Limits,
    /// Whether the owner said where this party is reached.
    external_given: bool,
    check: AnnouncementCheck,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<Event>,
    /// Events lost since the last that went through.
    lost: u64,
    rng: StdRng,
    peers: Peers,
    conduct: Conduct<PeerId>,
    authors: Conduct<NodeId>,
    bans: Bans,
    bootstrap: Vec<Bootstrap>,
    dials: Dials,
    requests: Requests,
    discovery: Discovery,
    relays: Relays,
    streams: Streams,
}

impl Actor {
    fn new(
        config: Config,
        names: Names,
        swarm: Swarm<Behaviour>,
        events: mpsc::Sender<Event>,
        handle: &Handle,
    ) -> Self {
        let limits = config.limits;
        let now = Instant::now();
        Self {
            local: *swarm.local_peer_id(),
            swarm,
            names,
            role: config.role,
            external_given: !config.external.is_empty(),
            check: config.announcement_check,
            metrics: Arc::clone(&handle.metrics),
            events,
            lost: 0,
            rng: rand::make_rng(),
            peers: Peers::default(),
            conduct: Conduct::new(limits.requests, limits.bans, CONDUCT_ENTRIES),
            authors: Conduct::new(limits.announcements, limits.bans, CONDUCT_ENTRIES),
            bans: Bans::default(),
            bootstrap: config
                .bootstrap
                .into_iter()
                .map(|a| Bootstrap::new(a, now))
                .collect(),
            dials: Dials::default(),
            requests: Requests {
                sent: HashMap::new(),
                answers: FuturesUnordered::new(),
            },
            discovery: Discovery::new(now),
            relays: Relays::default(),
            streams: Streams::new(&limits),
            limits,
        }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut clock = tokio::time::interval(HOUSEKEEPING);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(answer) = self.requests.answers.next() => self.on_answer(answer),
                _ = clock.tick() => self.housekeeping(Instant::now()),
            }
        }
        drop(commands);
        self.farewell().await;
    }

    fn housekeeping(&mut self, now: Instant) {
        self.lift_bans(now);
        self.redial_bootstrap(now);
        self.reserve_relays(now);
        self.close_superseded(now);
        self.publish_providers();
        self.sweep_providers(now);
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.metrics.record_swarm(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                ..
            } => {
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id, error, ..
            } => {
                self.on_dial_failed(connection_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.emit(Event::NotListening(address));
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                addresses,
                ..
            } => {
                self.relays.listener_closed(listener_id, Instant::now());
                for address in addresses {
                    self.emit(Event::NotListening(address));
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a listener reported an error");
            }
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(event) => {
                self.metrics.record(&event);
                self.on_ping(event);
            }
            BehaviourEvent::Identify(event) => {
                self.metrics.record(&event);
                self.on_identify(event);
            }
            BehaviourEvent::Kad(event) => {
                self.metrics.record(&event);
                self.on_kad(event);
            }
            BehaviourEvent::Gossip(event) => {
                self.metrics.record(&event);
                self.on_gossip(event);
            }
            BehaviourEvent::RelayServer(event) => self.metrics.record(&event),
            BehaviourEvent::Dcutr(event) => self.metrics.record(&event),
            BehaviourEvent::Requests(event) => self.on_request_event(event),
            BehaviourEvent::Bulk(incoming) => self.on_incoming_stream(incoming),
            BehaviourEvent::Mdns(event) => self.on_mdns(event),
            BehaviourEvent::RelayClient(event) => tracing::debug!(?event, "relay"),
            BehaviourEvent::AutonatClient(event) => tracing::debug!(?event, "reachability"),
            BehaviourEvent::AutonatServer(event) => tracing::debug!(?event, "reachability check"),
            BehaviourEvent::Blocked(never)
            | BehaviourEvent::Limits(never)
            | BehaviourEvent::Memory(never)
            | BehaviourEvent::KeepAlive(never) => match never {},
        }
    }

    /// Tells the application, unless it lags.
    fn emit(&mut self, event: Event) {
        if self.lost > 0 && self.events.try_send(Event::Lagged(self.lost)).is_ok() {
            self.lost = 0;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.lost += 1;
            self.metrics.events_lost.inc();
        }
    }

    /// Closes what is open and lets the swarm say goodbye.
    async fn farewell(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // It may have gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let gone = async {
            while self.swarm.network_info().connection_counters().num_connections() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(FAREWELL, gone).await.is_err() {
            tracing::debug!("some connections did not close in time");
        }
    }
}
