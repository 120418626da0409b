//! `quorate ledger show`: a log's entries, or one of them whole.

use anyhow::Context as _;
use clap::Args;
use quorate_core::digest::RecordId;
use quorate_core::{Envelope, Record};
use quorate_ledger::TreeHash;
use quorate_ledger::tree::{Prover, verify_inclusion};
use serde::Serialize;

use super::judged;
use super::prove::print_exactly;
use super::summary::{signers, summary};
use crate::cli::{Global, lookup};
use crate::ledgers::LedgerHome;
use crate::output::{json, line};
use crate::reading::{self, Reading};

/// Characters of a summary in the list.
const SUMMARY: usize = 140;

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// An entry's number, or the beginning of its record's id; left out, the entries are listed
    #[arg(value_name = "INDEX|RECORD")]
    which: Option<String>,
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long)]
    log: Option<String>,
    /// List so many of the last entries
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print the entry byte by byte as it stands in the log
    #[arg(long, requires = "which")]
    raw: bool,
}

/// One line of the list.
#[derive(Debug, Serialize)]
struct Entry {
    index: u64,
    kind: &'static str,
    record: RecordId,
    signed_by: String,
    summary: String,
}

/// What shows that an entry is in the signed log.
#[derive(Debug, Serialize)]
struct Inclusion {
    size: u64,
    root: TreeHash,
    proof: Vec<TreeHash>,
    verified: bool,
}

impl Show {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let ledger = LedgerHome::choose(&home, self.log.as_deref())?;
        let reading = reading::read(&ledger.files(), &ledger.key).map_err(judged)?;
        match &self.which {
            Some(which) => {
                let (index, envelope) = find(&reading.entries, which)?;
                if self.raw {
                    return print_exactly(envelope.bytes());
                }
                show(&reading, index, envelope, global.json)
            }
            None => list(&reading, self.limit, global.json),
        }
    }
}

/// The entry that `which` means: a number that an entry has, else the beginning of an id.
fn find<'a>(entries: &'a [Envelope], which: &str) -> anyhow::Result<(usize, &'a Envelope)> {
    if let Some(found) = which
        .parse::<usize>()
        .ok()
        .and_then(|index| Some((index, entries.get(index)?)))
    {
        return Ok(found);
    }
    let ids = entries
        .iter()
        .enumerate()
        .map(|(index, envelope)| (envelope.id(), (index, envelope)));
    let found = lookup::unique("record", which, ids);
    Ok(found
        .with_context(|| format!("the log has {} entries, numbered from 0", entries.len()))?
        .1)
}

fn entry(reading: &Reading, index: usize, envelope: &Envelope) -> anyhow::Result<Entry> {
    let record = Record::read(envelope)?;
    Ok(Entry {
        index: index as u64,
        kind: record.kind(),
        record: envelope.id(),
        signed_by: signers(envelope, &reading.history),
        summary: summary(&record, &reading.history),
    })
}

fn list(reading: &Reading, limit: usize, as_json: bool) -> anyhow::Result<()> {
    let skipped = reading.entries.len().saturating_sub(limit);
    let shown = reading.entries.iter().enumerate().skip(skipped);
    let entries = shown
        .map(|(index, envelope)| entry(reading, index, envelope))
        .collect::<anyhow::Result<Vec<Entry>>>()?;
    if as_json {
        return json(&serde_json::json!({ "size": reading.entries.len(), "entries": entries }));
    }
    let width = entries
        .iter()
        .map(|entry| entry.signed_by.chars().count())
        .max()
        .unwrap_or(0);
    for entry in entries {
        let Entry {
            index,
            kind,
            record,
            signed_by,
            summary,
        } = entry;
        let summary = shortened(&summary);
        line(format!(
            "{index:>6}  {kind:<14}  {}  {signed_by:<width$}  {summary}",
            record.short()
        ));
    }
    Ok(())
}

/// The list has a line for each entry; whoever wants all of it shows the entry.
fn shortened(summary: &str) -> String {
    let mut short: String = summary.chars().take(SUMMARY).collect();
    if short.len() < summary.len() {
        short.push('…');
    }
    short
}

fn show(reading: &Reading, index: usize, envelope: &Envelope, as_json: bool) -> anyhow::Result<()> {
    let entry = entry(reading, index, envelope)?;
    let payload: serde_json::Value = serde_json::from_slice(envelope.payload())?;
    let keys: Vec<String> = envelope.signers().iter().map(ToString::to_string).collect();
    let inclusion = prove(reading, index);
    if as_json {
        let mut object = serde_json::to_value(&entry)?;
        if let Some(fields) = object.as_object_mut() {
            fields.insert("payload_type".to_owned(), envelope.payload_type().into());
            fields.insert("signers".to_owned(), keys.into());
            fields.insert("payload".to_owned(), payload);
            fields.insert("inclusion".to_owned(), serde_json::to_value(inclusion)?);
        }
        return json(&object);
    }
    line(format!("entry      {}", entry.index));
    line(format!("record     {}", entry.record));
    line(format!("kind       {} ({})", entry.kind, envelope.payload_type()));
    line(format!("says       {}", entry.summary));
    line(format!("signed by  {}", entry.signed_by));
    for key in keys {
        line(format!("           {key}"));
    }
    line(match inclusion {
        Some(Inclusion {
            size,
            root,
            proof,
            verified: true,
        }) => {
            format!(
                "included   proved by {} hashes under the signed checkpoint of {size} entries, root {root}",
                proof.len()
            )
        }
        Some(_) => "included   NOT proved under the signed checkpoint".to_owned(),
        None => "included   not under a signed checkpoint yet".to_owned(),
    });
    line(serde_json::to_string_pretty(&payload)?);
    Ok(())
}

/// Proves the entry in the signed checkpoint; `None` where that does not reach it.
fn prove(reading: &Reading, index: usize) -> Option<Inclusion> {
    let checkpoint = reading.report.checkpoint.as_ref()?;
    let size = usize::try_from(checkpoint.size).ok()?;
    let leaves: Vec<TreeHash> = reading
        .entries
        .iter()
        .take(size)
        .map(|entry| TreeHash::leaf(entry.bytes()))
        .collect();
    let leaf = *leaves.get(index)?;
    let index = index as u64;
    let proof = Prover::new(leaves).inclusion(index)?;
    let verified = verify_inclusion(&leaf, index, checkpoint.size, &checkpoint.root, &proof);
    Some(Inclusion {
        size: checkpoint.size,
        root: checkpoint.root,
        proof,
        verified,
    })
}
