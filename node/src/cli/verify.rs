//! `quorate verify`: a proof file is checked offline, against a key that its reader has from elsewhere.
//!
//! Works without a network, without a copy of the log and with a home that cannot be written.

mod trust;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use quorate_coordinator::leaderboard::row_text;
use quorate_core::row::{self, Row};
use quorate_core::{Envelope, Record};
use quorate_ledger::proof_file::{MAX_PROOF, ROW_PROOF, TLOG_PROOF};
use quorate_ledger::replica::FORK_PROOF;
use quorate_ledger::{Fork, MAX_ENTRY, Origin, RowProof, TlogProof, VerifierKey};
use serde::Serialize;

use self::trust::Trust;
use super::{Failure, Global};
use crate::output::{json, line};

/// Check a proof file offline: of a row, of a log's entry, or of a fork.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// What `quorate ledger prove` wrote, or a fork proof that a node left
    file: PathBuf,
    /// The entry that a .tlog-proof is about, byte by byte
    #[arg(long, value_name = "FILE")]
    entry_file: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// What a proof is under.
#[derive(Debug, Serialize)]
struct Under {
    #[serde(serialize_with = "display")]
    origin: Origin,
    #[serde(serialize_with = "display")]
    key: VerifierKey,
    /// Where the key is from.
    key_from: &'static str,
    /// How many entries the signed checkpoint has.
    size: u64,
    /// The witnesses that were asked for and cosigned it.
    cosigned_by: Vec<String>,
}

impl Verify {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<()> {
        let bytes = read_bounded(&self.file, MAX_PROOF)?;
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match std::str::from_utf8(first).unwrap_or_default() {
            ROW_PROOF => self.row(global, &bytes),
            TLOG_PROOF => self.entry(global, &bytes),
            FORK_PROOF => self.fork(global, &bytes),
            _ => bail!(
                "{} is no proof: its first line is none of `{ROW_PROOF}`, `{TLOG_PROOF}`, `{FORK_PROOF}`",
                self.file.display()
            ),
        }
    }

    fn row(&self, global: &Global, bytes: &[u8]) -> anyhow::Result<()> {
        let proof = RowProof::parse(bytes).with_context(|| self.unreadable())?;
        let printed = printed_key(&proof);
        let pinned = self
            .trust
            .key(global, &proof.checkpoint.checkpoint().origin, printed.as_ref())?;
        checked(global, || {
            proof.verify(&pinned.key)?;
            let under = self.trust.under(&pinned, &proof.checkpoint)?;
            let row = replay(&proof)?;
            let is_logs = row.log_key == *pinned.key.public() && row.origin.as_str() == under.origin.as_str();
            if !is_logs {
                bail!("the first entry in it is of another log than the one that signed the checkpoint");
            }
            Ok((under, row))
        })
        .and_then(|(under, row)| self.tell_row(global, &under, &row, bytes.len()))
    }

    fn tell_row(&self, global: &Global, under: &Under, row: &Row, bytes: usize) -> anyhow::Result<()> {
        if global.json {
            return json(&serde_json::json!({ "proved": true, "log": under, "row": row, "bytes": bytes }));
        }
        let withdrawn = if row.withdrawn.is_some() {
            ", and it was WITHDRAWN"
        } else {
            ""
        };
        line(format!("{}: the row is proved{withdrawn}\n", self.file.display()));
        under.print();
        let text = row_text(row, &under.proved(), &under.not_proved());
        line(text.trim_end());
        Ok(())
    }

    fn entry(&self, global: &Global, bytes: &[u8]) -> anyhow::Result<()> {
        let proof = TlogProof::parse(bytes).with_context(|| self.unreadable())?;
        let Some(path) = &self.entry_file else {
            return Err(anyhow::anyhow!(
                "a .tlog-proof does not carry its entry: pass --entry-file FILE, as `quorate ledger show {} --raw` \
                 writes it",
                proof.index
            )
            .context(Failure::Usage));
        };
        let entry = read_bounded(path, MAX_ENTRY)?;
        let pinned = self
            .trust
            .key(global, &proof.checkpoint.checkpoint().origin, None)?;
        let under = checked(global, || {
            proof.verify(&entry, &pinned.key)?;
            self.trust.under(&pinned, &proof.checkpoint)
        })?;
        if global.json {
            return json(&serde_json::json!({ "proved": true, "log": under, "index": proof.index }));
        }
        line(format!("{}: the entry is proved\n", self.file.display()));
        under.print();
        line(format!(
            "entry       number {}, {} bytes",
            proof.index,
            entry.len()
        ));
        line("\nNot proved: what the entry says, and that the rules of the log allow it.");
        Ok(())
    }

    fn fork(&self, global: &Global, bytes: &[u8]) -> anyhow::Result<()> {
        let (fork, named) = Fork::parse(bytes).with_context(|| self.unreadable())?;
        let pinned = self.trust.key(global, named.origin(), Some(&named))?;
        checked(global, || {
            if fork.is_proved(&pinned.key) {
                Ok(())
            } else {
                bail!(
                    "it does not prove that the holder of {} forked its log",
                    pinned.key
                )
            }
        })?;
        let sizes = (fork.ours.size(), fork.theirs.size());
        if global.json {
            let key = pinned.key.to_string();
            return json(&serde_json::json!({ "proved": true, "forked": key, "sizes": sizes }));
        }
        line(format!("{}: the fork is proved\n", self.file.display()));
        line(format!("log         {}", pinned.key.origin()));
        line(format!("key         {} ({})", pinned.key, pinned.from));
        line(format!(
            "signed      two heads, of {} and {} entries, that cannot both be true",
            sizes.0, sizes.1
        ));
        line("\nWhoever holds this key showed different logs to different people. Trust no row of it.");
        Ok(())
    }

    fn unreadable(&self) -> String {
        format!("{} cannot be read as a proof", self.file.display())
    }
}

impl Under {
    fn proved(&self) -> Vec<String> {
        let mut facts = vec![format!(
            "All that follows stands in the log {}, under a checkpoint of {} entries that its key signed.",
            self.origin, self.size
        )];
        if !self.cosigned_by.is_empty() {
            facts.push(format!(
                "That checkpoint was cosigned by {} of the witnesses asked for: to each of them the log has only grown.",
                self.cosigned_by.len()
            ));
        }
        facts
    }

    fn not_proved(&self) -> Vec<String> {
        let alone =
            "That others are shown the same log: no witness was asked for. --witness KEY demands one.";
        if self.cosigned_by.is_empty() {
            vec![alone.to_owned()]
        } else {
            Vec::new()
        }
    }

    fn print(&self) {
        line(format!(
            "log         {}, signed checkpoint of {} entries",
            self.origin, self.size
        ));
        line(format!("key         {}", self.key));
        line(format!("            {}", self.key_from));
        for witness in &self.cosigned_by {
            line(format!("cosigned by {witness}"));
        }
    }
}

/// Checks, and says with `--json` too what failed.
fn checked<T>(global: &Global, check: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let result = check();
    if let (Err(error), true) = (&result, global.json) {
        let why: Vec<String> = error.chain().map(ToString::to_string).collect();
        json(&serde_json::json!({ "proved": false, "why": why.join(": ") }))?;
    }
    result.context(Failure::Check)
}

/// What the proof's entries come to by the rules.
pub(super) fn replay(proof: &RowProof) -> anyhow::Result<Row> {
    let mut entries = Vec::with_capacity(proof.entries.len());
    for proved in &proof.entries {
        let envelope = Envelope::decode(&proved.entry);
        entries.push((
            proved.index,
            envelope.with_context(|| format!("entry {} is no record", proved.index))?,
        ));
    }
    Ok(row::check(&entries)?)
}

/// The key that the proof's own first entry names: to be compared, not to be believed.
fn printed_key(proof: &RowProof) -> Option<VerifierKey> {
    let first = Envelope::decode(&proof.entries.first()?.entry).ok()?;
    match Record::read(&first).ok()? {
        Record::Coordinator(record) => {
            Some(VerifierKey::new(record.origin.as_str().parse().ok()?, record.key))
        }
        _ => None,
    }
}

/// A file of at most `most` bytes.
fn read_bounded(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() > most {
        bail!(
            "{} has more than {most} bytes: it is not what it should be",
            path.display()
        );
    }
    Ok(bytes)
}

fn display<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests;
