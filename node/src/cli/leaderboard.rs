//! `quorate leaderboard`: what a ledger comes to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate_coordinator::leaderboard::{self, compute, export, text};

use super::Global;
use super::ledger::judged;
use crate::ledgers::LedgerHome;
use crate::output::{json, line, say};
use crate::reading;

/// Show the leaderboard that a ledger comes to. It is computed here, from the checked ledger.
#[derive(Debug, Args)]
pub(crate) struct Leaderboard {
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long, global = true)]
    log: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the leaderboard's pages, JSON and text into a folder, for any web server
    Export {
        /// The folder
        dir: PathBuf,
    },
}

impl Leaderboard {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let ledger = LedgerHome::choose(&home, self.log.as_deref())?;
        let board = board(&ledger)?;
        match self.command {
            None if global.json => json(&board),
            None => {
                line(text(&board).trim_end());
                Ok(())
            }
            Some(Command::Export { dir }) => {
                let files = export(&dir, &board)?;
                if global.json {
                    return json(&serde_json::json!({ "dir": dir, "files": files, "size": board.size }));
                }
                say(format!(
                    "{files} files are in {}; begin with index.html",
                    dir.display()
                ));
                Ok(())
            }
        }
    }
}

fn board(ledger: &LedgerHome) -> anyhow::Result<leaderboard::Leaderboard> {
    let reading = reading::read(&ledger.files(), &ledger.key).map_err(judged)?;
    let mut board = compute(&reading.history);
    board.trace((0_u64..).zip(&reading.entries));
    Ok(board)
}
