//! Artifacts over the network: serving what the store holds, fetching what it lacks.
//!
//! Used by coordinators and nodes alike. Whoever sends false bytes is banned for a while; whoever
//! is merely away is not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use quorate_artifacts::transfer::{
    Connect, FetchOptions, Fetcher, Outcome, ServeLimits, TransferError, serve,
};
use quorate_artifacts::{Limits, Store};
use quorate_core::NodeId;
use quorate_core::digest::ArtifactId;
use quorate_network::{BulkStream, Handle, StreamError};
use tokio_util::task::TaskTracker;

/// The most one artifact may have. A `full` tier's model weights are the largest thing carried.
pub const ARTIFACT_BOUND: Limits = Limits {
    files: 20_000,
    bytes: 64 << 30,
};

/// What one stream may ask for. A stream serves one fetch of one artifact.
const SERVE: ServeLimits = ServeLimits {
    requests: 100_000,
    bytes: 64 << 30,
    patience: Duration::from_secs(30),
};

/// How long a sender of false bytes is not spoken to.
const CORRUPT_BAN: Duration = Duration::from_secs(3600);

struct Streams(Handle);

impl Connect for Streams {
    type Stream = BulkStream;

    async fn open(&self, provider: NodeId) -> io::Result<BulkStream> {
        self.0.open_stream(provider).await.map_err(io::Error::other)
    }
}

/// The artifacts of a party on the network. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exchange {
    network: Handle,
    store: Arc<Store>,
}

impl Exchange {
    /// Exchanges artifacts of `store` over `network`.
    #[must_use]
    pub const fn new(network: Handle, store: Arc<Store>) -> Self {
        Self { network, store }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Serves every stream that is opened to this party, until the network ends.
    ///
    /// # Errors
    /// Where streams are being served already, or the network has ended.
    pub async fn serve(self) -> Result<(), StreamError> {
        let mut incoming = self.network.incoming_streams().await?;
        let tasks = TaskTracker::new();
        while let Some((peer, stream)) = incoming.next().await {
            let store = Arc::clone(&self.store);
            tasks.spawn(async move {
                match serve(stream, &store, SERVE).await {
                    Ok(served) => tracing::debug!(%peer, bytes = served.bytes, "artifact bytes served"),
                    Err(error) => tracing::debug!(%peer, %error, "a stream for artifacts ended early"),
                }
            });
        }
        tasks.close();
        tasks.wait().await;
        Ok(())
    }

    /// Makes sure that the store holds the artifact, pinned for `reason`: fetches what is missing
    /// from those of `likely` who have it and from whoever says on the network that it does.
    ///
    /// # Errors
    /// Where nobody could be found who has it, or the disk refuses.
    pub async fn bring(&self, id: ArtifactId, likely: &[NodeId], reason: &str) -> Result<(), TransferError> {
        if !self.store.has(id) {
            let mut providers = likely.to_vec();
            providers.extend(self.network.providers(id.0).await.unwrap_or_default());
            providers.retain(|provider| *provider != self.network.local_id());
            let fetcher = Fetcher::new(
                Arc::clone(&self.store),
                Streams(self.network.clone()),
                FetchOptions::default(),
            );
            let report = fetcher.fetch(id, &providers, ARTIFACT_BOUND, &|_| {}).await;
            for outcome in &report.outcomes {
                self.blame(id, outcome).await;
            }
            report.result?;
        }
        let (store, reason) = (Arc::clone(&self.store), reason.to_owned());
        let pinned = tokio::task::spawn_blocking(move || store.pin(id, &reason)).await;
        pinned.map_err(|error| TransferError::Stream(io::Error::other(error)))??;
        if let Err(error) = self.network.provide(id.0).await {
            tracing::debug!(%id, %error, "the artifact could not be offered on the network");
        }
        Ok(())
    }

    async fn blame(&self, id: ArtifactId, outcome: &Outcome) {
        let Some(fault) = &outcome.fault else { return };
        tracing::warn!(%id, provider = %outcome.provider, %fault, "a provider failed");
        if fault.is_dishonest() {
            let _ = self
                .network
                .ban(outcome.provider, CORRUPT_BAN, fault.to_string())
                .await;
        }
    }
}
