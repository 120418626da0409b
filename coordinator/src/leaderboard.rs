//! The leaderboard: what a log comes to, for people.
//!
//! [`compute`] is a pure function of a [`History`], so whoever holds the log shows the same numbers
//! and the same intervals. It forgets nothing: each registered attempt is in a row's counts, and what
//! does not count in score@k is shown beside it. [`render`] gives the pages, the JSON and the text
//! table by path; a server and [`export`] show the same bytes. Nothing here needs a script.

mod alone;
mod attempt;
mod bias;
mod export;
mod format;
mod node;
mod overall;
mod page;
mod row;
mod text;
mod trace;
mod trail;

#[cfg(test)]
mod tests;

use quorate_core::History;
use quorate_core::digest::AttemptId;
use quorate_core::text::Origin;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use self::alone::row_text;
pub use self::attempt::{Answer, AttemptView, RescoreView, Status};
pub use self::bias::Bias;
pub use self::export::{ExportError, export};
pub use self::node::{Caught, Fault, Faults, NodeView};
pub use self::overall::Overall;
pub use self::page::render;
pub use self::row::{Counts, Point, Row, RowKey, Withdrawal};
pub use self::text::text;
pub use self::trail::Step;

/// What is measured, in one sentence: every form of the leaderboard says it.
pub const MEASURE: &str = "score@k is the expected best normalised score of k attempts (0 is the start solution, 1 the \
     reference), with its 95 % bootstrap interval. Rejected and forfeited attempts count as zero; pending, \
     undecided and withdrawn ones are shown and do not count.";

/// Everything that a log says about its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    /// The log.
    pub origin: Origin,
    /// How many entries of it this is computed from.
    pub size: u64,
    /// One row per environment, tier, agent, device class and image kind; best first in each task.
    pub rows: Vec<Row>,
    /// The same for tasks that nobody qualified: no leaderboard counts them.
    pub unqualified: Vec<Row>,
    /// One row per agent and tier, over all environments of the tier; best first.
    pub overall: Vec<Overall>,
    /// Every attempt, in order of its lease.
    pub attempts: Vec<AttemptView>,
    /// Every enrolled node.
    pub nodes: Vec<NodeView>,
    /// Every fault on record, with what shows it.
    pub caught: Vec<Caught>,
}

/// Computes the leaderboard of a log.
#[must_use]
pub fn compute(history: &History) -> Leaderboard {
    let origin = history.coordinator().origin.clone();
    let mut attempts: Vec<AttemptView> = history
        .attempts()
        .iter()
        .filter_map(|(id, attempt)| attempt::view(history, *id, attempt))
        .collect();
    attempts.sort_by_key(|attempt| attempt.index);
    let caught = node::caught(history, &attempts);
    let of = |qualified| {
        attempts
            .iter()
            .filter(move |attempt| attempt.qualified == qualified)
    };
    Leaderboard {
        rows: row::rows(&origin, of(true)),
        unqualified: row::rows(&origin, of(false)),
        overall: overall::overall(history, of(true)),
        nodes: node::nodes(history, &attempts, &caught),
        size: history.size(),
        origin,
        attempts,
        caught,
    }
}

impl Leaderboard {
    /// The attempt `id`.
    #[must_use]
    pub fn attempt(&self, id: AttemptId) -> Option<&AttemptView> {
        self.attempts.iter().find(|attempt| attempt.id == id)
    }

    /// All rows, those that count nowhere last.
    pub fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(&self.unqualified)
    }

    /// The attempts of the row `key`, in order.
    pub fn attempts_of<'a>(&'a self, key: &'a RowKey) -> impl Iterator<Item = &'a AttemptView> {
        self.attempts.iter().filter(move |attempt| attempt.key == *key)
    }
}

/// One element of the JSON's `leaderboard`: a row at one `k`.
#[derive(Serialize)]
struct Standing<'a> {
    #[serde(flatten)]
    key: &'a RowKey,
    #[serde(flatten)]
    point: &'a Point,
    #[serde(flatten)]
    counts: &'a Counts,
}

impl Serialize for Leaderboard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let standings: Vec<Standing<'_>> = self
            .rows
            .iter()
            .flat_map(|row| {
                row.curve.iter().map(|point| Standing {
                    key: &row.key,
                    point,
                    counts: &row.counts,
                })
            })
            .collect();
        let mut document = serializer.serialize_struct("Leaderboard", 10)?;
        document.serialize_field("origin", &self.origin)?;
        document.serialize_field("size", &self.size)?;
        document.serialize_field("measure", MEASURE)?;
        document.serialize_field("leaderboard", &standings)?;
        document.serialize_field("rows", &self.rows)?;
        document.serialize_field("unqualified", &self.unqualified)?;
        document.serialize_field("overall", &self.overall)?;
        document.serialize_field("attempts", &self.attempts)?;
        document.serialize_field("nodes", &self.nodes)?;
        document.serialize_field("caught", &self.caught)?;
        document.end()
    }
}
