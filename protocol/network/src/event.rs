//! What the network tells the application.

use std::fmt;
use std::time::Duration;

use libp2p::Multiaddr;
use quorate_core::NodeId;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::DialError;
use crate::protocol::MAX_RESPONSE;

/// One thing that happened.
///
/// Events wait in a bounded queue. An application that lags loses events and is told how many by
/// [`Event::Lagged`]; requests it has no room for are answered as busy.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer asks something.
    Request {
        /// Who.
        from: NodeId,
        /// What.
        bytes: Vec<u8>,
        /// Where the answer goes.
        reply: Reply,
    },
    /// An announcement that passed the check.
    Announcement {
        /// Its author, not whoever passed it on.
        from: NodeId,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// The first connection with a peer is up.
    Connected(NodeId),
    /// The last connection with a peer is gone.
    Disconnected(NodeId),
    /// This party can be reached here.
    Listening(Multiaddr),
    /// This party can no longer be reached here.
    NotListening(Multiaddr),
    /// A bootstrap address did not work; it will be tried again.
    BootstrapFailed {
        /// The address as configured.
        address: Multiaddr,
        /// What happened.
        error: DialError,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// A peer was banned for its conduct.
    Banned {
        /// Who.
        node: NodeId,
        /// For how long.
        length: Duration,
    },
    /// This many events were lost because the queue was full.
    Lagged(u64),
}

/// The answer to one request. Dropping it tells the peer that there is none.
pub struct Reply {
    answer: oneshot::Sender<Vec<u8>>,
    /// The request's share of the memory for requests, given back with the answer.
    _share: Option<OwnedSemaphorePermit>,
}

/// Why an answer did not go out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// It is too large; the peer is told that there is no answer.
    #[error("an answer of {size} bytes is too large: at most {limit} are carried")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer no longer waits.
    #[error("the peer no longer waits for this answer")]
    Gone,
}

impl Reply {
    pub(crate) fn new(share: Option<OwnedSemaphorePermit>) -> (Self, oneshot::Receiver<Vec<u8>>) {
        let (answer, receiver) = oneshot::channel();
        (
            Self {
                answer,
                _share: share,
            },
            receiver,
        )
    }

    /// Answers.
    ///
    /// # Errors
    /// Where the answer is too large or nobody waits for it any more.
    pub fn send(self, bytes: Vec<u8>) -> Result<(), ReplyError> {
        if bytes.len() > MAX_RESPONSE {
            return Err(ReplyError::TooLarge {
                size: bytes.len(),
                limit: MAX_RESPONSE,
            });
        }
        self.answer.send(bytes).map_err(|_| ReplyError::Gone)
    }

    /// Whether the peer no longer waits.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("is_gone", &self.is_gone())
            .finish_non_exhaustive()
    }
}
