//! What can go wrong, in words that say what to do next.

use std::io;
use std::time::Duration;

use libp2p::Multiaddr;
use quorate_core::NodeId;
use thiserror::Error;

/// Why the network could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens there.
    #[error("the port of {address} is in use: stop the other program or choose another port")]
    PortInUse {
        /// The address.
        address: Multiaddr,
    },
    /// The address is of no kind that is served.
    #[error("cannot listen on {address}: use /ip4/…/tcp/… or /ip4/…/udp/…/quic-v1, or the same with ip6")]
    Unsupported {
        /// The address.
        address: Multiaddr,
    },
    /// The operating system refused.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Its reason.
        source: io::Error,
    },
    /// No listening address appeared in time.
    #[error("{address} yielded no address to listen on: is its network interface up?")]
    NoInterface {
        /// The address.
        address: Multiaddr,
    },
    /// The resolver's configuration cannot be read.
    #[error("cannot read the system's DNS configuration: check /etc/resolv.conf")]
    Dns(#[source] io::Error),
    /// Multicast is not available.
    #[error("cannot use mDNS here: switch it off in the configuration")]
    Mdns(#[source] io::Error),
    /// The identity or a setting is not usable.
    #[error("cannot set up the network: {0}")]
    Setup(String),
}

/// The network has been shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the network has been shut down")]
pub struct Stopped;

/// Why a peer could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialError {
    /// Another key answered than the address names.
    #[error(
        "the coordinator's key changed: {address} answers as {found}, not as {expected}. Ask its \
         operator which is right before you change the address"
    )]
    WrongPeerId {
        /// Where.
        address: Multiaddr,
        /// The key the address names.
        expected: NodeId,
        /// The key that answered.
        found: NodeId,
    },
    /// The peer belongs to another network.
    #[error("{node} is of another network (`{network}`): check the address and the network's name")]
    OtherNetwork {
        /// The peer.
        node: NodeId,
        /// What it says it belongs to.
        network: String,
    },
    /// No address is known, and no relay reaches it.
    #[error("no address of {0} is known: it may be offline")]
    NoAddress(NodeId),
    /// The address is this party's own.
    #[error("{0} is this party's own address")]
    Myself(Multiaddr),
    /// The peer is banned here.
    #[error("{0} is banned here")]
    Banned(NodeId),
    /// A limit of this party's forbids it.
    #[error("this party's limits forbid another connection: {0}")]
    Limit(String),
    /// Nobody answered.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// Too many of this party's own dials and requests are under way.
    #[error("too many requests are under way: wait for some to finish")]
    Busy,
    /// The network has been shut down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request is larger than any peer accepts.
    #[error("a request of {size} bytes is too large: at most {limit} are carried")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer asks for a slower pace.
    #[error("the peer asks to slow down: try again in {} ms", .retry_after.as_millis())]
    SlowDown {
        /// When to try again.
        retry_after: Duration,
    },
    /// The peer has more requests than it can hold.
    #[error("the peer is busy: try again later")]
    PeerBusy,
    /// The peer took the request and gave no answer.
    #[error("the peer did not answer this request")]
    Unanswered,
    /// Time ran out; the request may have been carried out.
    #[error("no answer in time; the request may have been carried out")]
    Timeout,
    /// The connection broke; the request may have been carried out.
    #[error("the connection broke; the request may have been carried out")]
    ConnectionClosed,
    /// The peer closed the stream or sent what is no response.
    #[error("the peer's answer cannot be read: {0}")]
    Garbled(String),
    /// The peer does not speak this network's request protocol.
    #[error("the peer does not speak this network's request protocol")]
    Unsupported,
    /// The peer could not be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl From<Stopped> for RequestError {
    fn from(stopped: Stopped) -> Self {
        Self::Dial(stopped.into())
    }
}

/// Why a bulk stream could not be opened or taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The peer takes no bulk streams.
    #[error("the peer takes no bulk streams")]
    Unsupported,
    /// Opening it failed.
    #[error("the stream could not be opened: {0}")]
    Failed(String),
    /// The incoming streams have a taker already.
    #[error("incoming streams have been handed out already")]
    Taken,
    /// The peer could not be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl From<Stopped> for StreamError {
    fn from(stopped: Stopped) -> Self {
        Self::Dial(stopped.into())
    }
}

/// Why an announcement or a provider record did not go out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It is too large.
    #[error("an announcement of {size} bytes is too large: at most {limit} are carried")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Nobody is connected who would take it.
    #[error("no connected peer takes announcements: wait for a connection")]
    NoPeers,
    /// This party provides as many digests as it may.
    #[error("this party provides {limit} digests already, the most that are kept")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It could not be sent.
    #[error("it could not be sent: {0}")]
    Failed(String),
    /// The network has been shut down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
