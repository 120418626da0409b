//! How `task.toml` spells what the terms spell otherwise: CPUs in cores, a level as a number, the time
//! budget beside the container that it bounds.

use quorate_core::agreement::{Agreement, Level};
use quorate_core::score::{Scale, Score};
use quorate_core::task::{DeviceKind, Limits};
use quorate_core::text::Note;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{ImageSource, PublicSource, TierDefinition};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    device: DeviceKind,
    image: Note,
    budget_seconds: u32,
    attempt: Container,
    scoring: Container,
    prepare: Option<Container>,
    scale: Scale,
    #[serde(default)]
    sources: Vec<PublicSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Container {
    seconds: Option<u32>,
    memory_mib: u32,
    processes: u32,
    cpus: f64,
    disk_mib: u32,
    open_files: u32,
    output_kib: u32,
}

/// How `image` says that the node's own `/usr` will do.
const HOST: &str = "host";

impl Container {
    /// With the seconds that it states itself.
    fn timed(&self) -> Option<Limits> {
        self.seconds.map(|seconds| self.limits(seconds))
    }

    const fn limits(&self, seconds: u32) -> Limits {
        Limits {
            seconds,
            memory_mib: self.memory_mib,
            processes: self.processes,
            // What is no number of cores becomes 0 or the largest, which the check of limits finds.
            millicpus: (self.cpus * 1000.0).round() as u32,
            disk_mib: self.disk_mib,
            open_files: self.open_files,
            output_kib: self.output_kib,
        }
    }
}

impl TryFrom<Tier> for TierDefinition {
    type Error = &'static str;

    fn try_from(tier: Tier) -> Result<Self, Self::Error> {
        if tier.attempt.seconds.is_some() {
            return Err("`attempt` has no `seconds` of its own; `budget_seconds` bounds it");
        }
        let image = match tier.image.as_str() {
            HOST => ImageSource::Host,
            _ => ImageSource::Containerfile(tier.image),
        };
        Ok(Self {
            device: tier.device,
            image,
            attempt: tier.attempt.limits(tier.budget_seconds),
            scoring: tier
                .scoring
                .timed()
                .ok_or("missing field `seconds` in `scoring`")?,
            prepare: tier
                .prepare
                .map(|prepare| prepare.timed().ok_or("missing field `seconds` in `prepare`"))
                .transpose()?,
            scale: tier.scale,
            sources: tier.sources,
        })
    }
}

#[derive(Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
enum Rule {
    Exact,
    Equivalence { margin: Score, level: f64 },
}

pub(super) fn agreement<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Agreement, D::Error> {
    let (margin, level) = match Rule::deserialize(deserializer)? {
        Rule::Exact => return Ok(Agreement::Exact),
        Rule::Equivalence { margin, level } => (margin, level),
    };
    let level = match level {
        0.05 => Level::FivePercent,
        0.01 => Level::OnePercent,
        _ => return Err(Error::custom("`level` is 0.05 or 0.01")),
    };
    Ok(Agreement::Equivalence { margin, level })
}
