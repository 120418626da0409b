//! What the application holds: a cheap, cloneable handle on the network's task.

use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use quorate_core::{Digest, NodeId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Via;
use crate::bulk::{BulkStream, IncomingStreams};
use crate::error::{DialError, PublishError, RequestError, Stopped, StreamError};
use crate::metrics::Metrics;
use crate::protocol::{MAX_ANNOUNCEMENT, MAX_REQUEST};

/// A connected peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInfo {
    /// Who.
    pub id: NodeId,
    /// The far ends of the connections with it, best first.
    pub addresses: Vec<Multiaddr>,
    /// How the best connection runs.
    pub via: Via,
    /// The round trip of the last ping; none before the first.
    pub rtt: Option<Duration>,
    /// Gossipsub's opinion of it: negative is bad.
    pub score: f64,
}

pub(crate) type Answer<T> = oneshot::Sender<T>;

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Addresses(Answer<Vec<Multiaddr>>),
    Dial(Multiaddr, Answer<Result<NodeId, DialError>>),
    Request(NodeId, Vec<u8>, Answer<Result<Vec<u8>, RequestError>>),
    Announce(Vec<u8>, Answer<Result<(), PublishError>>),
    Provide(Digest, Answer<Result<(), PublishError>>),
    Unprovide(Digest),
    Providers(Digest, Answer<Vec<NodeId>>),
    OpenStream(NodeId, Answer<Result<BulkStream, StreamError>>),
    IncomingStreams(Answer<Result<IncomingStreams, StreamError>>),
    Ban(NodeId, Duration, String),
    Peers(Answer<Vec<PeerInfo>>),
    AddAddress(NodeId, Multiaddr),
}

/// A handle on the network. Clones share one task; when the last is dropped the task ends.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) local: NodeId,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Handle {
    /// This party's id.
    #[must_use]
    pub const fn local_id(&self) -> NodeId {
        self.local
    }

    /// Where this party listens or is reached otherwise, with its id; empty after a shutdown.
    pub async fn addresses(&self) -> Vec<Multiaddr> {
        self.ask(Command::Addresses).await.unwrap_or_default()
    }

    /// Connects to an address and says who answers. If the address ends in `/p2p/…`, only that peer
    /// will do. A peer that is full or has banned this party closes the connection right after.
    ///
    /// # Errors
    /// Where nobody answers, or somebody else; see [`DialError`].
    pub async fn dial(&self, address: Multiaddr) -> Result<NodeId, DialError> {
        self.ask(|answer| Command::Dial(address, answer)).await?
    }

    /// Asks a peer and waits for its answer, connecting first where necessary.
    ///
    /// # Errors
    /// Where there is no answer; [`RequestError::SlowDown`] says when to try again.
    pub async fn request(&self, to: NodeId, bytes: Vec<u8>) -> Result<Vec<u8>, RequestError> {
        if bytes.len() > MAX_REQUEST {
            return Err(RequestError::TooLarge {
                size: bytes.len(),
                limit: MAX_REQUEST,
            });
        }
        self.ask(|answer| Command::Request(to, bytes, answer)).await?
    }

    /// Tells everybody. News that is already known is carried no further, and is no error.
    ///
    /// # Errors
    /// Where it is too large or nobody is there to take it.
    pub async fn announce(&self, bytes: Vec<u8>) -> Result<(), PublishError> {
        if bytes.len() > MAX_ANNOUNCEMENT {
            return Err(PublishError::TooLarge {
                size: bytes.len(),
                limit: MAX_ANNOUNCEMENT,
            });
        }
        self.ask(|answer| Command::Announce(bytes, answer)).await?
    }

    /// Lets others find this party as a provider of `digest`, until [`Handle::unprovide`]. The
    /// record is renewed and given to coordinators that come back.
    ///
    /// # Errors
    /// Where this party provides too much already.
    pub async fn provide(&self, digest: Digest) -> Result<(), PublishError> {
        self.ask(|answer| Command::Provide(digest, answer)).await?
    }

    /// Renews the provider record no longer; others forget it when it expires.
    ///
    /// # Errors
    /// After a shutdown.
    pub async fn unprovide(&self, digest: Digest) -> Result<(), Stopped> {
        self.tell(Command::Unprovide(digest)).await
    }

    /// Who provides `digest`, as far as the coordinators know. What they say is to be checked
    /// against the digest.
    ///
    /// # Errors
    /// After a shutdown.
    pub async fn providers(&self, digest: Digest) -> Result<Vec<NodeId>, Stopped> {
        self.ask(|answer| Command::Providers(digest, answer)).await
    }

    /// Opens a bulk stream to a peer, connecting first where necessary.
    ///
    /// # Errors
    /// Where the peer cannot be reached or takes no streams.
    pub async fn open_stream(&self, to: NodeId) -> Result<BulkStream, StreamError> {
        match self.ask(|answer| Command::OpenStream(to, answer)).await {
            Ok(result) => result,
            Err(Stopped) if self.commands.is_closed() => Err(Stopped.into()),
            // The order went to the connection's task and vanished with it.
            Err(Stopped) => Err(StreamError::Failed("the connection closed".to_owned())),
        }
    }

    /// The bulk streams that others open; there is one taker at a time. Streams that are not taken
    /// in time are reset: at most sixteen wait.
    ///
    /// # Errors
    /// [`StreamError::Taken`] while another taker lives.
    pub async fn incoming_streams(&self) -> Result<IncomingStreams, StreamError> {
        self.ask(Command::IncomingStreams).await?
    }

    /// Disconnects a peer and keeps it out. `reason` goes to the log.
    ///
    /// # Errors
    /// After a shutdown.
    pub async fn ban(
        &self,
        node: NodeId,
        length: Duration,
        reason: impl Into<String>,
    ) -> Result<(), Stopped> {
        self.tell(Command::Ban(node, length, reason.into())).await
    }

    /// The connected peers; empty after a shutdown.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        self.ask(Command::Peers).await.unwrap_or_default()
    }

    /// Remembers where a peer can be reached.
    ///
    /// # Errors
    /// After a shutdown.
    pub async fn add_address(&self, node: NodeId, address: Multiaddr) -> Result<(), Stopped> {
        self.tell(Command::AddAddress(node, address)).await
    }

    /// The network's numbers in Prometheus' text form.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// Closes all connections and ends all tasks; returns when they have ended.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    async fn tell(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, Stopped> {
        let (answer, receiver) = oneshot::channel();
        self.tell(command(answer)).await?;
        receiver.await.map_err(|_| Stopped)
    }
}
