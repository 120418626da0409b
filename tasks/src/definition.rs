//! `task.toml`: what the author of an environment states, for all its tiers.
//!
//! The file is read as strictly as a record, and [`check`] lists everything that is wrong with an
//! environment's folder at once, so that an author mends it in one go.

use std::collections::BTreeMap;
use std::path::Path;

use quorate_core::agreement::Agreement;
use quorate_core::score::Scale;
use quorate_core::task::{Aggregate, Better, DeviceKind, ImageKind, Limits, TaskSpec, Tier};
use quorate_core::text::{Name, Note};
use serde::Deserialize;
use thiserror::Error;

mod check;
mod format;

pub(crate) use check::{FOLDERS, INSTRUCTIONS};
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
    /// How it is scored.
    pub scorer: Scorer,
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

/// One size of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "format::Tier")]
pub struct TierDefinition {
    /// What an attempt needs.
    pub device: DeviceKind,
    /// What the containers are made from.
    pub image: ImageKind,
    /// Limits of the agent's container; its seconds are the file's `budget_seconds`.
    pub attempt: Limits,
    /// Limits of a scoring.
    pub scoring: Limits,
    /// Nominal raw scores of start and reference.
    pub scale: Scale,
}

impl Definition {
    /// Reads the `task.toml` of a folder.
    ///
    /// # Errors
    /// Where it cannot be read; the error names the line and what is expected there.
    pub fn read(folder: &Path) -> Result<Self, DefinitionError> {
        Ok(toml_file::read(&folder.join(DEFINITION))?)
    }

    /// The terms of one tier.
    ///
    /// # Errors
    /// Where there is no such tier.
    pub fn spec(&self, tier: Tier) -> Result<TaskSpec, DefinitionError> {
        let terms = self.tiers.get(&tier).ok_or_else(|| DefinitionError::NoTier {
            environment: self.name.clone(),
            tier,
            known: self
                .tiers
                .keys()
                .map(Tier::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        let self_command = self.scorer.self_command.as_ref().unwrap_or(&self.scorer.command);
        let self_score = self.scorer.visible_to_agent.then_some(self_command);
        Ok(TaskSpec {
            environment: self.name.clone(),
            tier,
            version: self.version.clone(),
            summary: self.summary.clone(),
            canary: self.canary.clone(),
            image: terms.image,
            device: terms.device,
            artifact: self.artifact.clone(),
            attempt: terms.attempt,
            scoring: terms.scoring,
            scorer: with_tier(&self.scorer.command, tier)?,
            self_score: self_score.map(|command| with_tier(command, tier)).transpose()?,
            scale: terms.scale,
            better: self.better,
            aggregate: self.aggregate,
            agreement: self.agreement,
        })
    }
}

/// Fills in `{tier}`; `{seed}` stays for whoever scores.
fn with_tier(command: &[Note], tier: Tier) -> Result<Vec<Note>, DefinitionError> {
    let fill = |word: &Note| {
        let word = word.as_str().replace("{tier}", tier.as_str());
        Note::new(word.as_str()).map_err(|_| DefinitionError::Word(word))
    };
    command.iter().map(fill).collect()
}

#[cfg(test)]
mod tests;
