//! The receiver's side of one request: reads a reply, checks every 16 KiB as they come, and hands on only
//! what belongs to the digest.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::time::Duration;

use bao_tree::iter::BaoChunk;
use futures::io::{AsyncRead, AsyncReadExt};
use quorate_core::Digest;
use tokio::time::{Instant, timeout_at};

use super::Fault;
use super::wire::{REPLY_LEN, Reply, Status};
use crate::store::StoreError;
use crate::tree::{GROUP, Walk, step_len};

/// How slow a provider may be: no step may take longer than `stall`, and all of them not past `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    stall: Duration,
    end: Instant,
}

impl Pace {
    /// The pace for `bytes` at no less than `min_rate` bytes a second.
    pub(super) fn new(stall: Duration, min_rate: u64, bytes: u64) -> Self {
        let seconds = Duration::from_secs(bytes / min_rate.max(1));
        let now = Instant::now();
        // Where the sum is no time that exists, there is no need to hurry.
        let end = now
            .checked_add(stall.saturating_add(seconds))
            .unwrap_or(now + Duration::from_secs(86_400 * 365));
        Self { stall, end }
    }

    /// Runs one step.
    pub(super) async fn step<T>(&self, work: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
        let now = Instant::now();
        let until = now
            .checked_add(self.stall)
            .map_or(self.end, |stall| stall.min(self.end));
        match timeout_at(until, work).await {
            Ok(result) => result.map_err(Fault::Cut),
            Err(_) => Err(Fault::Stalled),
        }
    }
}

/// Why a range did not come.
#[derive(Debug)]
pub(super) enum Failure {
    /// The provider's fault.
    Fault(Fault),
    /// Our own store's.
    Store(StoreError),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where verified bytes go. They come in order and without gaps from the range's start.
pub(super) trait Sink {
    /// Takes in a group.
    async fn take(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError>;
}

impl Sink for Vec<u8> {
    async fn take(&mut self, _offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads the beginning of a reply and gives the size that the provider says the blob has.
///
/// Where `expected` is known, another size is a fault.
pub(super) async fn read_size(
    stream: &mut (impl AsyncRead + Unpin),
    digest: Digest,
    expected: Option<u64>,
    pace: &Pace,
) -> Result<u64, Fault> {
    let mut reply = [0; REPLY_LEN];
    pace.step(stream.read_exact(&mut reply)).await?;
    let Reply {
        status,
        size: claimed,
    } = Reply::decode(&reply).ok_or(Fault::Garbled)?;
    match (status, expected) {
        (Status::Absent, _) => Err(Fault::Absent { digest }),
        (Status::Declined, _) => Err(Fault::Declined),
        (_, Some(expected)) if claimed != expected => Err(Fault::WrongSize {
            digest,
            claimed,
            expected,
        }),
        // Every range that is asked for exists in a blob of the expected size.
        (Status::BadRange, _) => Err(Fault::Garbled),
        (Status::Here, _) => Ok(claimed),
    }
}

/// Reads `range` of a blob of `size` bytes.
///
/// `size` must have been bounded: what is allocated does not depend on it, but how long this may go on does.
pub(super) async fn read_range(
    stream: &mut (impl AsyncRead + Unpin),
    digest: Digest,
    size: u64,
    range: &Range<u64>,
    pace: &Pace,
    sink: &mut impl Sink,
) -> Result<(), Failure> {
    let mut walk = Walk::new(&digest, size, range);
    let mut buffer = vec![0; GROUP as usize];
    while let Some(step) = walk.step() {
        let bytes = buffer.get_mut(..step_len(&step)).unwrap_or_default();
        pace.step(stream.read_exact(bytes)).await?;
        walk.check(&step, bytes).map_err(|mismatch| Fault::Corrupt {
            digest,
            offset: mismatch.offset,
        })?;
        if let BaoChunk::Leaf { start_chunk, .. } = step {
            sink.take(start_chunk.to_bytes(), bytes).await?;
        }
    }
    Ok(())
}
