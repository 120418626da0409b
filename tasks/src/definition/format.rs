//! How `task.toml` spells what the terms spell otherwise: CPUs in cores, a level as a number, the time
//! budget beside the container that it bounds.

use quorate_core::agreement::{Agreement, Level};
use quorate_core::score::{Scale, Score};
use quorate_core::task::{DeviceKind, ImageKind, Limits};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::TierDefinition;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    device: DeviceKind,
    image: ImageKind,
    budget_seconds: u32,
    attempt: Container,
    scoring: Container,
    scale: Scale,
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

impl Container {
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
        let seconds = tier
            .scoring
            .seconds
            .ok_or("missing field `seconds` in `scoring`")?;
        Ok(Self {
            device: tier.device,
            image: tier.image,
            attempt: tier.attempt.limits(tier.budget_seconds),
            scoring: tier.scoring.limits(seconds),
            scale: tier.scale,
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
