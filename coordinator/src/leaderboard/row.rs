//! Rows: attempts of one agent at one task on one kind of machine, counted and averaged.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::Digest;
use quorate_core::aggregate::{Group, bootstrap_interval, mean_score_at_k};
use quorate_core::digest::{AgentId, AttemptId, BundleId};
use quorate_core::record::{ClaimCheck, DeviceClass, ForfeitReason};
use quorate_core::score::median;
use quorate_core::task::{Aggregate, ImageKind, Tier};
use quorate_core::text::{Name, Note, Origin};
use serde::Serialize;

use super::attempt::{AttemptView, Status};

/// What the attempts of a row have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RowKey {
    /// The size of the instance.
    pub tier: Tier,
    /// The task family.
    pub environment: Name,
    /// What its campaign calls the agent.
    pub agent: Name,
    /// The executor's device, as it declared it.
    pub device: DeviceClass,
    /// Where the containers' files come from.
    pub image: ImageKind,
}

impl RowKey {
    /// Environment and tier in one word.
    #[must_use]
    pub fn task(&self) -> String {
        format!("{}/{}", self.environment, self.tier)
    }
}

/// What became of the attempts: `attempts` is the sum of all ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Registered: every lease.
    pub attempts: usize,
    /// Of those, how many count in score@k: accepted, rejected, failed.
    pub counted: usize,
    /// A quorum confirms a score.
    pub accepted: usize,
    /// A quorum finds the artifact invalid.
    pub rejected: usize,
    /// Forfeited: the next three together.
    pub failed: usize,
    /// Nothing was sealed before the deadline.
    pub deadline_passed: usize,
    /// The agent left no artifact.
    pub no_artifact: usize,
    /// The node gave it up.
    pub abandoned: usize,
    /// Too noisy to tell, or verifiers that keep disagreeing.
    pub undecided: usize,
    /// Still running or being verified.
    pub pending: usize,
    /// The verdict was corrected.
    pub withdrawn: usize,
    /// Claims above the result by more than the tolerance.
    pub overclaims: usize,
}

impl Counts {
    /// What became of `attempts`.
    pub(super) fn of<'a>(attempts: impl Iterator<Item = &'a AttemptView>) -> Self {
        let mut counts = Self::default();
        attempts.for_each(|attempt| counts.add(attempt));
        counts
    }

    fn add(&mut self, attempt: &AttemptView) {
        self.attempts += 1;
        self.counted += usize::from(attempt.counted().is_some());
        match attempt.status {
            Status::Accepted => self.accepted += 1,
            Status::Rejected => self.rejected += 1,
            Status::Forfeited => self.failed += 1,
            Status::Inconclusive | Status::Nondeterministic => self.undecided += 1,
            Status::Pending => self.pending += 1,
            Status::Withdrawn => self.withdrawn += 1,
        }
        match attempt.forfeit {
            Some(ForfeitReason::DeadlinePassed) => self.deadline_passed += 1,
            Some(ForfeitReason::Failed { .. }) => self.no_artifact += 1,
            Some(ForfeitReason::Abandoned { .. }) => self.abandoned += 1,
            None => {}
        }
        let stands = attempt.status != Status::Withdrawn;
        self.overclaims += usize::from(stands && attempt.claim == Some(ClaimCheck::Overclaimed));
    }
}

/// An attempt that is shown and counts nowhere any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// Which.
    pub attempt: AttemptId,
    /// Why, in the coordinator's words.
    pub reason: Note,
}

/// score@k at one k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The number of attempts.
    pub k: usize,
    /// The mean of the best over all k-subsets.
    pub score_at_k: f64,
    /// The lower end of its interval,
    pub low: f64,
    /// and the upper end.
    pub high: f64,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it is about.
    #[serde(flatten)]
    pub key: RowKey,
    /// How many attempts came to what.
    #[serde(flatten)]
    pub counts: Counts,
    /// The mean normalised score of accepted attempts, each as shown.
    pub mean: Option<f64>,
    /// The best of them.
    pub best: Option<f64>,
    /// The median of their raw scores.
    pub median_raw: Option<f64>,
    /// score@k for k = 1, 2, 4, … and all counted attempts; empty where none counts.
    pub curve: Vec<Point>,
    /// The bundles that its attempts were at: more than one where the task was published anew.
    pub bundles: BTreeSet<BundleId>,
    /// The agents that bear its name: more than one where campaigns give one name to different content.
    pub agent_ids: BTreeSet<AgentId>,
    /// Its attempts whose verdicts were withdrawn, each with the reason.
    pub withdrawals: Vec<Withdrawal>,
}

/// The rows of `attempts`, best first in each task.
pub(super) fn rows<'a>(origin: &Origin, attempts: impl Iterator<Item = &'a AttemptView>) -> Vec<Row> {
    let mut groups: BTreeMap<&RowKey, Vec<&AttemptView>> = BTreeMap::new();
    for attempt in attempts {
        groups.entry(&attempt.key).or_default().push(attempt);
    }
    let mut rows: Vec<Row> = groups
        .into_iter()
        .map(|(key, attempts)| row(origin, key, &attempts))
        .collect();
    rows.sort_by(|a, b| {
        let task = |row: &Row| (row.key.tier, row.key.environment.clone());
        task(a)
            .cmp(&task(b))
            .then_with(|| best_first(&a.curve, &b.curve))
            .then_with(|| a.key.cmp(&b.key))
    });
    rows
}

fn row(origin: &Origin, key: &RowKey, attempts: &[&AttemptView]) -> Row {
    let accepted = || attempts.iter().filter(|a| a.status == Status::Accepted);
    let shown: Vec<f64> = accepted().filter_map(|a| a.counted()).collect();
    let raws: Vec<f64> = accepted().filter_map(|a| a.score).collect();
    let image = key.image.to_string();
    let parts = [key.task(), key.agent.to_string(), key.device.0.to_string(), image];
    Row {
        key: key.clone(),
        counts: Counts::of(attempts.iter().copied()),
        mean: mean(&shown),
        best: shown.iter().copied().reduce(f64::max),
        median_raw: (!raws.is_empty()).then(|| median(raws)),
        curve: curve(origin, &parts, &[group(attempts.iter().copied())]),
        bundles: attempts.iter().map(|a| a.bundle).collect(),
        agent_ids: attempts.iter().map(|a| a.agent_id).collect(),
        withdrawals: attempts.iter().filter_map(|a| withdrawal(a)).collect(),
    }
}

fn withdrawal(attempt: &AttemptView) -> Option<Withdrawal> {
    attempt.withdrawn.clone().map(|reason| Withdrawal {
        attempt: attempt.id,
        reason,
    })
}

/// The counted scores of one environment's attempts. Where versions of a task combine their runs in
/// different ways, the plain mean stands: it never promises more than the other.
pub(super) fn group<'a>(attempts: impl Iterator<Item = &'a AttemptView>) -> Group {
    let mut group = Group {
        scores: Vec::new(),
        aggregate: Aggregate::Best,
    };
    for attempt in attempts {
        group.scores.extend(attempt.counted());
        if attempt.aggregate == Aggregate::Last {
            group.aggregate = Aggregate::Last;
        }
    }
    group
}

/// score@k of `groups` for every k that each of them has attempts for. The seed of the interval is
/// made of the log's origin, what the row is about, and k: nobody chooses it, everybody knows it.
pub(super) fn curve(origin: &Origin, about: &[String], groups: &[Group]) -> Vec<Point> {
    let most = groups.iter().map(|g| g.scores.len()).min().unwrap_or(0);
    sizes(most)
        .filter_map(|k| {
            let text = k.to_string();
            let mut parts = vec![origin.as_str().as_bytes()];
            parts.extend(about.iter().map(String::as_bytes));
            parts.push(text.as_bytes());
            let seed = Digest::derive("quorate 2026-11 leaderboard interval v1", &parts);
            let score_at_k = mean_score_at_k(groups, k)?;
            let (low, high) = bootstrap_interval(groups, k, seed)?;
            Some(Point {
                k,
                score_at_k,
                low,
                high,
            })
        })
        .collect()
}

/// 1, 2, 4, … below `most`, then `most` itself.
fn sizes(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1_usize), |k| k.checked_mul(2))
        .take_while(move |k| *k < most)
        .chain((most > 0).then_some(most))
}

/// Orders curves by score@1, the best first, empty ones last.
pub(super) fn best_first(a: &[Point], b: &[Point]) -> std::cmp::Ordering {
    let first = |curve: &[Point]| curve.first().map_or(f64::NEG_INFINITY, |point| point.score_at_k);
    first(b).total_cmp(&first(a))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::sizes;

    #[test]
    fn sizes_double_and_end_with_all() {
        let list = |most| sizes(most).collect::<Vec<_>>();
        assert_eq!(list(0), [0; 0]);
        assert_eq!(list(1), [1]);
        assert_eq!(list(4), [1, 2, 4]);
        assert_eq!(list(6), [1, 2, 4, 6]);
    }
}
