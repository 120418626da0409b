//! Building the swarm and getting it to listen.

use std::io;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::{ListenerId, TransportError};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, quic, swarm, tcp, yamux};
use tokio_util::task::TaskTracker;

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::config::Config;
use crate::error::Error;
use crate::identity::libp2p_keypair;
use crate::limits::{NEGOTIATING_STREAMS, STREAMS_PER_CONNECTION};
use crate::protocol::Names;

/// The operating system reports a new listener's addresses at once, or never.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the swarm; its connections run on `tasks`.
pub(crate) fn build(config: &Config, names: &Names, tasks: &TaskTracker) -> Result<Swarm<Behaviour>, Error> {
    let setup = |error: &dyn std::error::Error| Error::Setup(error.to_string());
    let keypair = libp2p_keypair(&config.identity)
        .ok_or_else(|| Error::Setup("the identity is no usable Ed25519 key".to_owned()))?;
    let tasks = tasks.clone();
    // The builder takes errors of any kind and keeps them to itself.
    let mut failure = None;
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux_config,
        )
        .map_err(|error| setup(&error))?
        .with_quic_config(quic_config)
        .with_dns()
        .map_err(Error::Dns)?
        .with_relay_client(noise::Config::new, yamux_config)
        .map_err(|error| setup(&error))?
        .with_behaviour(|keypair, relay| {
            Behaviour::new(config, names, keypair, relay).map_err(|error| {
                failure = Some(error);
                Box::from("see `failure`")
            })
        });
    let swarm = match (swarm, failure) {
        (Ok(swarm), _) => swarm,
        (Err(_), Some(error)) => return Err(error),
        (Err(error), None) => return Err(setup(&error)),
    };
    let swarm = swarm
        .with_swarm_config(|_| {
            swarm::Config::with_executor(move |task| {
                tasks.spawn(task);
            })
            .with_idle_connection_timeout(config.limits.idle_timeout)
            .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS)
        })
        .with_connection_timeout(config.limits.connect_timeout)
        .build();
    Ok(swarm)
}

fn yamux_config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_PER_CONNECTION);
    config
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    // The receive windows stay at libp2p's 10 and 15 MB: 100 MB/s at a round trip of 100 ms.
    config.max_concurrent_stream_limit = u32::try_from(STREAMS_PER_CONNECTION).unwrap_or(u32::MAX);
    config
}

/// Listens on every address; returns what the swarm reported meanwhile.
pub(crate) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    addresses: &[Multiaddr],
) -> Result<Vec<SwarmEvent<BehaviourEvent>>, Error> {
    let mut waiting = Vec::new();
    for address in addresses {
        check_free(address)?;
        let listener = swarm
            .listen_on(address.clone())
            .map_err(|error| listen_error(address, error))?;
        waiting.push((listener, address.clone()));
    }
    let mut events = Vec::new();
    let all = await_listeners(swarm, &mut waiting, &mut events);
    match tokio::time::timeout(LISTEN_TIMEOUT, all).await {
        Ok(result) => result?,
        Err(_) => {
            if let Some((_, address)) = waiting.pop() {
                return Err(Error::NoInterface { address });
            }
        }
    }
    Ok(events)
}

async fn await_listeners(
    swarm: &mut Swarm<Behaviour>,
    waiting: &mut Vec<(ListenerId, Multiaddr)>,
    events: &mut Vec<SwarmEvent<BehaviourEvent>>,
) -> Result<(), Error> {
    while !waiting.is_empty() {
        let event = swarm.select_next_some().await;
        match &event {
            SwarmEvent::NewListenAddr { listener_id, .. } => {
                waiting.retain(|(id, _)| id != listener_id);
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                reason: Err(error),
                ..
            } => {
                if let Some((_, address)) = waiting.iter().find(|(id, _)| id == listener_id) {
                    let source = io::Error::new(error.kind(), error.to_string());
                    return Err(Error::Listen {
                        address: address.clone(),
                        source,
                    });
                }
            }
            _ => {}
        }
        events.push(event);
    }
    Ok(())
}

/// libp2p shares TCP ports between sockets (for hole punching), and the system then lets a second
/// process of the same user listen on a port that is taken. A plain socket is not let. For UDP a
/// plain socket tells the reason more plainly than the transport does.
fn check_free(address: &Multiaddr) -> Result<(), Error> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let bound = match parts.next() {
        Some(Protocol::Tcp(port)) => TcpListener::bind((ip, port)).map(drop),
        Some(Protocol::Udp(port)) => UdpSocket::bind((ip, port)).map(drop),
        _ => Ok(()),
    };
    bound.map_err(|error| listen_error(address, TransportError::Other(error)))
}

fn listen_error(address: &Multiaddr, error: TransportError<io::Error>) -> Error {
    let address = address.clone();
    match error {
        TransportError::MultiaddrNotSupported(_) => Error::Unsupported { address },
        TransportError::Other(source) if source.kind() == io::ErrorKind::AddrInUse => {
            Error::PortInUse { address }
        }
        TransportError::Other(source) => Error::Listen { address, source },
    }
}
