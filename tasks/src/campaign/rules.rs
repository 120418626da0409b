//! What the fields of a campaign file may hold, and how it names a task.

use std::collections::BTreeSet;
use std::path::Path;

use quorate_core::record::Verification;
use quorate_core::task::Tier;
use quorate_core::text::Note;

use super::{CampaignError, TaskRef, Wire};
use crate::catalog::{self, CatalogError, Kind, Source};

const MAX_TASKS: usize = 64;
const MAX_AGENTS: usize = 64;
const MAX_LEASES: u32 = 10_000;
const MAX_SECONDS: u32 = 7 * 24 * 3600;

/// The first field that breaks a rule, and the rule.
pub(super) fn broken_rule(
    wire: &Wire,
    max_leases: u32,
    verification: &Verification,
) -> Option<(&'static str, String)> {
    let listed = |list: &[Note], most: usize| {
        let different: BTreeSet<_> = list.iter().collect();
        (1..=most).contains(&list.len()) && different.len() == list.len()
    };
    let v = verification;
    let rules = [
        (
            "tasks",
            listed(&wire.tasks, MAX_TASKS),
            format!("lists 1 to {MAX_TASKS} different tasks"),
        ),
        (
            "agents",
            listed(&wire.agents, MAX_AGENTS),
            format!("lists 1 to {MAX_AGENTS} different agents"),
        ),
        (
            "attempts",
            (1..=MAX_LEASES).contains(&wire.attempts),
            format!("is from 1 to {MAX_LEASES}"),
        ),
        (
            "max_leases",
            (wire.attempts..=MAX_LEASES).contains(&max_leases),
            format!("is from `attempts` to {MAX_LEASES} (twice `attempts` where it is left out)"),
        ),
        (
            "grace_seconds",
            wire.grace_seconds <= MAX_SECONDS,
            format!("is at most {MAX_SECONDS}"),
        ),
        (
            "verification",
            v.is_sound() && v.seal_seconds <= MAX_SECONDS && v.reveal_seconds <= MAX_SECONDS,
            format!(
                "needs replicas from 2, escalation from 1, max_rescores from replicas to {}, times from 1 to {MAX_SECONDS} seconds, and audit_percent, if any, from {} to 100",
                Verification::MOST,
                Verification::LEAST_AUDIT
            ),
        ),
    ];
    rules
        .into_iter()
        .find(|(_, holds, _)| !holds)
        .map(|(field, _, rule)| (field, rule))
}

/// `environment/tier` of a shipped environment, or `folder#tier`.
pub(super) fn task_ref(task: &str, base: &Path, path: &Path) -> Result<TaskRef, CampaignError> {
    let wrong = |rule: String| CampaignError::Field {
        path: path.to_owned(),
        field: "tasks",
        rule,
    };
    let (place, tier) = match task.rsplit_once('#') {
        // A folder beside the file may be written without `./`: the `#` says that it is a folder.
        Some((folder, tier)) => (Source::Folder(base.join(folder)), tier),
        None => {
            let (name, tier) = task.rsplit_once('/').ok_or_else(|| {
                wrong(format!(
                    "has `{task}`; write `environment/tier`, or `folder#tier`"
                ))
            })?;
            if name.contains('/') || name.starts_with('.') {
                return Err(wrong(format!(
                    "has `{task}`; the tier of a folder follows a `#`, as in `{name}#{tier}`"
                )));
            }
            (catalog::resolve(Kind::Environment, name)?, tier)
        }
    };
    if let Source::Folder(folder) = &place
        && !folder.is_dir()
    {
        return Err(CatalogError::NoFolder {
            kind: Kind::Environment,
            path: folder.clone(),
        }
        .into());
    }
    let tier = [Tier::Smoke, Tier::Gpu, Tier::Full]
        .into_iter()
        .find(|one| one.as_str() == tier);
    let tier = tier.ok_or_else(|| wrong(format!("has `{task}`; a tier is `smoke`, `gpu` or `full`")))?;
    Ok(TaskRef { source: place, tier })
}
