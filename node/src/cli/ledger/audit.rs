//! `quorate ledger audit`: nothing is believed that can be recomputed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use quorate_core::Record;
use quorate_core::history::{Attempt, Phase};
use quorate_ledger::audit::Finding;
use quorate_ledger::{AuditError, AuditReport, SledStore, StoreError, VerifierKey, audit_store};
use serde::Serialize;

use super::judged;
use super::remote::Source;
use super::witnesses::{Cosigned, Witnesses};
use crate::cli::{Failure, Global};
use crate::home::Home;
use crate::ledgers::{LedgerHome, LedgersError};
use crate::output::{json, line};
use crate::reading::{self, ReadError, Reading};

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Which ledger, if the home holds several: its origin, or the beginning of its coordinator's id
    #[arg(long)]
    log: Option<String>,
    /// Audit an export instead of this home's copy: a folder, or its address on a web server
    #[arg(long, value_name = "DIR|URL")]
    from: Option<PathBuf>,
    /// The log's key, if this home does not follow it: NAME+HASH+KEY, from its operator
    #[arg(long, value_name = "VERIFIERKEY", requires = "from")]
    key: Option<VerifierKey>,
    #[command(flatten)]
    witnesses: Witnesses,
}

/// What an audit found.
#[derive(Debug, Serialize)]
struct Audited {
    sound: bool,
    origin: String,
    entries: u64,
    signed: u64,
    root: String,
    records: BTreeMap<&'static str, u64>,
    attempts: BTreeMap<&'static str, u64>,
    cosigned: Cosigned,
    database: Database,
}

/// What became of the database beside the plain files.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Database {
    /// Checked too.
    Sound {
        /// How many entries it has.
        entries: u64,
    },
    /// A running process has it.
    InUse,
    /// There is none.
    None,
}

impl Audit {
    pub(super) fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        let mut source = None;
        let audited = match &self.from {
            Some(from) => self.key_for(&home, from).and_then(|key| {
                let source = source.insert(Source::bring(&home, from, &key)?);
                Ok((key, source.path().to_owned(), None))
            }),
            None => LedgerHome::choose(&home, self.log.as_deref())
                .map(|ledger| (ledger.key.clone(), ledger.files(), Some(ledger.path.join("db"))))
                .map_err(Into::into),
        };
        let (key, files, database) = audited?;
        let reading = reading::read(&files, &key);
        if let (Err(error), true) = (&reading, global.json) {
            json(&serde_json::json!({
                "sound": false,
                "origin": key.origin().to_string(),
                "first_bad_entry": bad_entry(error),
                "why": crate::volunteer::with_causes(error),
            }))?;
        }
        let reading = reading.map_err(judged)?;
        let database = match database {
            Some(path) => check_database(&path, &key, &reading.report)?,
            None => Database::None,
        };
        let cosigned = self.witnesses.check(&files, &key, &reading)?;
        let audited = Audited::new(&key, &reading, cosigned, database);
        if global.json {
            return json(&audited);
        }
        audited.print();
        Ok(())
    }

    /// The key to audit a folder with: never one that lies in the folder itself.
    fn key_for(&self, home: &Home, dir: &Path) -> anyhow::Result<VerifierKey> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        match LedgerHome::choose(home, self.log.as_deref()) {
            Ok(ledger) => Ok(ledger.key),
            Err(LedgersError::None) => Err(anyhow!(
                "this home follows no log, so it has no key to check {} with: pass --key, as the log's operator gives \
                 it. A log.key in the folder is the word of whoever made the folder",
                dir.display()
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// The first entry that an error is about, if it is about one.
const fn bad_entry(error: &ReadError) -> Option<u64> {
    match error {
        ReadError::Rule { index, .. } | ReadError::Audit(AuditError::Found(Finding::Entry { index, .. })) => {
            Some(*index)
        }
        _ => None,
    }
}

fn check_database(path: &Path, key: &VerifierKey, files: &AuditReport) -> anyhow::Result<Database> {
    // Opening would make it.
    if !path.exists() {
        return Ok(Database::None);
    }
    let store = match SledStore::open(path) {
        Err(StoreError::Locked { .. }) => return Ok(Database::InUse),
        other => other?,
    };
    let report = match audit_store(&store, key) {
        Err(error @ AuditError::Store(_)) => return Err(error.into()),
        other => other
            .context("in the database; the plain files are sound")
            .context(Failure::Check)?,
    };
    if report.entries == files.entries && report.root != files.root {
        return Err(anyhow!(
            "the database and the plain files hold different logs of {} entries, both signed: keep both as evidence",
            report.entries
        )
        .context(Failure::Check));
    }
    Ok(Database::Sound {
        entries: report.entries,
    })
}

impl Audited {
    fn new(key: &VerifierKey, reading: &Reading, cosigned: Cosigned, database: Database) -> Self {
        let mut records = BTreeMap::new();
        for record in reading
            .entries
            .iter()
            .filter_map(|envelope| Record::read(envelope).ok())
        {
            *records.entry(record.kind()).or_default() += 1;
        }
        let mut attempts = BTreeMap::new();
        for attempt in reading.history.attempts().values() {
            *attempts.entry(state(attempt)).or_default() += 1;
        }
        Self {
            sound: true,
            origin: key.origin().to_string(),
            entries: reading.report.entries,
            signed: reading
                .report
                .checkpoint
                .as_ref()
                .map_or(0, |checkpoint| checkpoint.size),
            root: reading.report.root.to_string(),
            records,
            attempts,
            cosigned,
            database,
        }
    }

    fn print(&self) {
        line(format!("{}: sound", self.origin));
        line(format!(
            "  entries   {}, of which {} are under the signed checkpoint",
            self.entries, self.signed
        ));
        line(format!("  root      {}", self.root));
        line(format!("  records   {}", counts(&self.records)));
        line(format!("  attempts  {}", counts(&self.attempts)));
        self.cosigned.print();
        line(match &self.database {
            Database::Sound { entries } => format!("  database  sound too, {entries} entries"),
            Database::InUse => "  database  not checked: a running process has it open".to_owned(),
            Database::None => "  database  none here: the plain files were checked".to_owned(),
        });
    }
}

/// How far an attempt is, in one word.
fn state(attempt: &Attempt) -> &'static str {
    match &attempt.phase {
        _ if attempt.withdrawn.is_some() => "withdrawn",
        Phase::Leased => "running",
        Phase::Forfeited(_) => "forfeited",
        Phase::Verifying(_) => "verifying",
        Phase::Decided { verdict, .. } => verdict.decision.name(),
    }
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect::<Vec<_>>()
        .join(", ")
}
