//! The provider's side of one stream.
//!
//! What is sent was checked against the digest when it was read from disk, so a failing disk never makes
//! an honest provider look like a false one: the stream ends instead.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bao_tree::iter::BaoChunk;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use tokio::time::timeout;

use super::wire::{REQUEST_LEN, Reply, Request, Status, TO_THE_END};
use super::{TransferError, blocking};
use crate::store::{BlobReader, Store, StoreError};
use crate::tree::{Walk, is_range, step_len};

/// How much is read from disk and sent at once.
const BATCH: usize = 256 << 10;

/// What one stream may cost the provider.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// The most requests, whatever the answers.
    pub requests: u64,
    /// The most bytes of blobs.
    pub bytes: u64,
    /// How long the other side may take to send a request, or to take in 256 KiB.
    pub patience: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            requests: 1 << 15,
            bytes: 64 << 30,
            patience: Duration::from_secs(30),
        }
    }
}

/// What was served on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Requests answered, with bytes or without.
    pub requests: u64,
    /// Bytes of blobs sent, hash nodes not counted.
    pub bytes: u64,
}

/// Answers requests until the other side closes the stream.
///
/// # Errors
/// Where the other side sends nonsense, exceeds the limits or does not go on in time, and where this
/// side's disk fails. The stream is to be dropped then.
pub async fn serve<S>(mut stream: S, store: &Arc<Store>, limits: ServeLimits) -> Result<Served, TransferError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut served = Served::default();
    while let Some(request) = in_time(limits.patience, read_request(&mut stream)).await? {
        let request =
            Request::decode(&request).ok_or(TransferError::Request("is of another protocol version"))?;
        let Answer {
            reply,
            bytes,
            mut encoder,
        } = answer(store, request, &limits, &served).await?;
        let mut out = Vec::new();
        reply.encode(&mut out);
        while let Some(work) = encoder.take() {
            (out, encoder) = match blocking(move || work.fill(out)).await {
                Err(StoreError::WrongDigest(digest)) => return Err(doubt(store, digest).await),
                other => other?,
            };
            in_time(limits.patience, stream.write_all(&out)).await?;
            out.clear();
        }
        in_time(limits.patience, stream.write_all(&out)).await?;
        in_time(limits.patience, stream.flush()).await?;
        if reply.status == Status::Declined {
            return Err(TransferError::Request("exceeds what one stream may have"));
        }
        served.requests += 1;
        served.bytes += bytes;
    }
    Ok(served)
}

/// Blob or tree were damaged on disk. Without its tree the next request hashes the blob, and so tells which.
async fn doubt(store: &Arc<Store>, digest: Digest) -> TransferError {
    let store = Arc::clone(store);
    match blocking(move || store.drop_tree(&digest)).await {
        Ok(()) => StoreError::WrongDigest(digest).into(),
        Err(error) => error.into(),
    }
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, TransferError> {
    match timeout(patience, work).await {
        Ok(result) => result.map_err(TransferError::Stream),
        Err(_) => Err(TransferError::Idle),
    }
}

/// Reads a request; none where the stream ends before its first byte.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<[u8; REQUEST_LEN]>> {
    let mut request = [0; REQUEST_LEN];
    let (first, rest) = request.split_at_mut(1);
    if stream.read(first).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(rest).await?;
    Ok(Some(request))
}

struct Answer {
    reply: Reply,
    /// The bytes of the blob that will be sent.
    bytes: u64,
    encoder: Option<Encoder>,
}

async fn answer(
    store: &Arc<Store>,
    request: Request,
    limits: &ServeLimits,
    served: &Served,
) -> Result<Answer, TransferError> {
    let without = |status, size| Answer {
        reply: Reply { status, size },
        bytes: 0,
        encoder: None,
    };
    let Request { digest, range } = request;
    if served.requests >= limits.requests {
        return Ok(without(Status::Declined, 0));
    }
    let opened = {
        let store = Arc::clone(store);
        blocking(move || {
            store.touch(ArtifactId(digest));
            store.open_blob(&digest)
        })
    };
    let blob = match opened.await {
        Ok(Some(blob)) => blob,
        Ok(None) => return Ok(without(Status::Absent, 0)),
        Err(error) => {
            tracing::warn!(%digest, %error, "a blob cannot be served");
            return Ok(without(Status::Absent, 0));
        }
    };
    let size = blob.size;
    let range = range.start..if range.end == TO_THE_END { size } else { range.end };
    if !is_range(&range, size) {
        return Ok(without(Status::BadRange, size));
    }
    let bytes = range.end - range.start;
    let total = served.bytes.checked_add(bytes);
    if total.is_none_or(|total| total > limits.bytes) {
        return Ok(without(Status::Declined, size));
    }
    let encoder = Some(Encoder::new(&digest, blob, &range));
    Ok(Answer {
        reply: Reply {
            status: Status::Here,
            size,
        },
        bytes,
        encoder,
    })
}

/// A range being read from disk, checked, and laid out for the wire.
struct Encoder {
    digest: Digest,
    blob: BlobReader,
    walk: Walk,
}

impl Encoder {
    fn new(digest: &Digest, blob: BlobReader, range: &Range<u64>) -> Self {
        let walk = Walk::new(digest, blob.size, range);
        Self {
            digest: *digest,
            blob,
            walk,
        }
    }

    /// Fills up `out` with what comes next, and gives itself back where there is more.
    fn fill(mut self, mut out: Vec<u8>) -> Result<(Vec<u8>, Option<Self>), StoreError> {
        out.reserve(BATCH + 2 * crate::tree::GROUP as usize);
        while out.len() < BATCH {
            let Some(step) = self.walk.step() else {
                return Ok((out, None));
            };
            let at = out.len();
            out.resize(at + step_len(&step), 0);
            let bytes = out.get_mut(at..).unwrap_or_default();
            let read = match step {
                BaoChunk::Parent { node, .. } => self.blob.read_node(node, bytes),
                BaoChunk::Leaf { start_chunk, .. } => self.blob.read(start_chunk.to_bytes(), bytes),
            };
            read.map_err(|source| StoreError::Io {
                action: "read",
                path: format!("blob {}", self.digest).into(),
                source,
            })?;
            self.walk
                .check(&step, bytes)
                .map_err(|_| StoreError::WrongDigest(self.digest))?;
        }
        Ok((out, Some(self)))
    }
}
