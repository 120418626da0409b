//! Fetching one artifact: its manifest from whoever answers first, then what is missing from all.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::io::AsyncWriteExt;
use futures::stream::{FuturesUnordered, StreamExt};
use quorate_core::NodeId;
use quorate_core::digest::ArtifactId;

use super::plan::{Job, Plan};
use super::provider::Provider;
use super::receive::{Failure, Pace, read_range, read_size};
use super::wire::{Request, TO_THE_END};
use super::worker::{SMALL, Shared, open};
use super::{Connect, Fault, Outcome, TransferError, blocking};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::store::{Limits, Partially, Store, StoreError};

/// How many providers are asked for a manifest, and then for files, at once. More bring nothing but load.
const MAX_PROVIDERS: usize = 16;

/// How patient a fetch is, and how much it takes on at once.
#[derive(Debug, Clone, Copy)]
pub struct FetchOptions {
    /// How long a provider may take to be reached, or to send the next 16 KiB.
    pub stall: Duration,
    /// The bytes a second below which a provider is given up, over a piece of up to 8 MiB.
    pub min_rate: u64,
    /// Streams to each provider: more than one hides the round trip between two pieces.
    pub streams: usize,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            stall: Duration::from_secs(20),
            min_rate: 64 << 10,
            streams: 2,
        }
    }
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the artifact's blobs that are here.
    pub have: u64,
    /// Bytes of all its blobs, each counted once.
    pub total: u64,
}

/// How a fetch went.
#[derive(Debug)]
pub struct Report {
    /// Whether the artifact is here now, whole.
    pub result: Result<(), TransferError>,
    /// What became of each provider, in the order they were given.
    pub outcomes: Vec<Outcome>,
}

/// Fetches artifacts into a store.
#[derive(Debug)]
pub struct Fetcher<C> {
    store: Arc<Store>,
    pub(super) connect: C,
    options: FetchOptions,
}

impl<C: Connect> Fetcher<C> {
    /// A fetcher that reaches providers through `connect`.
    pub fn new(store: Arc<Store>, connect: C, options: FetchOptions) -> Self {
        Self {
            store,
            connect,
            options,
        }
    }

    /// Brings the artifact here from `providers`, all at once.
    ///
    /// An artifact of more bytes or files than `bound` is refused as soon as its manifest is known. While
    /// the call runs the artifact cannot be collected; pin it before, if it must stay afterwards.
    /// Dropping the call is safe: what was verified stays for the next one.
    pub async fn fetch(
        &self,
        id: ArtifactId,
        providers: &[NodeId],
        bound: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Report {
        let _hold = self.store.hold(id);
        let mut known: Vec<Provider> = Vec::new();
        for &provider in providers {
            if known.len() < MAX_PROVIDERS && known.iter().all(|other| other.id != provider) {
                known.push(Provider::new(provider));
            }
        }
        let result = Box::pin(self.bring(id, &known, bound, progress)).await;
        Report {
            result,
            outcomes: known.into_iter().map(Provider::outcome).collect(),
        }
    }

    async fn bring(
        &self,
        id: ArtifactId,
        providers: &[Provider],
        bound: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(), TransferError> {
        let store = Arc::clone(&self.store);
        let manifest = match blocking(move || store.manifest(id)).await {
            Ok(manifest) => manifest,
            Err(StoreError::Unknown(_)) => self.fetch_manifest(id, providers).await?,
            Err(error) => return Err(error.into()),
        };
        check_bound(id, &manifest, bound)?;
        let store = Arc::clone(&self.store);
        let (missing, total) = blocking(move || plan(&store, &manifest)).await?;
        let left: u64 = missing.iter().map(Job::len).sum();
        let shared = Shared {
            store: &self.store,
            connect: &self.connect,
            options: &self.options,
            plan: Plan::new(missing),
            have: AtomicU64::new(total - left),
            total,
            progress,
            error: Mutex::new(None),
        };
        progress(Progress {
            have: total - left,
            total,
        });
        let mut streams: FuturesUnordered<_> = providers
            .iter()
            .flat_map(|provider| std::iter::repeat_n(provider, self.options.streams.max(1)))
            .map(|provider| shared.run(provider))
            .collect();
        // Over is over: no need to wait for a stream that is slow to notice, or pauses after a fault.
        tokio::select! {
            () = async { while streams.next().await.is_some() {} } => {}
            () = shared.plan.over() => {}
        }
        drop(streams);
        if let Some(error) = shared.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error.into());
        }
        let store = Arc::clone(&self.store);
        let missing = blocking(move || {
            store.touch(id);
            missing_bytes(&store, id)
        });
        match missing.await? {
            None => Ok(()),
            Some(missing) => Err(TransferError::NoProvider { id, missing }),
        }
    }

    /// Asks all providers for the manifest; the first whole one counts.
    async fn fetch_manifest(
        &self,
        id: ArtifactId,
        providers: &[Provider],
    ) -> Result<Manifest, TransferError> {
        let mut asked: FuturesUnordered<_> = providers
            .iter()
            .map(|provider| self.manifest_from(id, provider))
            .collect();
        while let Some(answer) = asked.next().await {
            if let Some(bytes) = answer? {
                return Manifest::from_bytes(&bytes).map_err(|source| TransferError::Manifest { id, source });
            }
        }
        Err(TransferError::NoProvider { id, missing: 0 })
    }

    /// Asks one provider for the manifest, until it gives it or is given up.
    async fn manifest_from(
        &self,
        id: ArtifactId,
        provider: &Provider,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            match self.ask_for_manifest(id, provider.id).await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Fault(fault)) => match provider.strike(fault) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Ok(None),
                },
            }
        }
    }

    async fn ask_for_manifest(&self, id: ArtifactId, provider: NodeId) -> Result<Vec<u8>, Failure> {
        let pace = Pace::new(
            self.options.stall,
            self.options.min_rate,
            MAX_MANIFEST_BYTES as u64,
        );
        let mut stream = open(&self.connect, provider, &pace).await?;
        let mut request = Vec::new();
        Request {
            digest: id.0,
            range: 0..TO_THE_END,
        }
        .encode(&mut request);
        pace.step(stream.write_all(&request)).await?;
        pace.step(stream.flush()).await?;
        let claimed = read_size(&mut stream, id.0, None, &pace).await?;
        if claimed > MAX_MANIFEST_BYTES as u64 {
            return Err(Fault::Oversize { claimed }.into());
        }
        let mut bytes = Vec::new();
        read_range(&mut stream, id.0, claimed, &(0..claimed), &pace, &mut bytes).await?;
        Ok(bytes)
    }
}

fn check_bound(id: ArtifactId, manifest: &Manifest, bound: Limits) -> Result<(), TransferError> {
    let files = manifest.files().len() as u64;
    for (what, actual, limit) in [
        ("files", files, bound.files as u64),
        ("bytes", manifest.total_size(), bound.bytes),
    ] {
        if actual > limit {
            return Err(TransferError::TooLarge {
                id,
                what,
                actual,
                limit,
            });
        }
    }
    Ok(())
}

/// What of the artifact's blobs is missing, in whole groups, and how many bytes they have together.
fn plan(store: &Arc<Store>, manifest: &Manifest) -> Result<(Vec<Job>, u64), StoreError> {
    store.add_manifest(manifest)?;
    let mut jobs = Vec::new();
    let missing = store.missing(manifest.id())?;
    store.check_room(&missing)?;
    for (digest, size) in missing {
        if size <= SMALL {
            jobs.push(Job {
                digest,
                size,
                range: 0..size,
            });
            continue;
        }
        let Partially::Open(partial) = store.partial(digest, size)? else {
            continue;
        };
        let ranges = partial.missing();
        if ranges.is_empty() {
            store.finish(&partial)?;
        }
        jobs.extend(ranges.into_iter().map(|range| Job { digest, size, range }));
    }
    Ok((jobs, manifest.distinct_size()))
}

/// How many bytes are still missing; none where the artifact is whole.
fn missing_bytes(store: &Arc<Store>, id: ArtifactId) -> Result<Option<u64>, StoreError> {
    let mut bytes = None;
    for (digest, size) in store.missing(id)? {
        let missing = if size <= SMALL {
            size
        } else {
            match store.partial(digest, size)? {
                Partially::Open(partial) => partial
                    .missing()
                    .iter()
                    .map(|range| range.end - range.start)
                    .sum(),
                Partially::Here => continue,
            }
        };
        *bytes.get_or_insert(0) += missing;
    }
    Ok(bytes)
}
