//! Fetching between stores in one process, over streams that can be made to misbehave.
//!
//! Time is paused in all of them: it jumps ahead whenever everybody waits, so patience costs nothing.

mod honest;
mod hostile;
mod resume;
mod serving;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use quorate_core::Keypair;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::*;
use crate::store::{Limits, Store};

pub(super) const ROOMY: Limits = Limits {
    files: 20_000,
    bytes: 1 << 40,
};
const PATIENT: ServeLimits = ServeLimits {
    requests: 1 << 20,
    bytes: 1 << 40,
    patience: Duration::from_secs(60),
};
const MIB: usize = 1 << 20;

fn node(seed: u8) -> NodeId {
    Keypair::from_secret([seed; 32]).node_id()
}

fn blob(seed: u8, size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at / 3 % 241) as u8 ^ (at >> 14) as u8 ^ seed)
        .collect()
}

struct Place {
    store: Arc<Store>,
    dir: TempDir,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        store: Store::open(&dir.path().join("store"), 1 << 30).unwrap(),
        dir,
    }
}

impl Place {
    fn reopened(self) -> Self {
        drop(Arc::into_inner(self.store).expect("nothing else uses the store"));
        Self {
            store: Store::open(&self.dir.path().join("store"), 1 << 30).unwrap(),
            dir: self.dir,
        }
    }

    fn add(&self, files: &[(&str, Vec<u8>)]) -> ArtifactId {
        let mut draft = self.store.draft(ROOMY);
        for (path, bytes) in files {
            draft.add_slice(path, crate::Mode::Plain, bytes).unwrap();
        }
        draft.commit().unwrap()
    }
}

/// What a provider's stream does to the bytes that come from it.
#[derive(Clone)]
enum Manner {
    Honest,
    /// Flips a bit of the byte at this place of every stream.
    Corrupt(u64),
    /// Sends this much over all streams together, then breaks off and cannot be reached any more.
    CutAfter(Arc<AtomicI64>),
    /// Breaks off each stream after this many bytes.
    CutEach(u64),
    /// Sends this much of every stream and then nothing more.
    StallAfter(u64),
    /// Sends a byte a second.
    Trickle,
    /// Sends these bytes whatever it is asked.
    Say(Vec<u8>),
    Unreachable,
}

fn cut_after(bytes: usize) -> Manner {
    Manner::CutAfter(Arc::new(AtomicI64::new(bytes as i64)))
}

/// Providers by their id.
struct Net {
    providers: HashMap<NodeId, (Arc<Store>, Manner)>,
    /// Bytes that crossed the wire towards the receiver.
    carried: Arc<AtomicU64>,
    opened: AtomicU64,
    limits: ServeLimits,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            providers: HashMap::new(),
            carried: Arc::default(),
            opened: AtomicU64::new(0),
            limits: PATIENT,
        }
    }
}

impl Net {
    fn with(providers: &[(u8, &Place, Manner)]) -> Self {
        let providers = providers
            .iter()
            .map(|(seed, place, manner)| (node(*seed), (Arc::clone(&place.store), manner.clone())));
        Self {
            providers: providers.collect(),
            ..Self::default()
        }
    }
}

impl Connect for Net {
    type Stream = Compat<DuplexStream>;

    async fn open(&self, provider: NodeId) -> io::Result<Self::Stream> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let Some((store, manner)) = self.providers.get(&provider).cloned() else {
            return Err(io::ErrorKind::HostUnreachable.into());
        };
        let used_up = matches!(&manner, Manner::CutAfter(left) if left.load(Ordering::Relaxed) <= 0);
        if used_up || matches!(manner, Manner::Unreachable) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = duplex(64 << 10);
        if let Manner::Say(bytes) = manner {
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(far);
                let _ = to.write_all(&bytes).await;
                let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
            });
            return Ok(near.compat());
        }
        let (inner, served) = duplex(64 << 10);
        let limits = self.limits;
        tokio::spawn(async move { serve(served.compat(), &store, limits).await });
        let (mut from_server, mut to_server) = tokio::io::split(inner);
        let (mut from_client, mut to_client) = tokio::io::split(far);
        let carried = Arc::clone(&self.carried);
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                () = carry(&mut from_server, &mut to_client, manner, &carried) => {}
            }
        });
        Ok(near.compat())
    }
}

/// Copies from the provider to the receiver in its manner. Returning breaks the stream off.
async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    manner: Manner,
    carried: &AtomicU64,
) {
    let mut buffer = [0; 4096];
    let mut at = 0_u64;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &mut buffer[..count];
        let end = at + count as u64;
        match &manner {
            Manner::Corrupt(place) if (at..end).contains(place) => bytes[(place - at) as usize] ^= 8,
            Manner::StallAfter(place) if end > *place => std::future::pending().await,
            Manner::CutEach(place) if end > *place => return,
            Manner::CutAfter(left) => {
                let before = left.fetch_sub(count as i64, Ordering::Relaxed);
                bytes = &mut bytes[..count.min(before.max(0) as usize)];
                if bytes.is_empty() {
                    return;
                }
            }
            Manner::Trickle => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if to.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            _ => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        carried.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        at = end;
    }
}

fn one_stream() -> FetchOptions {
    FetchOptions {
        streams: 1,
        ..FetchOptions::default()
    }
}

/// Fetches into `place` without a bound, and returns the report and the net.
async fn fetch(place: &Place, id: ArtifactId, net: Net, providers: &[u8]) -> (Report, Fetcher<Net>) {
    let fetcher = Fetcher::new(Arc::clone(&place.store), net, one_stream());
    let report = run(&fetcher, id, providers).await;
    (report, fetcher)
}

async fn run(fetcher: &Fetcher<Net>, id: ArtifactId, providers: &[u8]) -> Report {
    let providers: Vec<_> = providers.iter().map(|seed| node(*seed)).collect();
    Box::pin(fetcher.fetch(id, &providers, ROOMY, &|_| {})).await
}
