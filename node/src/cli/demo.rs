//! `quorate demo`: a whole network on this machine, with one cheat and one liar in it.
//!
//! One coordinator and N nodes run as processes of this program, each with its own home, key and
//! operator, on loopback. The demo itself is only a follower: what it prints it read from its own
//! checked copy of the ledger, as anybody could.

mod network;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;

use self::network::Network;
use self::report::Report;
use super::{BackendChoice, Failure, Global};
use crate::output::{line, say};

/// Show a whole network at work on this machine.
///
/// Publishes a campaign, lets the nodes make attempts and re-score each other's, and shows
/// the leaderboard. One node inflates its claims and one lies as a verifier; the demo ends well only
/// if every honest attempt was accepted and every lie caught.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many nodes; at least 4, so that a liar is outvoted
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=16))]
    nodes: u8,
    /// Which container backend the nodes use
    #[arg(long, value_enum, default_value_t)]
    backend: BackendChoice,
    /// A campaign file or the name of a shipped campaign
    #[arg(long, default_value = "smoke")]
    campaign: PathBuf,
    /// Keep the network and the leaderboard's pages up until Ctrl-C
    #[arg(long)]
    serve: bool,
}

impl Demo {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let began = Instant::now();
        let kept = match &global.home {
            Some(home) => Some(std::path::absolute(home)?),
            None => None,
        };
        let scratch = if kept.is_none() {
            Some(tempfile::tempdir().context("cannot make a folder")?)
        } else {
            None
        };
        let root = match (&kept, &scratch) {
            (Some(root), _) => root.clone(),
            (None, Some(scratch)) => scratch.path().to_owned(),
            (None, None) => bail!("no folder for the demo"),
        };
        let mut network = Network::start(&root, self.nodes, self.backend).await?;
        say(format!(
            "1 coordinator and {} nodes are up; backend {}.",
            self.nodes,
            network.backend()
        ));
        network.publish(&self.campaign).await?;

        let history = match network.watch().await {
            Ok(history) => history,
            Err(error) => {
                network.stop().await;
                return Err(error);
            }
        };
        let entries = network.entries().await?;
        let report = Report::new(&history, &entries, &network, began.elapsed().as_secs_f64());
        if global.json {
            line(serde_json::to_string_pretty(&report.json()?)?);
        } else {
            line(report.text());
        }
        if self.serve {
            say(format!("The leaderboard is at {} until Ctrl-C.", network.pages()));
            super::node::interrupted().await?;
        }
        network.stop().await;
        let wrong = report.failures();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(anyhow::Error::new(Failure::Check).context(wrong.join("; ")))
    }
}
