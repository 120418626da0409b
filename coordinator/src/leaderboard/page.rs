//! Pages: HTML, JSON and text by path.
//!
//! Templates escape whatever they show; a page carries its one stylesheet and a policy that forbids
//! everything else, so that a name in a log can neither run nor fetch anything.

use askama::Template;
use quorate_core::digest::AttemptId;
use quorate_core::record::{ClaimCheck, ForfeitReason};
use quorate_core::task::Tier;

use super::attempt::Answer;
use super::bias::Bias;
use super::format::{self, interval, number};
use super::node::NodeView;
use super::row::{Counts, Point, Row, RowKey};
use super::text::text;
use super::{AttemptView, Leaderboard, MEASURE};

const HTML: &str = "text/html; charset=utf-8";

/// The page at `path`, with its content type. `None` where there is no such page.
///
/// Pages are `index.html` (also the empty path), `attempts.html`, `nodes.html`,
/// `attempt/ID.html`, `leaderboard.json` and `leaderboard.txt`; a leading `/` is ignored.
#[must_use]
pub fn render(path: &str, board: &Leaderboard) -> Option<(&'static str, Vec<u8>)> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let html = |page: String| (HTML, page.into_bytes());
    match path {
        "" | "index.html" => Index { board, root: "" }.render().ok().map(html),
        "attempts.html" => Attempts { board, root: "" }.render().ok().map(html),
        "nodes.html" => Nodes { board, root: "" }.render().ok().map(html),
        "leaderboard.json" => serde_json::to_vec(board)
            .ok()
            .map(|json| ("application/json", json)),
        "leaderboard.txt" => Some(("text/plain; charset=utf-8", text(board).into_bytes())),
        _ => {
            let id = path.strip_prefix("attempt/")?.strip_suffix(".html")?;
            let attempt = board.attempt(id.parse().ok()?)?;
            attempt_page(board, attempt).map(|page| (HTML, page))
        }
    }
}

/// The pages that there is one of, the one that links to all others last.
pub(super) fn top_level() -> impl Iterator<Item = &'static str> {
    [
        "leaderboard.txt",
        "leaderboard.json",
        "nodes.html",
        "attempts.html",
        "index.html",
    ]
    .into_iter()
}

/// Where an attempt's page is.
pub(super) fn attempt_path(id: AttemptId) -> String {
    format!("attempt/{id}.html")
}

/// An attempt's page.
pub(super) fn attempt_page(board: &Leaderboard, attempt: &AttemptView) -> Option<Vec<u8>> {
    let page = AttemptPage {
        board,
        attempt,
        root: "../",
    };
    page.render().ok().map(String::into_bytes)
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    board: &'a Leaderboard,
    root: &'static str,
}

#[derive(Template)]
#[template(path = "attempts.html")]
struct Attempts<'a> {
    board: &'a Leaderboard,
    root: &'static str,
}

#[derive(Template)]
#[template(path = "nodes.html")]
struct Nodes<'a> {
    board: &'a Leaderboard,
    root: &'static str,
}

#[derive(Template)]
#[template(path = "attempt.html")]
struct AttemptPage<'a> {
    board: &'a Leaderboard,
    attempt: &'a AttemptView,
    root: &'static str,
}

/// One task's rows, with what their drawings share.
struct Section<'a> {
    task: String,
    qualified: bool,
    rows: &'a [Row],
    sizes: Vec<usize>,
    top: f64,
}

impl Index<'_> {
    fn sections(&self) -> Vec<Section<'_>> {
        let same = |a: &Row, b: &Row| a.key.task() == b.key.task();
        let rows = [(&self.board.rows, true), (&self.board.unqualified, false)];
        let sections = rows
            .into_iter()
            .flat_map(|(rows, qualified)| rows.chunk_by(same).map(move |rows| Section::new(rows, qualified)));
        sections.collect()
    }

    fn has_full_tier(&self) -> bool {
        self.board.rows.iter().any(|row| row.key.tier == Tier::Full)
    }

    /// How many attempts did not end in a score or a rejection, in words.
    fn rest(counts: &Counts) -> String {
        [
            (counts.deadline_passed, "past the deadline"),
            (counts.no_artifact, "without an artifact"),
            (counts.abandoned, "abandoned"),
            (counts.undecided, "undecided"),
            (counts.pending, "pending"),
            (counts.withdrawn, "withdrawn"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect::<Vec<_>>()
        .join(", ")
    }
}

impl<'a> Section<'a> {
    fn new(rows: &'a [Row], qualified: bool) -> Self {
        let mut sizes: Vec<usize> = rows.iter().flat_map(|row| &row.curve).map(|p| p.k).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let highest = rows.iter().flat_map(|row| &row.curve).map(|point| point.high);
        // The reference solution's 1 is always on the scale.
        let top = highest.filter(|high| high.is_finite()).fold(1.0, f64::max) * 1.05;
        Self {
            task: rows.first().map(|row| row.key.task()).unwrap_or_default(),
            qualified,
            rows,
            sizes,
            top,
        }
    }

    /// Where `score` lies on the section's scale, in hundredths of its width.
    fn x(&self, score: f64) -> String {
        format!("{:.2}", (score / self.top * 100.0).clamp(0.0, 100.0))
    }
}

impl Row {
    fn first(&self) -> Option<&Point> {
        self.curve.first()
    }

    fn last(&self) -> Option<&Point> {
        self.curve.last()
    }

    fn at(&self, k: usize) -> Option<&Point> {
        self.curve.iter().find(|point| point.k == k)
    }
}

impl RowKey {
    /// The row's anchor on the page of attempts: made of names, which are safe there.
    fn anchor(&self) -> String {
        let (device, image) = (&self.device.0, self.image);
        format!(
            "{}_{}_{}_{device}_{image}",
            self.environment, self.tier, self.agent
        )
    }
}

impl Point {
    fn score(&self) -> String {
        number(self.score_at_k)
    }

    fn interval(&self) -> String {
        interval(self.low, self.high)
    }
}

impl AttemptView {
    fn interval(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => interval(low, high),
            _ => String::new(),
        }
    }

    const fn claim_in_words(&self) -> &'static str {
        match self.claim {
            Some(ClaimCheck::Honest) => "within tolerance of the result, or below it",
            Some(ClaimCheck::Overclaimed) => "above the result by more than the tolerance",
            Some(ClaimCheck::Unrevealed) => "sealed and never opened",
            Some(ClaimCheck::Unchecked) => "not checked: there is no result to compare it with",
            None => "",
        }
    }

    const fn overclaimed(&self) -> bool {
        matches!(self.claim, Some(ClaimCheck::Overclaimed))
    }

    fn forfeit_in_words(&self) -> Option<String> {
        self.forfeit.as_ref().map(|reason| match reason {
            ForfeitReason::DeadlinePassed => "Nothing was sealed before the deadline.".to_owned(),
            ForfeitReason::Failed { note } => format!("The agent left no artifact: {note}"),
            ForfeitReason::Abandoned { note } => format!("The node gave it up: {note}"),
        })
    }
}

impl Bias {
    /// Its interval, or why there is none.
    fn interval(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => interval(low, high),
            _ => "no interval".to_owned(),
        }
    }
}

impl NodeView {
    fn operator_short(&self) -> String {
        self.operator_key.to_string().chars().take(8).collect()
    }
}

impl Answer {
    const fn is_fault(self) -> bool {
        matches!(self, Self::Outlier | Self::Unrevealed)
    }
}
