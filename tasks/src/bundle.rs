//! Bundles: one tier of an environment as an artifact.
//!
//! ```text
//! bundle.json       the terms, as they stand in the log
//! instructions.md   what the agent is told
//! start/            the agent's starting files
//! reference/        a good solution, for calibration; scorings see it, agents never do
//! scorer/           the scorer; agents see it where they may score themselves
//! library/          the shared modules that the environment uses
//! data/             what the preparation made for everybody
//! ```
//!
//! An environment without a preparation gives the same id on every machine; one with a preparation does where
//! the software that prepares it computes the same. What is packed has passed [`check`]; what is opened came
//! from a stranger, and its terms are checked again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_artifacts::Store;
use quorate_core::Digest;
use quorate_core::digest::{ArtifactId, BundleId};
use quorate_core::task::{Image, TaskSpec, Tier};
use quorate_core::text::Name;
use thiserror::Error;

use crate::catalog::{self, CatalogError, Kind, Source};
use crate::definition::{
    Definition, DefinitionError, FOLDERS, Finding, INSTRUCTIONS, ImageSource, PREPARE, TierDefinition, check,
    check_spec, with_tier,
};
use crate::packing::{self, OpenError, Packing, PackingError, unreadable};
use crate::tree::Tree;
use crate::workshop::{Preparation, Workshop, WorkshopError};

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
    /// Its image cannot be built, or its preparation fails.
    #[error(transparent)]
    Workshop(#[from] WorkshopError),
    /// This machine's trouble.
    #[error("cannot write to a temporary folder")]
    Host(#[source] io::Error),
}

/// What to pack.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The environment.
    pub source: &'a Source,
    /// Its size.
    pub tier: Tier,
    /// From what a preparation derives all its randomness.
    pub instance: Digest,
    /// The folder with the fetched public sources, for tiers that read some.
    pub data: Option<&'a Path>,
    /// Whether to use the node's `/usr` even where the environment names an image.
    pub host_image: bool,
}

impl<'a> Order<'a> {
    /// The environment as it is shipped: its public instance, its own image.
    #[must_use]
    pub fn new(source: &'a Source, tier: Tier) -> Self {
        Self {
            source,
            tier,
            instance: Digest::from_bytes([0; 32]),
            data: None,
            host_image: false,
        }
    }
}

/// What a preparation may leave, by its first folder.
const PREPARED: [&str; 4] = ["start", "reference", "scorer", "data"];

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
/// Where it is not found, has faults (all are named), cannot be prepared, or the store says no.
pub fn pack(order: &Order<'_>, store: &Arc<Store>, workshop: &dyn Workshop) -> Result<Packed, BundleError> {
    let scratch = tempfile::tempdir().map_err(BundleError::Host)?;
    let folder = order.source.folder(Kind::Environment, scratch.path())?;
    let definition = Definition::read(&folder)?;
    let terms = definition.tier(order.tier)?;
    let findings = check(&definition, &folder);
    if !findings.is_empty() {
        return Err(BundleError::Unsound {
            environment: definition.name,
            findings,
        });
    }
    let image = match &terms.image {
        ImageSource::Containerfile(path) if !order.host_image => {
            workshop.image(&folder.join(path.as_str()))?
        }
        ImageSource::Containerfile(_) | ImageSource::Host => Image::Host,
    };
    let spec = definition.spec(order.tier, image)?;
    let tree = Tree::open(&folder).map_err(|error| unreadable(&folder, error))?;
    let mut packing = Packing::new(store);
    packing.describe(DESCRIPTION, &spec)?;
    packing.file(&tree, definition.instructions.as_str(), INSTRUCTIONS)?;
    for folder in FOLDERS {
        packing.files(&tree, folder, &|_| false)?;
    }
    for module in &definition.library {
        packing.bytes(
            &format!("library/{module}.py"),
            catalog::library(module).unwrap_or_default(),
        )?;
    }
    if let Some(made) = prepare(
        order,
        &definition,
        terms,
        &spec,
        &folder,
        scratch.path(),
        workshop,
    )? {
        let tree = Tree::open(&made).map_err(|error| unreadable(&made, error))?;
        for folder in PREPARED.into_iter().filter(|name| made.join(name).exists()) {
            packing.files(&tree, folder, &|_| false)?;
        }
    }
    Ok(Packed {
        bundle: BundleId(packing.commit()?.0),
        spec,
    })
}

/// Runs the environment's preparation, if it has one; returns the folder of what it made.
fn prepare(
    order: &Order<'_>,
    definition: &Definition,
    terms: &TierDefinition,
    spec: &TaskSpec,
    folder: &Path,
    scratch: &Path,
    workshop: &dyn Workshop,
) -> Result<Option<PathBuf>, BundleError> {
    let (Some(work), Some(limits)) = (&definition.prepare, terms.prepare) else {
        return Ok(None);
    };
    let (task, out) = (scratch.join("task"), scratch.join("made"));
    for name in FOLDERS.into_iter().chain([PREPARE]) {
        copy(&folder.join(name), &task.join(name)).map_err(BundleError::Host)?;
    }
    let library = task.join("library");
    fs::create_dir_all(&library).map_err(BundleError::Host)?;
    for module in &definition.library {
        let text = catalog::library(module).unwrap_or_default();
        fs::write(library.join(format!("{module}.py")), text).map_err(BundleError::Host)?;
    }
    let mut command: Vec<String> = with_tier(&work.command, order.tier)?
        .iter()
        .map(|word| word.as_str().replace("{instance}", &order.instance.to_string()))
        .collect();
    if let Some(data) = order.data {
        // Beside the task, because that is what the container is shown.
        copy(data, &task.join("sources")).map_err(BundleError::Host)?;
        command.extend(["--data".to_owned(), "/task/sources".to_owned()]);
    }
    workshop.prepare(&Preparation {
        image: spec.image,
        command,
        task,
        out: out.clone(),
        limits,
    })?;
    Ok(Some(out))
}

/// Copies a folder of plain files; data that lies on the same disk is linked instead.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let target = to.join(entry.file_name().unwrap_or_default());
        if kind.is_dir() {
            copy(&entry, &target)?;
        } else if kind.is_file() && fs::hard_link(&entry, &target).is_err() {
            fs::copy(&entry, &target)?;
        }
    }
    Ok(())
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
