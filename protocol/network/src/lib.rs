//! The libp2p swarm of a Quorate party, as one actor.
//!
//! [`start`] spawns one task that owns the swarm and hands back a [`Handle`] to ask things of it
//! and a channel of [`Event`]s. The network carries bounded, opaque bytes in four ways: requests
//! with answers, announcements to everybody, bulk streams, and records of who provides which
//! digest. What the bytes mean is not known here.
//!
//! It promises that whatever strangers send, memory, connections and streams stay within
//! [`Limits`]; that a peer over its rate is told so, and banned if it goes on; that connections to
//! bootstrap peers come back; and that after [`Handle::shutdown`] no task is left. It does not
//! promise delivery: answers may be lost, announcements may not arrive, and both may be late.

mod actor;
mod address;
mod backoff;
mod behaviour;
mod bucket;
mod bulk;
mod codec;
mod conduct;
mod config;
mod error;
mod event;
mod gossip;
mod handle;
mod identity;
mod keep_alive;
mod limits;
mod metrics;
mod protocol;
mod providers;
mod swarm;

pub use libp2p::Multiaddr;

pub use address::Via;
pub use backoff::Backoff;
pub use bucket::Rate;
pub use bulk::{BulkStream, IncomingStreams};
pub use conduct::BanRule;
pub use config::{AnnouncementCheck, Config, NetworkName, NetworkNameError, Role, Validity};
pub use error::{DialError, Error, PublishError, RequestError, Stopped, StreamError};
pub use event::{Event, Reply, ReplyError};
pub use handle::{Handle, PeerInfo};
pub use limits::{Limits, RelayLimits};
pub use protocol::{MAX_ANNOUNCEMENT, MAX_REQUEST, MAX_RESPONSE};

use tokio::sync::mpsc;

/// Joins the network: returns once every address in `config.listen` is listened on. Bootstrap
/// peers are dialled from then on; how that goes comes as events.
///
/// # Errors
/// Where the configuration or the machine does not allow it; see [`Error`].
pub async fn start(config: Config) -> Result<(Handle, mpsc::Receiver<Event>), Error> {
    Box::pin(actor::start(config)).await
}
