//! Reading a ledger of the home without its database: from the plain files, which may be read while
//! a node or coordinator writes the log.

use quorate_core::history::RuleError;
use quorate_core::{Envelope, History};
use quorate_ledger::{AuditError, AuditReport, VerifierKey, read_directory};
use thiserror::Error;

use std::path::Path;

/// Why a ledger cannot be read as one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ReadError {
    /// Its bytes are not what was signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// An entry breaks the rules.
    #[error("entry {index} breaks the rules")]
    Rule {
        /// The first bad entry.
        index: u64,
        /// Which rule.
        source: Box<RuleError>,
    },
    /// There is no entry.
    #[error("the ledger is empty")]
    Empty,
}

/// A ledger that was read, checked and replayed.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What the audit found.
    pub(crate) report: AuditReport,
    /// The entries, in order.
    pub(crate) entries: Vec<Envelope>,
    /// What they come to.
    pub(crate) history: History,
}

/// Reads the plain files in `folder`: every byte against the signed checkpoint, every entry against
/// the rules.
pub(crate) fn read(folder: &Path, key: &VerifierKey) -> Result<Reading, ReadError> {
    let mut history = None;
    let mut entries = Vec::new();
    let mut broken = None;
    let report = read_directory(folder, key, &mut |index, bytes| {
        if broken.is_some() {
            return;
        }
        let applied = Envelope::decode(bytes)
            .map_err(|error| RuleError::Record(error.into()))
            .and_then(|envelope| History::extend(&mut history, &envelope).map(|()| envelope));
        match applied {
            Ok(envelope) => entries.push(envelope),
            Err(error) => broken = Some((index, error)),
        }
    })?;
    if let Some((index, error)) = broken {
        return Err(ReadError::Rule {
            index,
            source: Box::new(error),
        });
    }
    Ok(Reading {
        report,
        entries,
        history: history.ok_or(ReadError::Empty)?,
    })
}
