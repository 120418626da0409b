//! What strangers may use up, with the reason for every number.
//!
//! These are defaults; a party may change them. The sizes of messages are not here: both ends must
//! agree on those, see [`MAX_REQUEST`](crate::MAX_REQUEST) and its like.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::bucket::Rate;
use crate::conduct::BanRule;
use crate::config::Role;

/// The bounds of one party.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Established connections, all peers together.
    pub connections: u32,
    /// Established connections with one peer.
    pub connections_per_peer: u32,
    /// Inbound handshakes at once.
    pub pending_incoming: u32,
    /// Outbound dials at once.
    pub pending_outgoing: u32,
    /// No new connections while the process holds more memory than this.
    pub memory: usize,
    /// Bytes of requests held at once, all peers together, from the first byte read until the
    /// answer.
    pub request_memory: usize,
    /// Requests a peer may make.
    pub requests: Rate,
    /// Announcements an author may make.
    pub announcements: Rate,
    /// When a peer's excesses become a ban.
    pub bans: BanRule,
    /// From opening a request's stream to the last byte of its answer.
    pub request_timeout: Duration,
    /// One attempt to connect, handshakes included.
    pub connect_timeout: Duration,
    /// Connections that nobody uses are closed after this. Those to bootstrap peers, and all of a
    /// coordinator's, stay.
    pub idle_timeout: Duration,
    /// Bulk streams that others hold open to this party.
    pub bulk_streams: usize,
    /// Of those, one peer's.
    pub bulk_streams_per_peer: usize,
    /// When to dial a lost bootstrap peer again.
    pub reconnect: Backoff,
    /// What a coordinator relays.
    pub relay: RelayLimits,
}

/// What a coordinator relays for nodes that cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayLimits {
    /// Nodes that may be reachable through it.
    pub reservations: usize,
    /// Circuits at once.
    pub circuits: usize,
    /// Circuits at once of one peer.
    pub circuits_per_peer: usize,
    /// Bytes per circuit and direction.
    pub circuit_bytes: u64,
    /// The longest life of a circuit.
    pub circuit_duration: Duration,
}

const MIB: usize = 1024 * 1024;
const GIB: usize = 1024 * MIB;

impl Limits {
    /// The defaults for a role.
    #[must_use]
    pub fn for_role(role: Role) -> Self {
        let coordinator = role == Role::Coordinator;
        Self {
            // A node talks to its coordinators, some verifiers and some mesh peers: tens. A
            // coordinator holds one connection for every node it serves.
            connections: if coordinator { 4096 } else { 256 },
            // One is normal; a relayed one being replaced by a direct one, simultaneous dials and
            // the dial-back of a reachability check make four.
            connections_per_peer: 4,
            // A handshake is over in a second; more than this many at once is a flood.
            pending_incoming: if coordinator { 128 } else { 32 },
            // Own requests to that many peers at once, the bootstrap list, and a lookup.
            pending_outgoing: 96,
            // The network is a guest in a process that also unpacks artifacts; volunteers' machines
            // have at least 8 GiB.
            memory: if coordinator { 4 * GIB } else { 2 * GIB },
            // 128 requests of the largest size.
            request_memory: 32 * MIB,
            // A node at work asks about once a second; following a ledger asks in bursts.
            requests: Rate {
                burst: 128,
                per_second: 32.0,
            },
            // An author announces a few digests a minute.
            announcements: Rate {
                burst: 32,
                per_second: 1.0,
            },
            bans: BanRule {
                // A correct client waits as it is told, so it collects a few strikes at most.
                strikes: Rate {
                    burst: 64,
                    per_second: 0.5,
                },
                // Long enough to stop a flood, short enough that a restarted program after a fix
                // is not locked out for the day.
                first: Duration::from_secs(60),
                max: Duration::from_secs(24 * 3600),
                forget_after: Duration::from_secs(48 * 3600),
            },
            // 4 MiB at 2 Mbit/s take 17 seconds.
            request_timeout: Duration::from_secs(30),
            // Three SYN retransmissions.
            connect_timeout: Duration::from_secs(10),
            // Longer than the pauses between the steps of one conversation, shorter than a coffee.
            idle_timeout: Duration::from_secs(60),
            // Each may hold 256 KiB of buffers or more; a node serves a handful of verifiers.
            bulk_streams: if coordinator { 256 } else { 64 },
            bulk_streams_per_peer: 8,
            // A restart takes seconds; an outage of hours should not be hammered.
            reconnect: Backoff {
                first: Duration::from_secs(1),
                max: Duration::from_secs(60),
            },
            relay: RelayLimits {
                // Most volunteers sit behind NAT.
                reservations: 4096,
                // Hole punching makes most circuits short; the rest carry artifacts.
                circuits: 256,
                circuits_per_peer: 8,
                // An artifact and its transcript, where no direct connection can be had.
                circuit_bytes: 256 * MIB as u64,
                // The same at 2 Mbit/s.
                circuit_duration: Duration::from_secs(30 * 60),
            },
        }
    }
}

/// Peers whose conduct is remembered. About 150 bytes each; a flood of fresh keys costs the
/// attacker a handshake per entry.
pub(crate) const CONDUCT_ENTRIES: usize = 16_384;

/// Bans in force at once. Peer ids are free, so a ban list cannot be complete anyway; beyond
/// this the ban that ends first ends now.
pub(crate) const BANS: usize = 8192;

/// Inbound requests waiting for the application's answer. Above this it is busy and says so.
pub(crate) const PENDING_REPLIES: usize = 256;

/// Own requests and dials under way: each may bring 4 MiB.
pub(crate) const OWN_REQUESTS: usize = 64;

/// Requests at once on one connection, both directions together: as many of each as one party may
/// have under way. What they hold is bounded by `Limits::request_memory`.
pub(crate) const REQUEST_STREAMS: usize = 2 * OWN_REQUESTS;

/// Streams of all protocols at once on one connection: the requests, 32 of Kademlia, bulk and the
/// long-lived ones.
pub(crate) const STREAMS_PER_CONNECTION: usize = 256;

/// Streams of one connection whose protocol is still being negotiated.
pub(crate) const NEGOTIATING_STREAMS: usize = 64;

/// Commands queued by the application; each waits for its turn, so a short queue is enough.
pub(crate) const COMMANDS: usize = 64;

/// Events the application has not taken yet. With requests bounded by `request_memory` and
/// announcements by 4 KiB, a full queue is below 40 MiB.
pub(crate) const EVENTS: usize = 1024;

/// Bulk streams that wait to be taken by the application; more at once are refused.
pub(crate) const WAITING_STREAMS: usize = 16;

/// Addresses remembered per peer, and taken from one message.
pub(crate) const ADDRESSES_PER_PEER: usize = 8;

/// Bytes of one address; the longest sensible one, a relayed QUIC address, has about 120.
pub(crate) const ADDRESS_BYTES: usize = 256;

/// How often bans, reconnects and relays are looked after. Everything there has a resolution of
/// seconds; a quarter keeps the first reconnect from waiting a whole one.
pub(crate) const HOUSEKEEPING: Duration = Duration::from_millis(250);

/// How long `shutdown` lets connections close in an orderly way.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);
