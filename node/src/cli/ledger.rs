//! `quorate ledger`: follow, audit, read and export logs.

mod audit;
mod prove;
mod remote;
mod show;
mod summary;
pub(super) mod witnesses;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use quorate_core::NodeId;
use quorate_ledger::files::Files;
use quorate_ledger::{AuditError, Log, LogError, MemoryStore, ReplicaError, StoreError};
use serde::Serialize;

use super::peer::{Address, Reach};
use super::{Failure, Global};
use crate::config::Config;
use crate::follower::{FollowError, Follower};
use crate::home::Home;
use crate::ledgers::{LedgerHome, write_durably};
use crate::output::{json, line, say};
use crate::reading::{self, ReadError};

/// Follow, audit, read and export ledgers.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Fetch and check what is new in a coordinator's log, then end
    Sync(Sync),
    /// Check a log from its first entry: bytes, signatures, hashes and rules
    Audit(audit::Audit),
    /// List a log's entries, or show one
    Show(show::Show),
    /// Write the proof of one row, or of one entry, to standard output
    Prove(prove::Prove),
    /// Write a log as plain files that any static server can offer (C2SP tlog-tiles)
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The folder: new, empty, or an earlier export of the same log
    dir: PathBuf,
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long)]
    log: Option<String>,
}

impl Ledger {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Sync(sync) => sync.run(global).await,
            Self::Audit(audit) => audit.run(global),
            Self::Show(show) => show.run(global),
            Self::Prove(prove) => prove.run(global),
            Self::Export(export) => export.run(global),
        }
    }
}

/// Why a log cannot be read, with [`Failure::Check`] where it is not what it should be.
pub(super) fn judged(error: ReadError) -> anyhow::Error {
    match error {
        ReadError::Audit(AuditError::Files(_) | AuditError::Store(_) | AuditError::NoCheckpoint { .. })
        | ReadError::Empty => error.into(),
        found => anyhow::Error::new(found).context(Failure::Check),
    }
}

/// Why a log cannot be followed, with the [`Failure`] that it is.
pub(super) fn followed(error: FollowError) -> anyhow::Error {
    match error {
        FollowError::Request { .. } => anyhow::Error::new(error).context(Failure::Unreachable),
        FollowError::Replica(ReplicaError::Log(_)) => error.into(),
        FollowError::Replica(_)
        | FollowError::Genesis(_)
        | FollowError::Broken { .. }
        | FollowError::Forked { .. } => anyhow::Error::new(error).context(Failure::Check),
        other => other.into(),
    }
}

/// Whether a running process has the home's copy open.
pub(super) const fn is_held(error: &FollowError) -> bool {
    matches!(
        error,
        FollowError::Log(LogError::Store(StoreError::Locked { .. }))
    )
}

/// How far a home's copy of a log is.
#[derive(Debug, Serialize)]
struct Synced {
    origin: String,
    coordinator: NodeId,
    entries: u64,
    /// How many of them the log's witnesses cosigned, by its own quorum.
    cosigned: u64,
    root: Option<String>,
    followed_by_running_process: bool,
}

impl Sync {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let mut synced = Vec::new();
        for coordinator in self.reach.some(&Config::read(&home)?)? {
            let one = self.sync(&home, &coordinator).await?;
            if !global.json {
                one.print();
            }
            synced.push(one);
        }
        if global.json {
            json(&serde_json::json!({ "ledgers": synced }))?;
        }
        Ok(())
    }

    async fn sync(&self, home: &Home, coordinator: &Address) -> anyhow::Result<Synced> {
        let mut peer = self.reach.start(coordinator).await?;
        let opened = Follower::open(home.clone(), peer.network().clone(), coordinator.1).await;
        let held = match opened {
            Err(error) if is_held(&error) => true,
            Err(error) => return Err(followed(error)),
            Ok(follower) => {
                peer.connected().await?;
                follower.sync().await.map_err(followed)?;
                false
            }
        };
        peer.leave().await;
        Synced::read(home, coordinator.1, held)
    }
}

impl Synced {
    fn read(home: &Home, coordinator: NodeId, held: bool) -> anyhow::Result<Self> {
        let ledger =
            LedgerHome::find(home, coordinator.key())?.context("the ledger's folder has no key any more")?;
        let files = Files::open(ledger.files());
        let checkpoint = files.checkpoint(&ledger.key)?;
        let cosigned = files.cosigned(&ledger.key)?;
        Ok(Self {
            origin: ledger.key.origin().to_string(),
            coordinator,
            entries: checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size()),
            cosigned: cosigned.map_or(0, |checkpoint| checkpoint.size()),
            root: checkpoint.map(|checkpoint| checkpoint.root().to_string()),
            followed_by_running_process: held,
        })
    }

    fn print(&self) {
        if self.followed_by_running_process {
            say("A quorate process that runs in this home follows this log already.");
        }
        let root = self.root.as_deref().unwrap_or("none yet");
        let cosigned = match self.cosigned {
            0 => String::new(),
            n => format!(", the first {n} cosigned"),
        };
        line(format!(
            "{}: {} entries, root {root}{cosigned}",
            self.origin, self.entries
        ));
    }
}

impl Export {
    fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let ledger = LedgerHome::choose(&home, self.log.as_deref())?;
        let entries = export(&home, &ledger, &self.dir)?;
        if global.json {
            return json(
                &serde_json::json!({ "dir": self.dir, "entries": entries, "key": ledger.key.to_string() }),
            );
        }
        line(format!(
            "{entries} entries of {} are in {}",
            ledger.key.origin(),
            self.dir.display()
        ));
        say(format!(
            "Its key is in log.key. To check it elsewhere: quorate ledger audit --from {} --key KEY",
            self.dir.display()
        ));
        Ok(())
    }
}

/// Exports what the plain files hold, checked. The database is not touched: a running process may
/// have it.
fn export(home: &Home, ledger: &LedgerHome, dir: &Path) -> anyhow::Result<u64> {
    let reading = reading::read(&ledger.files(), &ledger.key).map_err(judged)?;
    let files = Files::open(ledger.files());
    let Some(checkpoint) = files.checkpoint(&ledger.key)? else {
        bail!("this log has no signed checkpoint yet: sync it first");
    };
    let scratch = tempfile::tempdir_in(home.scratch()).context("cannot make a temporary folder")?;
    let mut log = Log::open(MemoryStore::default(), scratch.path(), ledger.key.clone())?;
    let entries: Vec<&[u8]> = reading
        .entries
        .iter()
        .map(quorate_core::Envelope::bytes)
        .collect();
    log.append_batch(&entries)?;
    let size = checkpoint.size();
    log.set_checkpoint(checkpoint)
        .context("the log grew while it was read: export it again")?;
    if let Some(cosigned) = files.cosigned(&ledger.key)? {
        log.set_cosigned(cosigned)
            .context("the log grew while it was read: export it again")?;
    }
    log.export(dir)?;
    let key = dir.join("log.key");
    write_durably(&key, ledger.key.to_string().as_bytes())
        .with_context(|| format!("cannot write {}", key.display()))?;
    Ok(size)
}

#[cfg(test)]
mod tests;
