//! `quorate ledger prove`: one row, or one entry, as a file that proves itself.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use clap::Args;
use quorate_core::digest::AttemptId;
use quorate_core::row;
use quorate_ledger::files::Files;
use quorate_ledger::tree::Prover;
use quorate_ledger::{ProvedEntry, RowProof, SignedCheckpoint, TlogProof, TreeHash};

use super::judged;
use crate::cli::{Global, lookup};
use crate::ledgers::LedgerHome;
use crate::output::{json, say};
use crate::reading::{self, Reading};

#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The attempt whose row is proved, by the beginning of its id
    #[arg(required_unless_present = "entry", conflicts_with = "entry")]
    attempt: Option<String>,
    /// Prove one entry instead, by its number (a C2SP tlog-proof; the entry travels beside it)
    #[arg(long, value_name = "INDEX")]
    entry: Option<u64>,
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long)]
    log: Option<String>,
}

impl Prove {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let ledger = LedgerHome::choose(&home, self.log.as_deref())?;
        // The checkpoints first: a log that grows meanwhile has the entries under them.
        let checkpoints = checkpoints(&ledger)?;
        let reading = reading::read(&ledger.files(), &ledger.key).map_err(judged)?;
        let text = match (self.entry, &self.attempt) {
            (Some(index), _) => prove_entry(&reading, checkpoints, index)?,
            (None, Some(attempt)) => prove_row(&reading, checkpoints, &ledger, attempt)?,
            (None, None) => bail!("give an attempt, or --entry INDEX"),
        };
        if global.json {
            return json(&serde_json::json!({ "bytes": text.len(), "proof": text }));
        }
        print_exactly(text.as_bytes())
    }
}

/// Writes to standard output what must arrive whole and as it is.
pub(super) fn print_exactly(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .context("cannot write all of it to standard output")
}

/// The checkpoints to prove under, the one that witnesses cosigned first.
fn checkpoints(ledger: &LedgerHome) -> anyhow::Result<Vec<SignedCheckpoint>> {
    let files = Files::open(ledger.files());
    let cosigned = files.cosigned(&ledger.key)?;
    Ok(cosigned
        .into_iter()
        .chain(files.checkpoint(&ledger.key)?)
        .collect())
}

/// The first of `checkpoints` that `last`, the last entry to be proved, stands under.
fn covering(checkpoints: Vec<SignedCheckpoint>, last: u64) -> anyhow::Result<SignedCheckpoint> {
    let covering = checkpoints
        .into_iter()
        .find(|checkpoint| last < checkpoint.size());
    covering.with_context(|| {
        format!("entry {last} stands under no signed checkpoint yet: sync the log and try again")
    })
}

fn prover(reading: &Reading, checkpoint: &SignedCheckpoint) -> anyhow::Result<Prover> {
    let size = usize::try_from(checkpoint.size())?;
    let entries = reading.entries.get(..size);
    let entries = entries.context("the log's files changed while they were read: try again")?;
    Ok(Prover::new(
        entries
            .iter()
            .map(|entry| TreeHash::leaf(entry.bytes()))
            .collect(),
    ))
}

fn prove_entry(reading: &Reading, checkpoints: Vec<SignedCheckpoint>, index: u64) -> anyhow::Result<String> {
    let checkpoint = covering(checkpoints, index)?;
    let path = prover(reading, &checkpoint)?.inclusion(index);
    let proof = TlogProof {
        index,
        path: path.context("the log has no such entry")?,
        checkpoint,
    };
    Ok(proof.to_text())
}

fn prove_row(
    reading: &Reading,
    checkpoints: Vec<SignedCheckpoint>,
    ledger: &LedgerHome,
    which: &str,
) -> anyhow::Result<String> {
    let ids = reading.history.attempts().keys().map(|id| (*id, ()));
    let (id, ()): (AttemptId, ()) = lookup::unique("attempt", which, ids)?;
    let places =
        row::entries_of(&reading.history, id, &reading.entries).context("the log has no such attempt")?;
    let latest = checkpoints.last().map_or(0, SignedCheckpoint::size);
    let checkpoint = covering(checkpoints, places.last().copied().unwrap_or_default())?;
    if checkpoint.size() < latest {
        say(format!(
            "Proved under the checkpoint of {} entries that witnesses cosigned; the log has {latest}.",
            checkpoint.size()
        ));
    }
    let prover = prover(reading, &checkpoint)?;
    let entry = |index: u64| {
        let envelope = reading.entries.get(usize::try_from(index).ok()?)?;
        Some(ProvedEntry {
            index,
            entry: envelope.bytes().to_vec(),
            path: prover.inclusion(index)?,
        })
    };
    let entries: Option<Vec<ProvedEntry>> = places.into_iter().map(entry).collect();
    let proof = RowProof {
        entries: entries.context("the log's files changed while they were read: try again")?,
        checkpoint,
    };
    let text = proof.to_text();
    // What a reader would refuse is not handed out.
    RowProof::parse(text.as_bytes())?.verify(&ledger.key)?;
    crate::cli::verify::replay(&proof)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use quorate_core::Keypair;
    use quorate_ledger::Checkpoint;

    use super::*;

    #[test]
    fn the_cosigned_checkpoint_serves_wherever_it_reaches() {
        let of = |size| {
            let checkpoint = Checkpoint {
                origin: "test/log".parse().unwrap(),
                size,
                root: TreeHash::empty(),
                extensions: Vec::new(),
            };
            checkpoint.sign(&Keypair::from_secret([7; 32])).unwrap()
        };
        let (cosigned, latest) = (5, 9);
        let chosen =
            |last| covering(vec![of(cosigned), of(latest)], last).map(|checkpoint| checkpoint.size());
        assert_eq!(chosen(4).unwrap(), cosigned);
        assert_eq!(chosen(5).unwrap(), latest);
        assert_eq!(chosen(8).unwrap(), latest);
        assert!(chosen(9).is_err(), "nobody signed that entry yet");
    }
}
