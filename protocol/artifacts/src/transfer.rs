//! Artifacts between nodes, over any stream of bytes.
//!
//! The receiver asks for a range of a blob by its digest; the provider answers with the blob's size and
//! the range, interleaved with the hash nodes that lead from it to the digest. Every 16 KiB are checked as
//! they arrive and before they touch the disk, so a provider that sends other bytes is known at once, by
//! name, and the rest comes from somebody else.
//!
//! ```text
//! request  version 1 | digest 32 | start u64 | end u64      little endian; end = 2^64-1: to the blob's end
//! reply    status  1 | size u64 | nodes and groups in pre-order, as bao lays them out with 16 KiB groups
//! ```
//! A stream carries any number of requests, and a receiver may send several before it reads the replies.
//! Ranges begin and end at multiples of 16 KiB, or at the blob's end. Manifests travel as blobs.
//!
//! [`serve`] is the provider's side of one stream. [`Fetcher`] is the receiver: the manifest first, then
//! what is missing, in pieces, from all providers at once. What was verified survives a cut, a restart
//! and a cancelled call, and is not asked for again.

mod fetch;
mod plan;
mod provider;
mod receive;
mod serve;
mod wire;
mod worker;

use std::future::Future;
use std::io;

use futures::io::{AsyncRead, AsyncWrite};
use quorate_core::digest::ArtifactId;
use quorate_core::{Digest, NodeId};
use thiserror::Error;

use crate::manifest::{MAX_MANIFEST_BYTES, ManifestError};
use crate::store::StoreError;

pub use fetch::{FetchOptions, Fetcher, Progress, Report};
pub use serve::{ServeLimits, Served, serve};

/// How the receiver reaches a provider. The network implements it; so do tests.
pub trait Connect: Send + Sync {
    /// A stream of bytes to a provider, whose other end is given to [`serve`].
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Opens a stream.
    fn open(&self, provider: NodeId) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// What a provider did wrong, or what befell it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// No stream could be opened.
    #[error("it could not be reached")]
    Unreachable(#[source] io::Error),
    /// The stream ended or failed in the middle.
    #[error("the stream broke off")]
    Cut(#[source] io::Error),
    /// It sent nothing for too long, or too little.
    #[error("it sent too little in the time it had")]
    Stalled,
    /// It does not have the blob.
    #[error("it does not have blob {digest}")]
    Absent {
        /// The blob.
        digest: Digest,
    },
    /// It would not serve any more on this stream.
    #[error("it declined")]
    Declined,
    /// It says that the blob has another size than the manifest says.
    #[error("it says blob {digest} has {claimed} bytes; the manifest says {expected}")]
    WrongSize {
        /// The blob.
        digest: Digest,
        /// What the provider says.
        claimed: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// It offers a manifest longer than manifests may be.
    #[error("it offers a manifest of {claimed} bytes; {MAX_MANIFEST_BYTES} are the most")]
    Oversize {
        /// What the provider says.
        claimed: u64,
    },
    /// Its reply is not of this protocol.
    #[error("its reply is not of this protocol")]
    Garbled,
    /// Its bytes do not belong to the digest. Nothing from this offset on was stored.
    #[error("its bytes for blob {digest} are false from offset {offset} on")]
    Corrupt {
        /// The blob.
        digest: Digest,
        /// Where the first false 16 KiB begin, or the range of the first false node.
        offset: u64,
    },
}

impl Fault {
    /// Whether no honest provider behaves so, whatever the network does to it. A wrong size is not
    /// enough: there the manifest may be the one that lies.
    #[must_use]
    pub const fn is_dishonest(&self) -> bool {
        matches!(self, Self::Oversize { .. } | Self::Garbled | Self::Corrupt { .. })
    }

    /// Whether trying the same provider again may help.
    const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Cut(_) | Self::Declined)
    }
}

/// What became of one provider in one fetch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The provider.
    pub provider: NodeId,
    /// The verified bytes that came from it.
    pub bytes: u64,
    /// Why it was given up, or what befell it last without anything coming after.
    pub fault: Option<Fault>,
}

/// Why a transfer failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The artifact is larger than the caller allows. No file of it was fetched.
    #[error(
        "artifact {id} has {actual} {what}, more than the {limit} allowed; raise the bound if you want it"
    )]
    TooLarge {
        /// The artifact.
        id: ArtifactId,
        /// Bytes or files.
        what: &'static str,
        /// How many it has.
        actual: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The digest is right, but what it names is no valid manifest.
    #[error("artifact {id} is not valid, whoever provides it")]
    Manifest {
        /// The artifact.
        id: ArtifactId,
        /// The rule it breaks.
        source: ManifestError,
    },
    /// All providers were given up. What came is kept.
    #[error(
        "no provider is left for artifact {id} and {missing} bytes are missing; fetch it again when there are others, and only those will travel"
    )]
    NoProvider {
        /// The artifact.
        id: ArtifactId,
        /// The bytes still missing; 0 where not even the manifest came.
        missing: u64,
    },
    /// The receiver's or provider's own store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The other side's request is not of this protocol, or over this provider's limits.
    #[error("the request {0}")]
    Request(&'static str),
    /// The stream failed.
    #[error("the stream failed")]
    Stream(#[source] io::Error),
    /// The other side did not read or write for too long.
    #[error("the other side did not go on in time")]
    Idle,
}

/// Runs store work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(StoreError::Io {
                action: "finish work in",
                path: "the store".into(),
                source: io::Error::other(error),
            }),
        },
    }
}

#[cfg(test)]
mod tests;
