//! The demo's network: child processes on loopback, and a follower that watches their ledger.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use quorate_core::history::Phase;
use quorate_core::{Envelope, History, Keypair, NodeId};
use quorate_network::{Config as NetworkConfig, Handle, Role};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cli::{BackendChoice, peer};
use crate::control::{self, Answer, Ask};
use crate::follower::Follower;
use crate::home::Home;
use crate::ledgers::LedgerHome;
use crate::output::say;
use crate::reading;

/// A network that is silent for longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the dishonest nodes add: far more than any task's margin.
const SHIFT: f64 = 0.8;

/// A child process and what it is.
struct Party {
    name: String,
    log: PathBuf,
    child: Child,
}

/// What a node says once it is up.
#[derive(Deserialize)]
struct NodeUp {
    node: NodeId,
    backend: String,
}

/// What a coordinator says once it is up.
#[derive(Deserialize)]
struct CoordinatorUp {
    listening: Vec<String>,
    pages: Option<String>,
}

/// A running demo network.
pub(super) struct Network {
    coordinator: Party,
    coordinator_home: Home,
    nodes: Vec<Party>,
    backend: String,
    pages: String,
    cheat: NodeId,
    liar: NodeId,
    watcher_home: Home,
    watcher: Follower,
    handle: Handle,
}

impl Network {
    /// Starts a coordinator and `count` nodes with homes below `root`.
    pub(super) async fn start(root: &Path, count: u8, backend: BackendChoice) -> anyhow::Result<Self> {
        let coordinator_home = Home::open(root.join("coordinator"))?;
        configure(root, &coordinator_home, backend)?;
        let mut coordinator = spawn(
            "coordinator",
            coordinator_home.root(),
            &[
                "coordinator",
                "run",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--http",
                "127.0.0.1:0",
            ],
        )?;
        let up: CoordinatorUp = first_line(&mut coordinator).await?;
        let address = up
            .listening
            .first()
            .context("the coordinator listens nowhere")?
            .clone();

        let mut nodes = Vec::new();
        for number in 1..=count {
            nodes.push(spawn_node(root, number, count, &address, backend)?);
        }
        let mut ids = Vec::new();
        let mut chosen = String::new();
        for node in &mut nodes {
            let up: NodeUp = first_line(node).await?;
            ids.push(up.node);
            chosen = up.backend;
        }
        let [.., cheat, liar] = ids.as_slice() else {
            bail!("the demo needs more nodes")
        };
        let (watcher_home, handle, watcher) = watch_as_a_stranger(root, &address).await?;
        Ok(Self {
            coordinator,
            coordinator_home,
            nodes,
            backend: chosen,
            pages: up.pages.unwrap_or_default(),
            cheat: *cheat,
            liar: *liar,
            watcher_home,
            watcher,
            handle,
        })
    }

    /// The backend that the nodes chose.
    pub(super) fn backend(&self) -> &str {
        &self.backend
    }

    /// Where the leaderboard's pages are.
    pub(super) fn pages(&self) -> &str {
        &self.pages
    }

    /// The node that inflates its claims.
    pub(super) const fn cheat(&self) -> NodeId {
        self.cheat
    }

    /// The node that lies as a verifier.
    pub(super) const fn liar(&self) -> NodeId {
        self.liar
    }

    /// Publishes a campaign once every node is enrolled, so that none is left out of the draw.
    pub(super) async fn publish(&mut self, campaign: &Path) -> anyhow::Result<()> {
        let wanted = self.nodes.len();
        self.until(|history| history.nodes().len() == wanted).await?;
        let text = match campaign
            .to_str()
            .and_then(|name| quorate_tasks::catalog::campaign_text(name).ok())
        {
            Some(text) if !campaign.exists() => text.to_owned(),
            _ => {
                fs::read_to_string(campaign).with_context(|| format!("cannot read {}", campaign.display()))?
            }
        };
        let path = std::path::absolute(campaign)?;
        match control::ask(&self.coordinator_home.control(), &Ask::Publish { path, text }).await? {
            Answer::Published { .. } => Ok(()),
            other => bail!("the coordinator answered something else: {other:?}"),
        }
    }

    /// Follows the ledger until every attempt that the campaign asks for has ended.
    pub(super) async fn watch(&mut self) -> anyhow::Result<Arc<History>> {
        let mut told = BTreeMap::new();
        self.until(|history| {
            tell(history, &mut told);
            let over = |phase: &Phase| matches!(phase, Phase::Decided { .. } | Phase::Forfeited(_));
            !history.campaigns().is_empty()
                && history.open_slots().is_empty()
                && history.attempts().values().all(|attempt| over(&attempt.phase))
        })
        .await
    }

    /// The entries of the watcher's own, audited copy.
    pub(super) async fn entries(&self) -> anyhow::Result<Vec<Envelope>> {
        let ledger = LedgerHome::choose(&self.watcher_home, None)?;
        let read = tokio::task::spawn_blocking(move || reading::read(&ledger.files(), &ledger.key)).await??;
        Ok(read.entries)
    }

    /// The root of the watcher's copy.
    pub(super) fn root(&self) -> anyhow::Result<String> {
        let ledger = LedgerHome::choose(&self.watcher_home, None)?;
        Ok(quorate_ledger::audit_directory(&ledger.files(), &ledger.key)?
            .root
            .to_string())
    }

    async fn until(&mut self, mut done: impl FnMut(&History) -> bool) -> anyhow::Result<Arc<History>> {
        let (mut size, mut grown) = (0, Instant::now());
        loop {
            self.watcher.sync().await?;
            if let Some(history) = self.watcher.history() {
                if done(&history) {
                    return Ok(history);
                }
                if history.size() > size {
                    (size, grown) = (history.size(), Instant::now());
                }
            }
            if grown.elapsed() > PATIENCE {
                bail!(
                    "nothing happened for {} s; the parties said:\n{}",
                    PATIENCE.as_secs(),
                    self.logs()
                );
            }
            for party in std::iter::once(&mut self.coordinator).chain(&mut self.nodes) {
                if let Some(status) = party.child.try_wait()? {
                    let said = fs::read_to_string(&party.log).unwrap_or_default();
                    bail!("{} ended early ({status}); it said:\n{said}", party.name);
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The last lines that every party wrote.
    fn logs(&self) -> String {
        let mut text = String::new();
        for party in std::iter::once(&self.coordinator).chain(&self.nodes) {
            let said = fs::read_to_string(&party.log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let tail = lines
                .get(lines.len().saturating_sub(10)..)
                .unwrap_or_default()
                .join("\n");
            let _ = writeln!(text, "--- {}\n{tail}", party.name);
        }
        text
    }

    /// Ends every process, waiting for each to clean up.
    pub(super) async fn stop(mut self) {
        self.handle.shutdown().await;
        for party in self.nodes.iter().chain([&self.coordinator]) {
            terminate(&party.child);
        }
        for party in self.nodes.iter_mut().chain([&mut self.coordinator]) {
            if tokio::time::timeout(Duration::from_secs(15), party.child.wait())
                .await
                .is_err()
            {
                let _ = party.child.kill().await;
            }
        }
    }
}

/// The demo's own view of the network: a party that takes no part but follows the log.
async fn watch_as_a_stranger(root: &Path, address: &str) -> anyhow::Result<(Home, Handle, Follower)> {
    let home = Home::open(root.join("watcher"))?;
    let (address, coordinator) = peer::parse_coordinator(address)?;
    let mut config = NetworkConfig::new(Keypair::generate(&mut rand::rng()), Role::Node);
    config.bootstrap = vec![address.clone()];
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    let (handle, mut events) = quorate_network::start(config).await?;
    // Nothing that happens on the network concerns a reader of the log, but the channel must drain.
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    handle.dial(address).await?;
    let follower = Follower::open(home.clone(), handle.clone(), coordinator).await?;
    Ok((home, handle, follower))
}

fn spawn_node(
    root: &Path,
    number: u8,
    count: u8,
    address: &str,
    backend: BackendChoice,
) -> anyhow::Result<Party> {
    let name = format!("operator-{number}");
    let home = Home::open(root.join(format!("node-{number}")))?;
    configure(root, &home, backend)?;
    let mut arguments = vec![
        "node",
        "run",
        "--coordinator",
        address,
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
    ];
    arguments.extend(["--name", &name]);
    let shift = SHIFT.to_string();
    if number == count {
        arguments.extend(["--test-lie-as-verifier", &shift]);
    } else if number + 1 == count {
        arguments.extend(["--test-inflate-claims", &shift]);
    }
    spawn(&name, home.root(), &arguments)
}

/// Gives a party its settings. All of one machine share what is unpacked of images.
fn configure(root: &Path, home: &Home, backend: BackendChoice) -> anyhow::Result<()> {
    let backend = match backend {
        BackendChoice::Auto => "auto",
        BackendChoice::Docker => "docker",
        BackendChoice::Embedded => "embedded",
    };
    let text = format!("backend = \"{backend}\"\nimages = {:?}\n", root.join("images"));
    let path = home.root().join("config.toml");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn spawn(name: &str, home: &Path, arguments: &[&str]) -> anyhow::Result<Party> {
    let log = home.join("log");
    let file = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
    let child = Command::new(std::env::current_exe()?)
        .arg("--json")
        .arg("--home")
        .arg(home)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    Ok(Party {
        name: name.to_owned(),
        log,
        child,
    })
}

/// The JSON line that a party prints when it is up.
async fn first_line<T: serde::de::DeserializeOwned>(party: &mut Party) -> anyhow::Result<T> {
    let stdout = party
        .child
        .stdout
        .take()
        .context("its output was taken already")?;
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    let in_time = tokio::time::timeout(Duration::from_secs(60), stdout.read_line(&mut line)).await;
    if !matches!(in_time, Ok(Ok(1..))) {
        let said = fs::read_to_string(&party.log).unwrap_or_default();
        bail!("{} did not come up; it said:\n{said}", party.name);
    }
    serde_json::from_str(&line).with_context(|| format!("{} said something else: {line}", party.name))
}

fn terminate(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// Says each change of an attempt once.
fn tell(history: &History, told: &mut BTreeMap<quorate_core::digest::AttemptId, &'static str>) {
    for (id, attempt) in history.attempts() {
        let phase = match &attempt.phase {
            Phase::Leased => "leased",
            Phase::Forfeited(_) => "forfeited",
            Phase::Verifying(_) => "handed in",
            Phase::Decided { verdict, .. } => verdict.decision.name(),
        };
        if told.insert(*id, phase) != Some(phase) {
            let agent = history
                .campaigns()
                .get(&attempt.lease.campaign)
                .and_then(|c| {
                    c.terms
                        .agents
                        .iter()
                        .find(|agent| agent.id == attempt.lease.agent)
                })
                .map_or("?", |agent| agent.name.as_str());
            let node = history
                .nodes()
                .get(&attempt.lease.node)
                .map_or("?", |node| node.name.as_str());
            say(format!("  attempt {} by {agent} on {node}: {phase}", id.short()));
        }
    }
}
