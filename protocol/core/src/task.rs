//! What a bundle says about its task: the signed terms under which attempts are made and scored.
//!
//! A bundle carries no runtime flags. Limits here are upper bounds that the sandbox of the node
//! applies; what a node's owner allows is decided by the node.

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::digest::{ArtifactId, ManifestDigest};
use crate::score::Scale;
use crate::text::{Name, Note};

/// The size of a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// CPU, under a minute.
    Smoke,
    /// One GPU, minutes.
    Gpu,
    /// RE-Bench's scale.
    Full,
}

impl Tier {
    /// The tier's one name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Gpu => "gpu",
            Self::Full => "full",
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an attempt at the task needs to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// No accelerator.
    Cpu,
    /// One GPU.
    Gpu,
}

/// Where the container's root file system comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// The node's own `/usr`, read-only, with its fingerprint on record.
    Host,
    /// An OCI image layout carried as an artifact.
    Oci,
}

impl std::fmt::Display for ImageKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Oci => "oci",
        })
    }
}

/// What a task's containers are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Image {
    /// The node's own `/usr`.
    Host,
    /// An image that travels as an artifact.
    Oci {
        /// The artifact that holds the OCI image layout.
        artifact: ArtifactId,
        /// The image in that layout. A node that has it already need not fetch the artifact.
        manifest: ManifestDigest,
    },
}

impl Image {
    /// Which kind it is, as rows state it.
    #[must_use]
    pub const fn kind(&self) -> ImageKind {
        match self {
            Self::Host => ImageKind::Host,
            Self::Oci { .. } => ImageKind::Oci,
        }
    }
}

/// Which raw scores are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Small ones, as with times and losses.
    Lower,
    /// Large ones.
    Higher,
}

/// Which score of a run counts, and how score@k combines runs (design §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// The best valid score; score@k is the mean of the maximum over k-subsets.
    Best,
    /// The last valid score; score@k is the plain mean.
    Last,
}

/// Limits of one container.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Wall time, in seconds.
    pub seconds: u32,
    /// Memory without swap, in MiB.
    pub memory_mib: u32,
    /// Processes and threads.
    pub processes: u32,
    /// CPU time per wall time, in thousandths of a core.
    pub millicpus: u32,
    /// Writable files, in MiB.
    pub disk_mib: u32,
    /// Open files per process.
    pub open_files: u32,
    /// Standard output and error together, in KiB.
    pub output_kib: u32,
}

/// The terms of one task at one tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// The task family.
    pub environment: Name,
    /// The size of the instance.
    pub tier: Tier,
    /// The family's version.
    pub version: Name,
    /// One line for people.
    pub summary: Note,
    /// A text that must not turn up in training data.
    pub canary: Note,
    /// What the containers are made from.
    pub image: Image,
    /// What an attempt needs.
    pub device: DeviceKind,
    /// Files that make the artifact: a path, or a folder followed by `/**`.
    pub artifact: Vec<Note>,
    /// Limits of the agent's container; its seconds are the time budget.
    pub attempt: Limits,
    /// Limits of a scoring.
    pub scoring: Limits,
    /// The scorer's command; `{seed-file}` stands for the path of a file that holds the scoring seed,
    /// `{seed}` for the seed itself. A command line can be read by what the scorer runs, a file that it
    /// removes first cannot.
    pub scorer: Vec<Note>,
    /// The command an agent may call to score itself, if any; `{seed}` is for the agent to choose.
    pub self_score: Option<Vec<Note>>,
    /// The command that answers what an agent asks while it works, if any: one JSON request on standard input,
    /// one JSON reply on standard output, in a container of its own that sees the scorer's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Vec<Note>>,
    /// Nominal raw scores of start and reference. A scorer that calibrates measures its own.
    pub scale: Scale,
    /// Which raw scores are better.
    pub better: Better,
    /// Which score of a run counts.
    pub aggregate: Aggregate,
    /// When two rescores agree.
    pub agreement: Agreement,
}

impl TaskSpec {
    /// Environment and tier in one word, as people name a task.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.environment, self.tier)
    }
}
