//! `task.toml`: what the author of an environment states, for all its tiers.
//!
//! The file is read as strictly as a record, and [`check`] lists everything that is wrong with an
//! environment's folder at once, so that an author mends it in one go.

use std::collections::BTreeMap;
use std::path::Path;

use quorate_core::agreement::Agreement;
use quorate_core::score::Scale;
use quorate_core::task::{Aggregate, Better, DeviceKind, Image, Limits, TaskSpec, Tier};
use quorate_core::text::{Name, Note};
use serde::Deserialize;
use thiserror::Error;

mod check;
mod format;

pub(crate) use check::{FOLDERS, INSTRUCTIONS, PREPARE};
pub use check::{Finding, check, check_spec};

use crate::toml_file::{self, TomlError};

/// The file that describes an environment in its folder.
pub const DEFINITION: &str = "task.toml";

/// Why an environment's definition gives no terms.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The file cannot be read.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// The environment has no such tier.
    #[error("environment `{environment}` has no tier `{tier}`; it has: {known}")]
    NoTier {
        /// The environment.
        environment: Name,
        /// The tier asked for.
        tier: Tier,
        /// Those there are.
        known: String,
    },
    /// A command with its tier filled in is no note any more.
    #[error("`[scorer]`: the word {0:?} is too long once its tier is filled in")]
    Word(String),
}

/// An environment, all tiers of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The task family.
    pub name: Name,
    /// Its version.
    pub version: Name,
    /// One line for people.
    pub summary: Note,
    /// A text that must not turn up in training data, and stands in the environment's files.
    pub canary: Note,
    /// The file with what the agent is told.
    #[serde(default = "instructions")]
    pub instructions: Note,
    /// Files that make the artifact.
    pub artifact: Vec<Note>,
    /// Which raw scores are better.
    pub better: Better,
    /// Which score of a run counts.
    pub aggregate: Aggregate,
    /// When two rescores agree.
    #[serde(deserialize_with = "format::agreement")]
    pub agreement: Agreement,
    /// Shared modules that it uses, by name; bundles carry them in `library/`.
    #[serde(default)]
    pub library: Vec<Name>,
    /// How it is scored.
    pub scorer: Scorer,
    /// What makes the files that are not shipped.
    pub prepare: Option<Work>,
    /// What answers an agent's requests.
    pub service: Option<Work>,
    /// Its sizes.
    pub tiers: BTreeMap<Tier, TierDefinition>,
}

fn instructions() -> Note {
    Note::lossy(INSTRUCTIONS)
}

/// How an environment is scored, at every tier.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// The command; `{tier}` is filled in, and for each scoring `{seed-file}`, the path of a file that
    /// holds the seed, or `{seed}`, the seed itself, where the submission may see it.
    pub command: Vec<Note>,
    /// Whether an agent may score itself. Its container has no reference; the scorer gets along without.
    #[serde(default)]
    pub visible_to_agent: bool,
    /// The command for that, where it is another than `command`.
    pub self_command: Option<Vec<Note>>,
}

/// A command of an environment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Its words. `{tier}` is filled in; in `prepare`, `{instance}` too.
    pub command: Vec<Note>,
}

/// What a tier's containers are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The node's own `/usr`.
    Host,
    /// An image built from this file of the environment's folder.
    Containerfile(Note),
}

impl std::fmt::Display for ImageSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => f.pad("host"),
            Self::Containerfile(path) => f.pad(path.as_str()),
        }
    }
}

/// A public data set or model, which the bundle's publisher fetches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicSource {
    /// The folder that receives it, below the one with all of them.
    pub name: Name,
    /// What it is on the hub.
    pub hub: HubKind,
    /// Its public id.
    pub id: Note,
    /// A branch, tag or commit.
    pub revision: Note,
    /// Which of its files, as patterns.
    pub files: Vec<Note>,
    /// The licence under which it is offered.
    pub licence: Note,
}

/// The two kinds of repository that a hub keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HubKind {
    /// A data set.
    Dataset,
    /// A model.
    Model,
}

/// One size of an environment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "format::Tier")]
pub struct TierDefinition {
    /// What an attempt needs.
    pub device: DeviceKind,
    /// What the containers are made from.
    pub image: ImageSource,
    /// Limits of the agent's container; its seconds are the file's `budget_seconds`.
    pub attempt: Limits,
    /// Limits of a scoring.
    pub scoring: Limits,
    /// Limits of the container that prepares its files.
    pub prepare: Option<Limits>,
    /// Nominal raw scores of start and reference.
    pub scale: Scale,
    /// Public data and models that its preparation reads.
    pub sources: Vec<PublicSource>,
}

impl Definition {
    /// Reads the `task.toml` of a folder.
    ///
    /// # Errors
    /// Where it cannot be read; the error names the line and what is expected there.
    pub fn read(folder: &Path) -> Result<Self, DefinitionError> {
        Ok(toml_file::read(&folder.join(DEFINITION))?)
    }

    /// One of its tiers.
    ///
    /// # Errors
    /// Where there is no such tier.
    pub fn tier(&self, tier: Tier) -> Result<&TierDefinition, DefinitionError> {
        self.tiers.get(&tier).ok_or_else(|| DefinitionError::NoTier {
            environment: self.name.clone(),
            tier,
            known: self
                .tiers
                .keys()
                .map(Tier::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The terms of one tier, in containers made from `image`.
    ///
    /// # Errors
    /// Where there is no such tier.
    pub fn spec(&self, tier: Tier, image: Image) -> Result<TaskSpec, DefinitionError> {
        let terms = self.tier(tier)?;
        let self_command = self.scorer.self_command.as_ref().unwrap_or(&self.scorer.command);
        let self_score = self.scorer.visible_to_agent.then_some(self_command);
        Ok(TaskSpec {
            environment: self.name.clone(),
            tier,
            version: self.version.clone(),
            summary: self.summary.clone(),
            canary: self.canary.clone(),
            image,
            device: terms.device,
            artifact: self.artifact.clone(),
            attempt: terms.attempt,
            scoring: terms.scoring,
            scorer: with_tier(&self.scorer.command, tier)?,
            self_score: self_score.map(|command| with_tier(command, tier)).transpose()?,
            service: self
                .service
                .as_ref()
                .map(|work| with_tier(&work.command, tier))
                .transpose()?,
            scale: terms.scale,
            better: self.better,
            aggregate: self.aggregate,
            agreement: self.agreement,
        })
    }
}

/// Fills in `{tier}`; `{seed}` stays for whoever scores.
pub(crate) fn with_tier(command: &[Note], tier: Tier) -> Result<Vec<Note>, DefinitionError> {
    let fill = |word: &Note| {
        let word = word.as_str().replace("{tier}", tier.as_str());
        Note::new(word.as_str()).map_err(|_| DefinitionError::Word(word))
    };
    command.iter().map(fill).collect()
}

#[cfg(test)]
mod tests;
