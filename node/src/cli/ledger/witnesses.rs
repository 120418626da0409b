//! What an audit says of witnesses: who cosigned, up to where, and whether those are enough.

use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use quorate_coordinator::cosigning::Backing;
use quorate_ledger::files::Files;
use quorate_ledger::tree::Prover;
use quorate_ledger::{SignedCheckpoint, TreeHash, VerifierKey, WitnessKey};
use serde::Serialize;

use crate::cli::Failure;
use crate::clock::now;
use crate::output::line;
use crate::reading::Reading;

/// Witnesses that the auditor trusts for reasons of its own.
#[derive(Debug, Args)]
pub(in crate::cli) struct Witnesses {
    /// A witness that must have cosigned: NAME+HASH+KEY, from its operator. May be given several times
    #[arg(long, value_name = "WITNESSKEY")]
    witness: Vec<WitnessKey>,
    /// So many of the witnesses are enough [default: all]
    #[arg(long, value_name = "N", requires = "witness", value_parser = clap::value_parser!(u16).range(1..))]
    quorum: Option<u16>,
}

/// What stands behind the latest cosigned checkpoint.
#[derive(Debug, Serialize)]
pub(super) struct Cosigned {
    /// How many entries it has; 0 where there is none.
    size: u64,
    /// How many operators the log asks for.
    quorum: u8,
    /// Whether so many cosigned.
    reached: bool,
    /// Who did, by the names that they enrolled with.
    operators: Vec<String>,
    /// Which of the witnesses that were asked for did.
    witnesses: Vec<String>,
}

impl Witnesses {
    /// Reads the cosigned checkpoint in the folder `files` and checks it against the log in `reading`.
    ///
    /// # Errors
    /// With [`Failure::Check`] where it contradicts the log, a line of an enrolled node is false, or
    /// the witnesses asked for did not cosign it.
    pub(super) fn check(
        &self,
        files: &Path,
        key: &VerifierKey,
        reading: &Reading,
    ) -> anyhow::Result<Cosigned> {
        self.judge(files, key, reading).context(Failure::Check)
    }

    fn judge(&self, files: &Path, key: &VerifierKey, reading: &Reading) -> anyhow::Result<Cosigned> {
        let checkpoint = Files::open(files).cosigned(key)?;
        let witnesses = self.asked(checkpoint.as_ref())?;
        let quorum = reading.history.coordinator().witness_quorum;
        let Some(checkpoint) = checkpoint else {
            return Ok(Cosigned {
                size: 0,
                quorum,
                reached: false,
                operators: Vec::new(),
                witnesses,
            });
        };
        check_root(&checkpoint, reading)?;
        let backing = Backing::of(&checkpoint, &reading.history, now())?;
        Ok(Cosigned {
            size: backing.size,
            quorum,
            reached: backing.is_quorum(),
            operators: backing
                .operators
                .values()
                .map(|one| one.name.to_string())
                .collect(),
            witnesses,
        })
    }

    /// Those of the witnesses asked for that cosigned, if they are enough.
    pub(in crate::cli) fn asked(&self, checkpoint: Option<&SignedCheckpoint>) -> anyhow::Result<Vec<String>> {
        let mut distinct: Vec<&WitnessKey> = self.witness.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let found = match checkpoint {
            Some(checkpoint) => checkpoint.cosignatures(&self.witness, now().0 / 1000)?,
            None => Vec::new(),
        };
        let wanted = self.quorum.map_or(distinct.len(), usize::from);
        if found.len() < wanted {
            bail!(
                "{} of the {} witnesses asked for cosigned the latest cosigned checkpoint here; {wanted} must: get a \
                 newer one, or ask those who run them",
                found.len(),
                distinct.len()
            );
        }
        Ok(found.iter().map(|one| one.witness.name().to_string()).collect())
    }
}

/// Checks that a checkpoint is of the entries that were read.
fn check_root(checkpoint: &SignedCheckpoint, reading: &Reading) -> anyhow::Result<()> {
    let size = usize::try_from(checkpoint.size()).ok();
    let covered = size.and_then(|size| reading.entries.get(..size)).ok_or_else(|| {
        anyhow!(
            "the cosigned checkpoint is of {} entries, and there are {}: sync the log again",
            checkpoint.size(),
            reading.entries.len()
        )
    })?;
    let leaves = covered
        .iter()
        .map(|entry| TreeHash::leaf(entry.bytes()))
        .collect();
    if Prover::new(leaves).root() == *checkpoint.root() {
        return Ok(());
    }
    bail!(
        "the log's key signed another log of {} entries than this one, and witnesses cosigned that: keep both as \
         evidence of a fork",
        checkpoint.size()
    )
}

impl Cosigned {
    pub(super) fn print(&self) {
        let asks = match self.quorum {
            0 => "the log asks for no witnesses".to_owned(),
            n => format!("the log asks for {n} operators"),
        };
        if self.size == 0 {
            line(format!("  cosigned  by nobody; {asks}"));
            return;
        }
        let enough = match (self.quorum, self.reached) {
            (0, _) => "",
            (_, true) => ", quorum reached",
            (_, false) => ", quorum NOT reached",
        };
        line(format!(
            "  cosigned  up to entry {} by {}{enough}; {asks}",
            self.size - 1,
            if self.operators.is_empty() {
                "no enrolled operator".to_owned()
            } else {
                self.operators.join(", ")
            }
        ));
        if !self.witnesses.is_empty() {
            line(format!(
                "  asked for {}: they cosigned",
                self.witnesses.join(", ")
            ));
        }
    }
}
