//! `quorate campaign`: publish one, and see how it goes.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use quorate_core::History;
use quorate_core::digest::CampaignId;
use quorate_core::history::{CampaignState, Phase};
use quorate_tasks::CampaignFile;
use serde::Serialize;

use super::Global;
use crate::control::{self, Answer, Ask};
use crate::ledgers::LedgerHome;
use crate::output::{json, line};
use crate::reading;

/// Publish campaigns and see how they go.
#[derive(Debug, Subcommand)]
pub(crate) enum Campaign {
    /// Publish the campaign that a file describes, through the coordinator that runs in this home
    Publish {
        /// A TOML file, or the name of a shipped campaign such as `smoke`
        file: PathBuf,
    },
    /// Show how far a campaign is
    Status(Status),
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The campaign's id or the beginning of it
    id: String,
    /// Which ledger, if the home holds several
    #[arg(long)]
    log: Option<String>,
}

impl Campaign {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Publish { file } => publish(global, file).await,
            Self::Status(status) => status.run(global),
        }
    }
}

async fn publish(global: &Global, file: PathBuf) -> anyhow::Result<()> {
    let home = global.home()?;
    let shipped = file
        .to_str()
        .and_then(|name| quorate_tasks::catalog::campaign_text(name).ok());
    let (path, text) = match shipped {
        Some(text) if !file.exists() => (file, text.to_owned()),
        _ => {
            let path = std::path::absolute(&file)?;
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("{} is neither a file nor a shipped campaign", file.display()))?;
            (path, text)
        }
    };
    // A mistake in the file is better said here than by the coordinator.
    CampaignFile::parse(&text, &path)?;
    match control::ask(&home.control(), &Ask::Publish { path, text }).await? {
        Answer::Published { campaign } if global.json => json(&serde_json::json!({ "campaign": campaign })),
        Answer::Published { campaign } => {
            line(campaign.to_string());
            Ok(())
        }
        other => bail!("the coordinator answered something else: {other:?}"),
    }
}

/// How far a campaign is.
#[derive(Debug, Default, Serialize)]
struct Progress {
    id: String,
    name: String,
    wanted: u64,
    leased: u64,
    running: u64,
    verifying: u64,
    decided: u64,
    accepted: u64,
    forfeited: u64,
    finished: bool,
}

impl Status {
    fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let ledger = LedgerHome::choose(&home, self.log.as_deref())?;
        let history = reading::read(&ledger.files(), &ledger.key)?.history;
        let mut found = history
            .campaigns()
            .iter()
            .filter(|(id, _)| id.to_string().starts_with(&self.id));
        let (Some((id, state)), None) = (found.next(), found.next()) else {
            bail!(
                "`{}` is the beginning of no campaign's id, or of several, in this ledger",
                self.id
            );
        };
        let progress = progress(&history, *id, state);
        if global.json {
            return json(&progress);
        }
        let mut text = format!("campaign {} {}\n", progress.name, progress.id);
        let _ = write!(
            text,
            "{} attempts wanted, {} leased: {} running, {} verifying, {} decided ({} accepted), {} forfeited{}",
            progress.wanted,
            progress.leased,
            progress.running,
            progress.verifying,
            progress.decided,
            progress.accepted,
            progress.forfeited,
            if progress.finished { "; finished" } else { "" },
        );
        line(text);
        Ok(())
    }
}

fn progress(history: &History, id: CampaignId, state: &CampaignState) -> Progress {
    let terms = &state.terms;
    let pairs = terms.bundles.len() as u64 * terms.agents.len() as u64;
    let mut progress = Progress {
        id: id.to_string(),
        name: terms.name.to_string(),
        wanted: pairs * u64::from(terms.attempts),
        ..Progress::default()
    };
    for attempt in history
        .attempts()
        .values()
        .filter(|attempt| attempt.lease.campaign == id)
    {
        progress.leased += 1;
        match &attempt.phase {
            Phase::Leased => progress.running += 1,
            Phase::Verifying(_) => progress.verifying += 1,
            Phase::Forfeited(_) => progress.forfeited += 1,
            Phase::Decided { verdict, .. } => {
                progress.decided += 1;
                progress.accepted += u64::from(verdict.decision.name() == "accepted");
            }
        }
    }
    let open = history.open_slots().iter().any(|slot| slot.campaign == id);
    progress.finished = !open && progress.running + progress.verifying == 0;
    progress
}
