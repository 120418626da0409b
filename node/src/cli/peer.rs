//! A short-lived party on the network, for commands that ask one thing and end.
//!
//! Its key is thrown away afterwards, so it works beside a node that runs in the same home. The
//! coordinator's key is pinned by its address: another key at that address is an error, never a
//! coordinator.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_artifacts::Store;
use quorate_artifacts::transfer::{Connect, FetchOptions, Fetcher, Progress, Report, TransferError};
use quorate_coordinator::exchange::ARTIFACT_BOUND;
use quorate_core::digest::ArtifactId;
use quorate_core::{Keypair, NodeId};
use quorate_network::{
    BulkStream, Config as NetworkConfig, DialError, Event, Handle, Multiaddr, NetworkName, Role,
};
use tokio::sync::mpsc;

use super::Failure;
use crate::config::Config;
use crate::output::{is_watched, say};
use crate::volunteer::with_causes;

/// Dials, handshakes and name lookups included.
const CONNECT: Duration = Duration::from_secs(30);

/// A connection is up before the far end has said which protocols it speaks, and only then does a
/// lookup find anything: so often, with this pause between, an empty answer is asked again.
const LOOKUPS: u32 = 8;
const LOOKUP_PAUSE: Duration = Duration::from_millis(250);

/// Where a coordinator is and who it is.
pub(crate) type Address = (Multiaddr, NodeId);

/// Which coordinators to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// A coordinator's address, ending in /p2p/ID; repeatable [default: those in config.toml]
    #[arg(long = "coordinator", value_name = "MULTIADDR", value_parser = parse_coordinator)]
    coordinators: Vec<Address>,
    /// Networks of different names do not talk to each other
    #[arg(long, default_value = "main", hide = true)]
    network: NetworkName,
}

impl Reach {
    /// The coordinators that flags name, else those of the configuration; there may be none.
    pub(super) fn coordinators(&self, config: &Config) -> anyhow::Result<Vec<Address>> {
        if self.coordinators.is_empty() {
            let parse =
                |text: &String| parse_coordinator(text).context("`coordinators` in config.toml is wrong");
            return config.coordinators.iter().map(parse).collect();
        }
        Ok(self.coordinators.clone())
    }

    /// As [`Reach::coordinators`], and at least one.
    pub(super) fn some(&self, config: &Config) -> anyhow::Result<Vec<Address>> {
        let found = self.coordinators(config)?;
        if found.is_empty() {
            bail!("no coordinator is known here: pass --coordinator ADDRESS, or name some in config.toml");
        }
        Ok(found)
    }

    /// Joins the network and waits for the first of `coordinators` that answers.
    pub(super) async fn join_any(&self, coordinators: &[Address]) -> anyhow::Result<Peer> {
        let mut first_error = None;
        for coordinator in coordinators {
            let mut peer = self.start(coordinator).await?;
            match peer.connected().await {
                Ok(()) => return Ok(peer),
                Err(error) => first_error = first_error.or(Some(error)),
            }
            peer.leave().await;
        }
        Err(first_error.unwrap_or_else(|| anyhow!("no coordinator was named")))
    }

    /// Joins the network; whether the coordinator answers shows in [`Peer::connected`].
    pub(super) async fn start(&self, coordinator: &Address) -> anyhow::Result<Peer> {
        let mut config = NetworkConfig::new(Keypair::generate(&mut rand::rng()), Role::Node);
        config.network = self.network.clone();
        config.bootstrap = vec![coordinator.0.clone()];
        let (network, events) = quorate_network::start(config).await?;
        Ok(Peer {
            network,
            events: Some(events),
            coordinator: coordinator.clone(),
        })
    }
}

/// Reads a coordinator's address. Its key must be in it.
pub(crate) fn parse_coordinator(text: &str) -> anyhow::Result<Address> {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let Ok(address) = text.parse::<Multiaddr>() else {
        bail!(
            "`{shown}` is no address: it must look like /dns/HOST/tcp/4001/p2p/ID or /ip4/1.2.3.4/tcp/4001/p2p/ID"
        );
    };
    let named = address.to_string();
    let Some((place, id)) = named.rsplit_once("/p2p/") else {
        bail!(
            "`{shown}` does not say whose address it is: add /p2p/ID at its end, with the coordinator's id"
        );
    };
    match id.parse() {
        Ok(id) if !place.is_empty() => Ok((address, id)),
        Ok(_) => bail!(
            "`{shown}` does not say where the coordinator is: begin with /dns/HOST/tcp/PORT or the like"
        ),
        Err(_) => {
            bail!("`{shown}` does not end in /p2p/ID with the id of a coordinator, which begins with 12D3Koo")
        }
    }
}

/// The party.
#[derive(Debug)]
pub(super) struct Peer {
    network: Handle,
    events: Option<mpsc::Receiver<Event>>,
    coordinator: Address,
}

impl Peer {
    /// The network.
    pub(super) const fn network(&self) -> &Handle {
        &self.network
    }

    /// Whom it asks.
    pub(super) const fn coordinator(&self) -> NodeId {
        self.coordinator.1
    }

    /// Waits until the coordinator is connected.
    ///
    /// # Errors
    /// With [`Failure::Unreachable`] where nobody answers; without it where somebody else does.
    pub(super) async fn connected(&mut self) -> anyhow::Result<()> {
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        let wait = async {
            loop {
                match events.recv().await {
                    Some(Event::Connected(node)) if node == self.coordinator.1 => return Ok(()),
                    Some(Event::BootstrapFailed { error, .. }) => return Err(not_connected(error)),
                    Some(_) => {}
                    None => bail!("the network ended unexpectedly"),
                }
            }
        };
        let late = || {
            anyhow!(
                "no answer from {} within {} s",
                self.coordinator.0,
                CONNECT.as_secs()
            )
            .context(Failure::Unreachable)
        };
        tokio::time::timeout(CONNECT, wait)
            .await
            .unwrap_or_else(|_| Err(late()))?;
        // Nothing that comes from now on matters here, but an unread queue would fill up.
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        Ok(())
    }

    /// Fetches an artifact into `store`, pinned for `reason`: from the coordinator if it has it, else
    /// from `likely` and whoever says on the network that it does.
    pub(super) async fn fetch(
        &self,
        store: &Arc<Store>,
        id: ArtifactId,
        likely: &[NodeId],
        reason: &str,
    ) -> anyhow::Result<()> {
        if !store.has(id) {
            let bar = progress_bar();
            let progress = |at: Progress| {
                bar.set_length(at.total);
                bar.set_position(at.have);
            };
            let options = FetchOptions::default();
            let fetcher = Fetcher::new(Arc::clone(store), Streams(self.network.clone()), options);
            let mut report = fetcher
                .fetch(id, &[self.coordinator()], ARTIFACT_BOUND, &progress)
                .await;
            if matches!(report.result, Err(TransferError::NoProvider { .. })) {
                let mut others = self.providers(id).await?;
                others.extend(likely);
                others.retain(|node| *node != self.coordinator());
                if !others.is_empty() {
                    report = fetcher.fetch(id, &others, ARTIFACT_BOUND, &progress).await;
                }
            }
            bar.finish_and_clear();
            explain(&report);
            report
                .result
                .with_context(|| format!("artifact {id} could not be fetched"))?;
        }
        let (store, reason) = (Arc::clone(store), reason.to_owned());
        Ok(tokio::task::spawn_blocking(move || store.pin(id, &reason)).await??)
    }

    async fn providers(&self, id: ArtifactId) -> anyhow::Result<Vec<NodeId>> {
        for _ in 1..LOOKUPS {
            let found = self.network.providers(id.0).await?;
            if !found.is_empty() {
                return Ok(found);
            }
            tokio::time::sleep(LOOKUP_PAUSE).await;
        }
        Ok(self.network.providers(id.0).await?)
    }

    /// Leaves the network.
    pub(super) async fn leave(self) {
        self.network.shutdown().await;
    }
}

struct Streams(Handle);

impl Connect for Streams {
    type Stream = BulkStream;

    async fn open(&self, provider: NodeId) -> io::Result<BulkStream> {
        self.0.open_stream(provider).await.map_err(io::Error::other)
    }
}

/// Another key at the address is no failure to reach it, and must not read like one.
fn not_connected(error: DialError) -> anyhow::Error {
    match error {
        DialError::WrongPeerId { .. } | DialError::OtherNetwork { .. } | DialError::Myself(_) => error.into(),
        other => anyhow::Error::new(other).context(Failure::Unreachable),
    }
}

/// Says who failed, where the artifact did not come.
fn explain(report: &Report) {
    if report.result.is_ok() {
        return;
    }
    for outcome in &report.outcomes {
        if let Some(fault) = &outcome.fault {
            say(format!("  {}: {}", outcome.provider, with_causes(fault)));
        }
    }
}

fn progress_bar() -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bytes} of {total_bytes} [{bar:30}] {bytes_per_sec}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn an_address_must_pin_the_coordinators_key() {
        for place in [
            "/ip4/127.0.0.1/tcp/4001",
            "/dns/quorate.example/udp/4001/quic-v1",
            "/ip6/::1/tcp/1",
        ] {
            let text = format!("{place}/p2p/{ID}");
            let (address, id) = parse_coordinator(&text).unwrap();
            assert_eq!((address.to_string(), id.to_string()), (text, ID.to_owned()));
        }
        let relayed = format!("/ip4/127.0.0.1/tcp/1/p2p/{ID}/p2p-circuit/p2p/{ID}");
        assert!(parse_coordinator(&relayed).is_ok());
    }

    #[test]
    fn errors_say_what_is_missing() {
        let error = |text: &str| parse_coordinator(text).unwrap_err().to_string();
        assert!(error("localhost:4001").contains("is no address"));
        assert!(error("/ip4/127.0.0.1/tcp/4001").contains("add /p2p/ID"));
        assert!(error(&format!("/p2p/{ID}")).contains("where the coordinator is"));
        assert!(
            error(&format!("/ip4/127.0.0.1/tcp/1/p2p/{ID}/p2p-circuit")).contains("does not end in /p2p/ID")
        );
        let rsa = "/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert!(error(rsa).contains("12D3Koo"), "only Ed25519 keys make nodes");
    }
}
