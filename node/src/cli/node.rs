//! `quorate node run`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use quorate_artifacts::Store;
use quorate_containers::Runtime;
use quorate_coordinator::exchange::Exchange;
use quorate_core::NodeId;
use quorate_core::text::Name;
use quorate_network::{Config as NetworkConfig, Handle, Multiaddr, NetworkName, Role, Validity};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::coordinator::QUOTA_GIB;
use super::{BackendChoice, Global, peer};
use crate::config::Config;
use crate::follower::Follower;
use crate::home::{Home, KeyRole};
use crate::invitation::{Invitation, Invitations};
use crate::journal::Journal;
use crate::output::{line, say};
use crate::runner::Runner;
use crate::sealing::Signer;
use crate::slots::{Slots, shared_folder};
use crate::volunteer::{Misconduct, Volunteer};
use crate::witnessing::Witnessing;

/// Lend this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Work for one or more coordinators until Ctrl-C; a second Ctrl-C stops at once
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A coordinator's address, ending in /p2p/ID; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    coordinator: Vec<String>,
    /// Address to listen on; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<Multiaddr>,
    /// Address under which others reach this node, where it differs; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    external: Vec<Multiaddr>,
    /// What the operator calls itself
    #[arg(long)]
    name: Option<Name>,
    /// Code that lets a new operator in, from the coordinator's operator; kept until it is used. Repeatable
    #[arg(long, value_name = "CODE")]
    invitation: Vec<Invitation>,
    /// Which container backend to use
    #[arg(long, value_enum)]
    backend: Option<BackendChoice>,
    /// Find peers on the local network
    #[arg(long)]
    mdns: bool,
    /// Networks of different names do not talk to each other
    #[arg(long, default_value = "main", hide = true)]
    network: NetworkName,
    /// Inflate own claims, to show that it is noticed
    #[arg(long, default_value_t = 0.0, hide = true)]
    test_inflate_claims: f64,
    /// Lie as a verifier, to show that it is noticed
    #[arg(long, default_value_t = 0.0, hide = true, allow_negative_numbers = true)]
    test_lie_as_verifier: f64,
}

/// Where a node listens if nobody says: any free ports.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];

impl Node {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let Self::Run(run) = self;
        run.run(global).await
    }
}

impl Run {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let _lock = home.lock()?;
        let config = Config::read(&home)?;
        let coordinators = self.coordinators(&config)?;
        let invitations = self.invitations(&home, &coordinators)?;
        let store = Store::open(&home.artifacts(), config.quota_gib.unwrap_or(QUOTA_GIB) << 30)?;
        let runtime = self.runtime(&home, &config).await?;
        let runs = fresh_folder(&home.scratch().join("runs"))?;
        let runner = Runner::new(runtime, Arc::clone(&store), runs);
        let signer = self.signer(&home, &config)?;
        let journal = Journal::open(&home.journal())?;

        let (network, events) = self.network(&signer, &config, &coordinators).await?;
        let mut followers = Vec::new();
        for (_, coordinator) in &coordinators {
            followers.push(Follower::open(home.clone(), network.clone(), *coordinator).await?);
        }
        self.greet(global, &signer, &network, &runner).await;
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let volunteer = Volunteer {
            witness: Witnessing::new(home.witness(), signer.node.clone()),
            signer,
            exchange: Exchange::new(network.clone(), store),
            network,
            runner,
            slots: Slots::new(&shared_folder())?,
            journal: Arc::new(Mutex::new(journal)),
            invitations,
            followers,
            misconduct: Misconduct {
                inflate: self.test_inflate_claims,
                lie: self.test_lie_as_verifier,
            },
            running: Arc::new(Mutex::new(BTreeSet::new())),
            wake: Arc::new(Notify::new()),
            drain: drain.clone(),
            stop: stop.clone(),
        };
        let signals = tokio::spawn(drain_then_stop(drain, stop));
        Box::pin(volunteer.run(events)).await;
        signals.abort();
        Ok(())
    }

    fn coordinators(&self, config: &Config) -> anyhow::Result<Vec<(Multiaddr, NodeId)>> {
        let named = if self.coordinator.is_empty() {
            &config.coordinators
        } else {
            &self.coordinator
        };
        if named.is_empty() {
            bail!("no coordinator: pass --coordinator ADDRESS, or name some in config.toml");
        }
        named.iter().map(|text| peer::parse_coordinator(text)).collect()
    }

    fn invitations(&self, home: &Home, coordinators: &[(Multiaddr, NodeId)]) -> anyhow::Result<Invitations> {
        let invitations = Invitations::of(home.root());
        for invitation in &self.invitation {
            if !coordinators
                .iter()
                .any(|(_, node)| *node == invitation.coordinator)
            {
                bail!(
                    "the invitation is from coordinator {}: pass its address with --coordinator",
                    invitation.coordinator
                );
            }
            invitations.keep(invitation)?;
        }
        Ok(invitations)
    }

    async fn runtime(&self, home: &Home, config: &Config) -> anyhow::Result<Arc<dyn Runtime>> {
        let choice = match (self.backend, config.backend.as_deref()) {
            (Some(choice), _) => choice,
            (None, Some(text)) => <BackendChoice as clap::ValueEnum>::from_str(text, true).map_err(|_| {
                anyhow::anyhow!("`backend = \"{text}\"` in config.toml: use auto, docker or embedded")
            })?,
            (None, None) => BackendChoice::Auto,
        };
        let owner = home.owner().parse()?;
        let (scratch, images) = (home.scratch().join("containers"), config.images(home));
        let runtime = quorate_containers::select(choice.into(), owner, scratch, images).await?;
        if let Some(why) = runtime.check().await?.refusal() {
            bail!("this host cannot run containers safely: {why}. `quorate doctor` says more");
        }
        let swept = runtime.sweep().await?;
        if swept != quorate_containers::Swept::default() {
            say(format!("removed what an earlier run left: {swept:?}"));
        }
        Ok(runtime)
    }

    fn signer(&self, home: &Home, config: &Config) -> anyhow::Result<Signer> {
        let node = home.ensure_key(KeyRole::Node)?.0;
        let operator = home.ensure_key(KeyRole::Operator)?.0;
        let fallback = || {
            format!(
                "operator-{}",
                operator.public().to_string().chars().take(8).collect::<String>()
            )
        };
        let name = match self.name.clone().or_else(|| config.name.clone()) {
            Some(name) => name,
            None => fallback().parse()?,
        };
        let host = crate::host::describe()?;
        Ok(Signer {
            node,
            operator,
            name,
            host,
        })
    }

    async fn network(
        &self,
        signer: &Signer,
        config: &Config,
        coordinators: &[(Multiaddr, NodeId)],
    ) -> anyhow::Result<(Handle, tokio::sync::mpsc::Receiver<quorate_network::Event>)> {
        let mut network = NetworkConfig::new(signer.node.clone(), Role::Node);
        network.network = self.network.clone();
        network.listen = addresses(&self.listen, &config.listen, &LISTEN)?;
        network.external = addresses(&self.external, &config.external, &[])?;
        network.bootstrap = coordinators.iter().map(|(address, _)| address.clone()).collect();
        network.mdns = self.mdns || config.mdns;
        let trusted: BTreeSet<NodeId> = coordinators.iter().map(|(_, node)| *node).collect();
        network.announcement_check = Arc::new(move |from, _| {
            if trusted.contains(from) {
                Validity::Accept
            } else {
                Validity::Ignore
            }
        });
        Ok(quorate_network::start(network).await?)
    }

    async fn greet(&self, global: &Global, signer: &Signer, network: &Handle, runner: &Runner) {
        let node = signer.node.node_id();
        if global.json {
            let listening: Vec<String> = network
                .addresses()
                .await
                .iter()
                .map(ToString::to_string)
                .collect();
            let backend = runner.backend().to_string();
            line(serde_json::json!({ "node": node, "listening": listening, "backend": backend }).to_string());
        } else {
            say(format!(
                "Node {node} of operator {} is up, backend {}.",
                signer.name,
                runner.backend()
            ));
            say("Ctrl-C finishes what was begun and stops; a second Ctrl-C stops at once.");
        }
    }
}

/// Addresses from flags, else from the configuration, else the defaults.
pub(super) fn addresses(
    flags: &[Multiaddr],
    config: &[String],
    default: &[&str],
) -> anyhow::Result<Vec<Multiaddr>> {
    if !flags.is_empty() {
        return Ok(flags.to_vec());
    }
    let texts: Vec<&str> = if config.is_empty() {
        default.to_vec()
    } else {
        config.iter().map(String::as_str).collect()
    };
    texts
        .into_iter()
        .map(|text| {
            text.parse()
                .with_context(|| format!("`{text}` is no address such as /ip4/0.0.0.0/tcp/4001"))
        })
        .collect()
}

/// Returns on Ctrl-C or SIGTERM.
pub(super) async fn interrupted() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}

/// First Ctrl-C: drain. Second, or SIGTERM: stop.
async fn drain_then_stop(drain: CancellationToken, stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be received: kill the process to stop it");
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {
                if drain.is_cancelled() {
                    break;
                }
                say("Finishing what was begun. Ctrl-C again stops at once.");
                drain.cancel();
            }
            _ = terminate.recv() => break,
        }
    }
    drain.cancel();
    stop.cancel();
}

/// An empty folder in place of whatever a killed process left there.
fn fresh_folder(path: &Path) -> anyhow::Result<std::path::PathBuf> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => other.with_context(|| format!("cannot clear {}", path.display()))?,
    }
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path.to_owned())
}
