//! Bundles: one tier of an environment as an artifact.
//!
//! ```text
//! bundle.json       the terms, as they stand in the log
//! instructions.md   what the agent is told
//! start/            the agent's starting files
//! reference/        a good solution, for calibration; scorings see it, agents never do
//! scorer/           the scorer
//! ```
//!
//! The same environment gives the same id on every machine. What is packed has passed [`check`]; what is
//! opened came from a stranger, and its terms are checked again.

use std::sync::Arc;

use quorate_artifacts::Store;
use quorate_core::digest::{ArtifactId, BundleId};
use quorate_core::task::{TaskSpec, Tier};
use quorate_core::text::Name;
use thiserror::Error;

use crate::catalog::{CatalogError, Kind, Source};
use crate::definition::{Definition, DefinitionError, FOLDERS, Finding, INSTRUCTIONS, check, check_spec};
use crate::packing::{self, OpenError, Packing, PackingError, unreadable};
use crate::tree::Tree;

/// The file with a bundle's terms.
pub const DESCRIPTION: &str = "bundle.json";

/// A bundle in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// Its id.
    pub bundle: BundleId,
    /// Its terms.
    pub spec: TaskSpec,
}

/// Why an environment cannot be packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It is not found.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Its `task.toml` gives no terms.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// It has faults.
    #[error("environment `{environment}` has {} fault(s): {}", findings.len(), list(findings))]
    Unsound {
        /// The environment.
        environment: Name,
        /// All of them.
        findings: Vec<Finding>,
    },
    /// Its files cannot be packed.
    #[error(transparent)]
    Packing(#[from] PackingError),
    /// This machine's trouble.
    #[error("cannot make a temporary folder")]
    Host(#[source] std::io::Error),
}

fn list(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(Finding::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Packs one tier of an environment.
///
/// # Errors
/// Where it is not found, has faults (all are named), or the store says no.
pub fn pack(source: &Source, tier: Tier, store: &Arc<Store>) -> Result<Packed, BundleError> {
    let scratch = tempfile::tempdir().map_err(BundleError::Host)?;
    let folder = source.folder(Kind::Environment, scratch.path())?;
    let definition = Definition::read(&folder)?;
    let spec = definition.spec(tier)?;
    let findings = check(&definition, &folder);
    if !findings.is_empty() {
        return Err(BundleError::Unsound {
            environment: definition.name,
            findings,
        });
    }
    let tree = Tree::open(&folder).map_err(|error| unreadable(&folder, error))?;
    let mut packing = Packing::new(&tree, store);
    packing.describe(DESCRIPTION, &spec)?;
    packing.file(definition.instructions.as_str(), INSTRUCTIONS)?;
    for folder in FOLDERS {
        packing.files(folder, &|_| false)?;
    }
    Ok(Packed {
        bundle: BundleId(packing.commit()?.0),
        spec,
    })
}

/// Reads a bundle's terms, bounded and checked.
///
/// # Errors
/// Where the artifact is not here, no bundle, or its terms are unsound.
pub fn open(store: &Arc<Store>, bundle: BundleId) -> Result<TaskSpec, OpenError> {
    let id = ArtifactId(bundle.0);
    let required = [INSTRUCTIONS, "start/", "reference/", "scorer/"];
    let spec: TaskSpec = packing::open(store, id, "bundle", DESCRIPTION, &required)?;
    let findings = check_spec(&spec);
    if findings.is_empty() {
        Ok(spec)
    } else {
        Err(OpenError::Unsound {
            id,
            problem: list(&findings),
        })
    }
}

#[cfg(test)]
mod tests;
