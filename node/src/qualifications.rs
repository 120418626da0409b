//! Where a publisher finds what shows that a task may be trusted: records in the home, and those that are
//! shipped. A record speaks for one bundle, so a changed task needs a new one.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use quorate_core::digest::BundleId;
use quorate_core::record::Qualification;
use quorate_core::{Envelope, Record};
use quorate_tasks::catalog;

use crate::home::Home;
use crate::ledgers::write_durably;

/// Keeps the record of `bundle` in the home; says where.
pub(crate) fn keep(home: &Home, bundle: BundleId, envelope: &Envelope) -> anyhow::Result<PathBuf> {
    let path = file(home, bundle);
    write_durably(&path, envelope.bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The qualification of `bundle`, if there is one.
///
/// # Errors
/// Where the home has a record of that name which is none.
pub(crate) fn find(home: &Home, bundle: BundleId) -> anyhow::Result<Option<Qualification>> {
    let path = file(home, bundle);
    let ours = match fs::read(&path) {
        Ok(bytes) => Some(read(&bytes).with_context(|| format!("{} is no qualification", path.display()))?),
        Err(_) => None,
    };
    let shipped = || catalog::qualifications().filter_map(|bytes| read(bytes).ok());
    Ok(ours
        .into_iter()
        .chain(shipped())
        .find(|qualification| qualification.bundle == bundle))
}

fn file(home: &Home, bundle: BundleId) -> PathBuf {
    home.root().join("qualifications").join(format!("{bundle}.json"))
}

fn read(bytes: &[u8]) -> anyhow::Result<Qualification> {
    match Record::read(&Envelope::decode(bytes)?)? {
        Record::Qualification(qualification) => Ok(qualification),
        other => anyhow::bail!("it is a {} record", other.kind()),
    }
}
