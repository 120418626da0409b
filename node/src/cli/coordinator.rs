//! `quorate coordinator`: run one, and ask something of the one that runs.

mod asks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quorate_artifacts::Store;
use quorate_coordinator::desk::{Charter, Keys, Publication};
use quorate_coordinator::scribe::{OpenLog, Scribe};
use quorate_coordinator::service;
use quorate_core::digest::{ArtifactId, CampaignId};
use quorate_core::record::{Admission, Correction, EnrollmentPolicy};
use quorate_core::text::Origin;
use quorate_ledger::Log;
use quorate_network::{Config as NetworkConfig, Multiaddr, NetworkName, Role, Validity};
use quorate_tasks::CampaignFile;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::Global;
use super::workbench::Workbench;
use crate::clock::now;
use crate::config::Config;
use crate::control::{self, Answer, Ask};
use crate::home::{Home, KeyRole};
use crate::ledgers::LedgerHome;
use crate::output::{line, say};
use crate::qualifications;
use crate::volunteer::with_causes;
use crate::web;
use crate::workshop::HomeWorkshop;

/// Run a coordinator.
#[derive(Debug, Subcommand)]
pub(crate) enum Coordinator {
    /// Serve a log: grant leases, draw verifiers, write verdicts, until Ctrl-C
    Run(Run),
    /// Let operators enroll, in a log with an allowlist
    Admit(asks::Admit),
    /// Make invitation codes, in a log that admits by invitation
    Invite(asks::Invite),
    /// Withdraw the row that an attempt's verdict made; it stays visible, with the reason
    Correct(asks::Correct),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Address to listen on; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<Multiaddr>,
    /// Address under which nodes reach this host, where it differs; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    external: Vec<Multiaddr>,
    /// Name of the log, on its first start [default: quorate/ and the beginning of the key]
    #[arg(long)]
    origin: Option<Origin>,
    /// How many operators must cosign a checkpoint before it counts, on the log's first start [default: 0]
    #[arg(long, value_name = "N")]
    witness_quorum: Option<u8>,
    /// Serve the leaderboard's pages over HTTP here
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// Find nodes on the local network
    #[arg(long)]
    mdns: bool,
    /// Networks of different names do not talk to each other
    #[arg(long, default_value = "main", hide = true)]
    network: NetworkName,
}

/// Where a coordinator listens if nobody says: TCP and QUIC, all interfaces.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"];

/// Disk for artifacts if nobody says.
pub(super) const QUOTA_GIB: u64 = 64;

impl Coordinator {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Run(run) => Box::pin(run.run(global)).await,
            Self::Admit(admit) => admit.run(global).await,
            Self::Invite(invite) => invite.run(global).await,
            Self::Correct(correct) => correct.run(global).await,
        }
    }
}

impl Run {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let _lock = home.lock()?;
        let config = Config::read(&home)?;
        let key = home.ensure_key(KeyRole::Coordinator)?.0;
        let ledger = self.ledger(&home, &key)?;
        let charter = Charter {
            witness_quorum: self.witness_quorum.unwrap_or(0),
            enrollment: config.enrollment.unwrap_or(EnrollmentPolicy::Open),
            ..Origin::new(ledger.key.origin().as_str())?.into()
        };
        let quota = config.quota_gib.unwrap_or(QUOTA_GIB) << 30;
        let store = Store::open(&home.artifacts(), quota)?;
        let path = ledger.path.clone();
        let open: OpenLog = Box::new(move || Log::open_dir(&path, ledger.key.clone()));
        let (scribe, ended) = Scribe::start(open, Keys::new(key.clone()), charter, Arc::new(now))
            .context("the ledger cannot be opened")?;
        self.check_quorum(&scribe).await?;
        check_enrollment(&scribe, config.enrollment).await?;

        let web = match self.http {
            Some(address) => Some(
                TcpListener::bind(address)
                    .await
                    .with_context(|| format!("cannot serve pages on {address}"))?,
            ),
            None => None,
        };
        let mut network = NetworkConfig::new(key.clone(), Role::Coordinator);
        network.network = self.network.clone();
        network.listen = super::node::addresses(&self.listen, &config.listen, &LISTEN)?;
        network.external = super::node::addresses(&self.external, &config.external, &[])?;
        network.mdns = self.mdns || config.mdns;
        let myself = key.node_id();
        // Only the coordinator speaks for its log; nodes announce nothing here.
        network.announcement_check = Arc::new(move |from, _| {
            if *from == myself {
                Validity::Accept
            } else {
                Validity::Reject
            }
        });
        let (handle, events) = quorate_network::start(network).await?;
        let listener = control::listen(&home.control())?;

        let stop = CancellationToken::new();
        let addresses = handle.addresses().await;
        announce_addresses(global, &addresses, web.as_ref())?;
        let publisher = tokio::spawn(serve_control(
            listener,
            scribe.clone(),
            Publisher {
                home: home.clone(),
                store: Arc::clone(&store),
            },
            stop.clone(),
        ));
        let pages = web.map(|listener| tokio::spawn(web::serve(listener, scribe.clone(), stop.clone())));
        let work = tokio::spawn(service::run(scribe.clone(), handle, events, store, stop.clone()));
        drop(scribe);

        let outcome = tokio::select! {
            signal = super::node::interrupted() => signal.map_err(anyhow::Error::from),
            ended = ended => match ended {
                Ok(Err(error)) => Err(anyhow::Error::from(error).context("the ledger cannot be written")),
                _ => Err(anyhow::anyhow!("the ledger's writer ended unexpectedly")),
            },
        };
        stop.cancel();
        work.await?;
        publisher.await?;
        if let Some(pages) = pages {
            pages.await?;
        }
        let _ = std::fs::remove_file(home.control());
        outcome
    }

    /// What the log's first entry asks for holds for ever.
    async fn check_quorum(&self, scribe: &Scribe) -> anyhow::Result<()> {
        let held = scribe.view().await?.coordinator().witness_quorum;
        if let Some(wanted) = self.witness_quorum.filter(|wanted| *wanted != held) {
            anyhow::bail!(
                "this log asks for {held} witnesses since its first entry, and cannot ask for {wanted}: leave \
                 --witness-quorum out, or begin a new log in another home"
            );
        }
        Ok(())
    }

    fn ledger(&self, home: &Home, key: &quorate_core::Keypair) -> anyhow::Result<LedgerHome> {
        let public = key.public();
        if let (Some(found), None) = (LedgerHome::find(home, &public)?, &self.origin) {
            return Ok(found);
        }
        let short: String = public.to_string().chars().take(16).collect();
        let origin = match &self.origin {
            Some(origin) => origin.clone(),
            None => format!("quorate/{short}").parse()?,
        };
        Ok(LedgerHome::ensure(home, public, &origin)?)
    }
}

/// Who may enroll is said in the log's first entry too.
async fn check_enrollment(scribe: &Scribe, wanted: Option<EnrollmentPolicy>) -> anyhow::Result<()> {
    let held = scribe.view().await?.coordinator().enrollment;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != held) {
        anyhow::bail!(
            "enrollment in this log is `{}` since its first entry, and cannot be `{}`: set that in config.toml, or \
             begin a new log in another home",
            held.name(),
            wanted.name()
        );
    }
    Ok(())
}

/// Says where the coordinator is to be found: what nodes are given as `--coordinator`.
fn announce_addresses(
    global: &Global,
    addresses: &[Multiaddr],
    web: Option<&TcpListener>,
) -> anyhow::Result<()> {
    let pages = web
        .map(|listener| listener.local_addr())
        .transpose()?
        .map(|address| format!("http://{address}/"));
    if global.json {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        line(serde_json::json!({ "listening": addresses, "pages": pages }).to_string());
        return Ok(());
    }
    say("The coordinator is up. Nodes join with one of:");
    for address in addresses {
        say(format!("  quorate node run --coordinator {address}"));
    }
    if let Some(pages) = pages {
        say(format!("Leaderboard: {pages}"));
    }
    Ok(())
}

async fn serve_control(
    listener: UnixListener,
    scribe: Scribe,
    publisher: Publisher,
    stop: CancellationToken,
) {
    loop {
        let served = tokio::select! {
            () = stop.cancelled() => return,
            served = control::serve_one(&listener, |ask| answer(ask, &scribe, &publisher)) => served,
        };
        if let Err(error) = served {
            tracing::warn!(%error, "a control request failed");
        }
    }
}

async fn answer(ask: Ask, scribe: &Scribe, publisher: &Publisher) -> Answer {
    let answered = match ask {
        Ask::Publish { path, text } => publisher
            .publish(path, text, scribe)
            .await
            .map(|campaign| Answer::Published { campaign }),
        Ask::Correct { verdict, reason } => scribe
            .correct(Correction {
                corrects: verdict,
                reason,
                at: now(),
            })
            .await
            .map(|index| Answer::Recorded { index })
            .map_err(anyhow::Error::from),
        Ask::Admit { admits } => scribe
            .admit(Admission { admits, at: now() })
            .await
            .map(|index| Answer::Recorded { index })
            .map_err(anyhow::Error::from),
    };
    answered.unwrap_or_else(|error| Answer::Failed {
        reason: with_causes(error.as_ref()),
    })
}

/// What packs campaigns, in the home and the store of a running coordinator.
struct Publisher {
    home: Home,
    store: Arc<Store>,
}

impl Publisher {
    async fn publish(&self, path: PathBuf, text: String, scribe: &Scribe) -> anyhow::Result<CampaignId> {
        let file = CampaignFile::parse(&text, &path)?;
        let config = Config::read(&self.home)?;
        let bench = Workbench::open(&self.home, &config, None, Arc::clone(&self.store).into()).await?;
        let bench = Arc::new(bench);
        let workshop = HomeWorkshop::open(&self.home, Arc::clone(&bench))?;
        let (store, home) = (Arc::clone(&self.store), self.home.clone());
        let packed = tokio::task::spawn_blocking(move || pack(&file, &store, &home, &workshop)).await?;
        bench.clear().await;
        Ok(scribe.publish(packed?).await?)
    }
}

/// Packs and pins what a campaign names, and finds the qualifications of its tasks.
fn pack(
    file: &CampaignFile,
    store: &Arc<Store>,
    home: &Home,
    workshop: &HomeWorkshop,
) -> anyhow::Result<Publication> {
    let packed = file.pack(store, workshop)?;
    let mut qualified = Vec::new();
    for bundle in &packed.bundles {
        store.pin(ArtifactId(bundle.bundle.0), "bundle")?;
        qualified.extend(qualifications::find(home, bundle.bundle)?);
    }
    for agent in &packed.agents {
        store.pin(ArtifactId(agent.id.0), "agent")?;
    }
    let at = now();
    Ok(Publication {
        bundles: packed.bundle_records(at),
        qualifications: qualified,
        campaign: packed.record(at),
    })
}
