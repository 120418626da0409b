//! An agent over all environments of a tier.
//!
//! Devices and image kinds are pooled here: normalised scores are what may be compared across them.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::History;
use quorate_core::task::Tier;
use quorate_core::text::Name;
use serde::Serialize;

use super::attempt::AttemptView;
use super::row::{Counts, Point, best_first, curve, group};

/// One agent's mean over the environments of one tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overall {
    /// The size of the instances.
    pub tier: Tier,
    /// What campaigns call the agent.
    pub agent: Name,
    /// The qualified environments that campaigns ask for at this tier.
    pub environments: Vec<Name>,
    /// Those of them where the agent has no attempt that counts: then there is no mean.
    pub missing: Vec<Name>,
    /// How many attempts came to what, over all of them.
    #[serde(flatten)]
    pub counts: Counts,
    /// The mean score@k, for every k that all environments have attempts for.
    pub curve: Vec<Point>,
}

/// One row per agent and tier, best first.
pub(super) fn overall<'a>(
    history: &History,
    attempts: impl Iterator<Item = &'a AttemptView>,
) -> Vec<Overall> {
    let mut asked: BTreeMap<Tier, BTreeSet<&Name>> = BTreeMap::new();
    for campaign in history.campaigns().values() {
        for spec in campaign
            .terms
            .bundles
            .iter()
            .filter(|bundle| history.is_qualified(bundle))
            .filter_map(|b| history.bundles().get(b))
        {
            asked.entry(spec.tier).or_default().insert(&spec.environment);
        }
    }
    let mut by_agent: BTreeMap<(Tier, &Name), BTreeMap<&Name, Vec<&AttemptView>>> = BTreeMap::new();
    for attempt in attempts {
        let key = &attempt.key;
        let environments = by_agent.entry((key.tier, &key.agent)).or_default();
        environments.entry(&key.environment).or_default().push(attempt);
    }
    let mut rows: Vec<Overall> = by_agent
        .into_iter()
        .filter_map(|((tier, agent), tried)| {
            let environments: Vec<Name> = asked.get(&tier)?.iter().map(|name| (*name).clone()).collect();
            let groups: Vec<_> = environments
                .iter()
                .map(|name| group(tried.get(name).into_iter().flatten().copied()))
                .collect();
            let missing = environments
                .iter()
                .zip(&groups)
                .filter(|(_, group)| group.scores.is_empty())
                .map(|(name, _)| name.clone())
                .collect();
            let about = ["overall".to_owned(), tier.to_string(), agent.to_string()];
            Some(Overall {
                tier,
                agent: agent.clone(),
                counts: Counts::of(tried.values().flatten().copied()),
                curve: curve(&history.coordinator().origin, &about, &groups),
                environments,
                missing,
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        a.tier
            .cmp(&b.tier)
            .then_with(|| best_first(&a.curve, &b.curve))
            .then_with(|| a.agent.cmp(&b.agent))
    });
    rows
}
