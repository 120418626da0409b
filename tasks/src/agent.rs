//! Agents: the programs that make attempts, addressed by content.
//!
//! An agent's folder holds `agent.toml` and its files. Packed it is an artifact of `agent.json` (the same
//! terms) and those files, without `agent.toml`, `README.md` and `tests/`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use quorate_artifacts::Store;
use quorate_core::digest::{AgentId, ArtifactId};
use quorate_core::score::Score;
use quorate_core::text::{Name, Note};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::catalog::{CatalogError, Kind, Source};
use crate::packing::{self, OpenError, Packing, PackingError, unreadable};
use crate::toml_file::{self, TomlError};
use crate::tree::Tree;

/// The file that describes an agent in its folder.
pub const DEFINITION: &str = "agent.toml";
/// The file that describes a packed agent.
pub const DESCRIPTION: &str = "agent.json";

const MAX_COMMAND: usize = 64;
const MAX_SETTINGS: usize = 64;
/// Files of an agent's folder that are for people, or replaced by the description.
const LEFT_OUT: [&str; 4] = [DEFINITION, DESCRIPTION, "README.md", "tests"];

/// One setting of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any finite number.
    Number(Score),
    /// A text.
    Text(Note),
}

/// What makes an attempt, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// What leaderboards call it.
    pub name: Name,
    /// Its version.
    pub version: Name,
    /// One line for people.
    pub summary: Note,
    /// The command that starts it in the container.
    pub command: Vec<Note>,
    /// Whatever it can be told.
    #[serde(default)]
    pub settings: BTreeMap<Name, Setting>,
}

/// Why an agent cannot be packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// It is not found.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Its `agent.toml` cannot be read.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// Its `agent.toml` breaks a rule.
    #[error("agent `{agent}`: {problem}")]
    Unsound {
        /// Which agent.
        agent: Name,
        /// Which rule.
        problem: &'static str,
    },
    /// Its files cannot be packed.
    #[error(transparent)]
    Packing(#[from] PackingError),
    /// This machine's trouble.
    #[error("cannot make a temporary folder")]
    Host(#[source] std::io::Error),
}

impl AgentSpec {
    /// Reads the `agent.toml` of a folder.
    ///
    /// # Errors
    /// Where it cannot be read, or breaks a rule.
    pub fn read(folder: &Path) -> Result<Self, AgentError> {
        let spec: Self = toml_file::read(&folder.join(DEFINITION))?;
        match spec.problem() {
            Some(problem) => Err(AgentError::Unsound {
                agent: spec.name,
                problem,
            }),
            None => Ok(spec),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let start = self.command.first().map_or("", Note::as_str);
        if start.is_empty() || self.command.len() > MAX_COMMAND {
            Some("`command` is a list of 1 to 64 words, the first of which names a program")
        } else if self.settings.len() > MAX_SETTINGS {
            Some("`settings` has at most 64 entries")
        } else {
            None
        }
    }
}

/// Packs an agent. The same files make the same id on every machine.
///
/// # Errors
/// Where it is not found, unsound, or the store says no.
pub fn pack_agent(source: &Source, store: &Arc<Store>) -> Result<(AgentId, AgentSpec), AgentError> {
    let scratch = tempfile::tempdir().map_err(AgentError::Host)?;
    let folder = source.folder(Kind::Agent, scratch.path())?;
    let spec = AgentSpec::read(&folder)?;
    let tree = Tree::open(&folder).map_err(|error| unreadable(&folder, error))?;
    let mut packing = Packing::new(store);
    packing.describe(DESCRIPTION, &spec)?;
    packing.files(&tree, "", &|path| LEFT_OUT.contains(&path))?;
    Ok((AgentId(packing.commit()?.0), spec))
}

/// Reads a packed agent's terms, bounded and checked.
///
/// # Errors
/// Where the artifact is not here, no agent, or unsound.
pub fn open_agent(store: &Arc<Store>, id: AgentId) -> Result<AgentSpec, OpenError> {
    let artifact = ArtifactId(id.0);
    let spec: AgentSpec = packing::open(store, artifact, "agent", DESCRIPTION, &[])?;
    match spec.problem() {
        Some(problem) => Err(OpenError::Unsound {
            id: artifact,
            problem: problem.to_owned(),
        }),
        None => Ok(spec),
    }
}

#[cfg(test)]
mod tests;
