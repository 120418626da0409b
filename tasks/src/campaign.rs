//! Campaign files: which tasks × which agents × how many attempts, and how results are verified.
//!
//! A file names things as a person does; packing turns the names into ids, and gives all that a
//! coordinator needs to publish bundles and campaign.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_artifacts::Store;
use quorate_core::record::{AgentRef, BundleRecord, Campaign, Verification};
use quorate_core::task::Tier;
use quorate_core::text::{Name, Note, Timestamp};
use serde::Deserialize;
use thiserror::Error;

use crate::agent::{AgentError, AgentSpec, pack_agent};
use crate::bundle::{self, BundleError, Order, Packed};
use crate::catalog::{self, CatalogError, Kind, Source};
use crate::toml_file::{self, TomlError};
use crate::workshop::Workshop;

mod rules;

use rules::{broken_rule, task_ref};

/// Why a campaign cannot be read or packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The file cannot be read.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A field breaks a rule.
    #[error("`{}`: `{field}` {rule}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is expected of it.
        rule: String,
    },
    /// A task or agent is not found.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A task cannot be packed.
    #[error("task `{task}` cannot be packed")]
    Bundle {
        /// The task as the file names it.
        task: String,
        /// Why.
        source: Box<BundleError>,
    },
    /// Two entries come to the same.
    #[error("{what} `{name}` is in the campaign twice; list it once, or give each a name of its own")]
    Twice {
        /// A task or an agent.
        what: &'static str,
        /// What it is called.
        name: String,
    },
    /// An agent cannot be packed.
    #[error("agent `{agent}` cannot be packed")]
    Agent {
        /// The agent as the file names it.
        agent: String,
        /// Why.
        source: Box<AgentError>,
    },
}

/// A task that a campaign file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRef {
    /// The environment.
    pub source: Source,
    /// The size.
    pub tier: Tier,
}

/// What a campaign file asks for. Everything in it was found, and every number makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFile {
    /// What it is called.
    pub name: Name,
    /// Tasks.
    pub tasks: Vec<TaskRef>,
    /// Agents.
    pub agents: Vec<Source>,
    /// Results wanted for each task and agent.
    pub attempts: u32,
    /// Leases granted at most for each.
    pub max_leases: u32,
    /// Seconds from a lease to its deadline beyond the task's time budget.
    pub grace_seconds: u32,
    /// How results are verified.
    pub verification: Verification,
}

/// A campaign whose tasks and agents are in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedCampaign {
    /// What it is called.
    pub name: Name,
    /// Tasks, in the file's order.
    pub bundles: Vec<Packed>,
    /// Agents, in the file's order.
    pub agents: Vec<AgentRef>,
    /// Their terms, in the same order.
    pub agent_specs: Vec<AgentSpec>,
    /// Results wanted for each task and agent.
    pub attempts: u32,
    /// Leases granted at most for each.
    pub max_leases: u32,
    /// Seconds from a lease to its deadline beyond the task's time budget.
    pub grace_seconds: u32,
    /// How results are verified.
    pub verification: Verification,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: Name,
    attempts: u32,
    max_leases: Option<u32>,
    #[serde(default = "grace")]
    grace_seconds: u32,
    tasks: Vec<Note>,
    agents: Vec<Note>,
    #[serde(default)]
    verification: WireVerification,
}

const fn grace() -> u32 {
    60
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WireVerification {
    replicas: u8,
    escalation: u8,
    max_rescores: u8,
    seal_seconds: u32,
    reveal_seconds: u32,
    audit_percent: Option<u8>,
}

impl Default for WireVerification {
    fn default() -> Self {
        Self {
            replicas: 2,
            escalation: 2,
            max_rescores: 6,
            seal_seconds: 120,
            reveal_seconds: 60,
            audit_percent: None,
        }
    }
}

/// A campaign file that the binary ships.
///
/// # Errors
/// Where there is none of that name.
pub fn shipped_campaign(name: &str) -> Result<CampaignFile, CampaignError> {
    let path = PathBuf::from(format!("{name}.toml"));
    CampaignFile::parse(catalog::campaign_text(name)?, &path)
}

impl CampaignFile {
    /// Reads a campaign file. Folders it names are relative to its own.
    ///
    /// # Errors
    /// Where it cannot be read, a field breaks a rule, or something it names is not found.
    pub fn read(path: &Path) -> Result<Self, CampaignError> {
        Self::parse(&toml_file::text(path)?, path)
    }

    /// Parses the `text` of a campaign file that lies at `path`.
    ///
    /// # Errors
    /// As [`CampaignFile::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, CampaignError> {
        let wire: Wire = toml_file::parse(text, path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let max_leases = wire.max_leases.unwrap_or_else(|| wire.attempts.saturating_mul(2));
        let v = &wire.verification;
        let verification = Verification {
            replicas: v.replicas,
            escalation: v.escalation,
            max_rescores: v.max_rescores,
            seal_seconds: v.seal_seconds,
            reveal_seconds: v.reveal_seconds,
            audit_percent: v.audit_percent,
        };
        if let Some((field, rule)) = broken_rule(&wire, max_leases, &verification) {
            return Err(CampaignError::Field {
                path: path.to_owned(),
                field,
                rule,
            });
        }
        Ok(Self {
            tasks: wire
                .tasks
                .iter()
                .map(|task| task_ref(task.as_str(), base, path))
                .collect::<Result<_, _>>()?,
            agents: wire
                .agents
                .iter()
                .map(|agent| catalog::resolve_below(Kind::Agent, agent.as_str(), base))
                .collect::<Result<_, _>>()?,
            name: wire.name,
            attempts: wire.attempts,
            max_leases,
            grace_seconds: wire.grace_seconds,
            verification,
        })
    }

    /// Packs every task and agent into `store`.
    ///
    /// # Errors
    /// Where one of them cannot be packed; the error names it.
    pub fn pack(&self, store: &Arc<Store>, workshop: &dyn Workshop) -> Result<PackedCampaign, CampaignError> {
        let mut bundles = Vec::with_capacity(self.tasks.len());
        for TaskRef { source, tier } in &self.tasks {
            let packed = bundle::pack(&Order::new(source, *tier), store, workshop).map_err(|error| {
                CampaignError::Bundle {
                    task: format!("{source}/{tier}"),
                    source: Box::new(error),
                }
            })?;
            if bundles.iter().any(|other: &Packed| other.bundle == packed.bundle) {
                return Err(CampaignError::Twice {
                    what: "task",
                    name: packed.spec.label(),
                });
            }
            bundles.push(packed);
        }
        let (mut agents, mut agent_specs) = (Vec::new(), Vec::new());
        for source in &self.agents {
            let (id, spec) = pack_agent(source, store).map_err(|error| CampaignError::Agent {
                agent: source.to_string(),
                source: Box::new(error),
            })?;
            if agents
                .iter()
                .any(|other: &AgentRef| other.name == spec.name || other.id == id)
            {
                return Err(CampaignError::Twice {
                    what: "agent",
                    name: spec.name.to_string(),
                });
            }
            agents.push(AgentRef {
                name: spec.name.clone(),
                id,
            });
            agent_specs.push(spec);
        }
        Ok(PackedCampaign {
            name: self.name.clone(),
            bundles,
            agents,
            agent_specs,
            attempts: self.attempts,
            max_leases: self.max_leases,
            grace_seconds: self.grace_seconds,
            verification: self.verification,
        })
    }
}

impl PackedCampaign {
    /// The records that publish its tasks.
    #[must_use]
    pub fn bundle_records(&self, at: Timestamp) -> Vec<BundleRecord> {
        let record = |packed: &Packed| BundleRecord {
            bundle: packed.bundle,
            spec: packed.spec.clone(),
            at,
        };
        self.bundles.iter().map(record).collect()
    }

    /// The record that publishes the campaign.
    #[must_use]
    pub fn record(&self, at: Timestamp) -> Campaign {
        Campaign {
            name: self.name.clone(),
            bundles: self.bundles.iter().map(|packed| packed.bundle).collect(),
            agents: self.agents.clone(),
            attempts: self.attempts,
            max_leases: self.max_leases,
            grace_seconds: self.grace_seconds,
            verification: self.verification,
            at,
        }
    }
}

#[cfg(test)]
mod tests;
