//! The leaderboard as a text table for a terminal: 100 columns, no colours.

use std::fmt::Write;

use super::format::{interval, number, optional};
use super::row::{Counts, Point, Row};
use super::{Leaderboard, MEASURE};

/// Columns of every text.
pub(super) const WIDTH: usize = 100;

const UNQUALIFIED: &str =
    "Not qualified: no record shows that the scorers of these tasks hold against cheats; they count nowhere";

/// The leaderboard as a table.
#[must_use]
pub fn text(board: &Leaderboard) -> String {
    let mut out = String::new();
    let title = format!("Leaderboard of {}, {} log entries", board.origin, board.size);
    for line in wrap(&title, WIDTH).into_iter().chain(wrap(MEASURE, WIDTH)) {
        push(&mut out, &line);
    }
    if board.rows.is_empty() && board.unqualified.is_empty() {
        push(&mut out, "");
        push(&mut out, "No attempts yet.");
        return out;
    }
    for group in board.rows.chunk_by(|a, b| a.key.task() == b.key.task()) {
        section(&mut out, group);
    }
    if !board.unqualified.is_empty() {
        push(&mut out, "");
        push(&mut out, UNQUALIFIED);
    }
    for group in board.unqualified.chunk_by(|a, b| a.key.task() == b.key.task()) {
        section(&mut out, group);
    }
    push(&mut out, "");
    push(
        &mut out,
        "Overall: mean over the qualified environments that campaigns ask for at a tier",
    );
    for row in &board.overall {
        let head = format!("  {} {}", fit(row.agent.as_str(), 24), fit(row.tier.as_str(), 6));
        let line = match (row.curve.first(), row.missing.first()) {
            (Some(first), _) => format!("{head} {}", points(first, row.curve.last())),
            (None, Some(missing)) => format!("{head} no attempt counts in {missing}"),
            (None, None) => head,
        };
        push(&mut out, &line);
        push(&mut out, &format!("    {}", ends(&row.counts)));
    }
    withdrawals(&mut out, board);
    push(&mut out, "");
    let caught = board.caught.len();
    let attempts = board.attempts.len();
    push(
        &mut out,
        &format!(
            "{attempts} attempts, {} nodes, {caught} faults on record",
            board.nodes.len()
        ),
    );
    out
}

/// The denominator and what it is made of.
fn ends(counts: &Counts) -> String {
    format!(
        "{} registered: {} accepted, {} rejected, {} failed, {} undecided, {} pending, {} withdrawn",
        counts.attempts,
        counts.accepted,
        counts.rejected,
        counts.failed,
        counts.undecided,
        counts.pending,
        counts.withdrawn
    )
}

/// Attempts that were corrected away: each is named, with the reason.
fn withdrawals(out: &mut String, board: &Leaderboard) {
    let mut listed = board
        .all_rows()
        .flat_map(|row| row.withdrawals.iter().map(move |withdrawal| (row, withdrawal)))
        .peekable();
    if listed.peek().is_some() {
        push(out, "");
        push(out, "Withdrawn: these were corrected and count nowhere");
    }
    for (row, withdrawal) in listed {
        let key = &row.key;
        let about = format!("{} {} {}", withdrawal.attempt.short(), key.task(), key.agent);
        for line in wrap(&format!("{about}: {}", withdrawal.reason), WIDTH - 2) {
            push(out, &format!("  {line}"));
        }
    }
}

fn section(out: &mut String, rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    push(out, "");
    push(out, &first.key.task());
    push(
        out,
        &format!(
            "  {} {} {} {:>7} {:>7}  att  acc  rej fail  und pend withdr over",
            fit("agent", 18),
            fit("device", 10),
            fit("image", 5),
            "best",
            "raw"
        ),
    );
    for row in rows {
        let counts = &row.counts;
        let head = format!(
            "  {} {} {} {:>7} {:>7}",
            fit(row.key.agent.as_str(), 18),
            fit(row.key.device.0.as_str(), 10),
            fit(&row.key.image.to_string(), 5),
            optional(row.best),
            optional(row.median_raw),
        );
        push(
            out,
            &format!(
                "{head} {:>4} {:>4} {:>4} {:>4} {:>4} {:>4} {:>6} {:>4}",
                counts.attempts,
                counts.accepted,
                counts.rejected,
                counts.failed,
                counts.undecided,
                counts.pending,
                counts.withdrawn,
                counts.overclaims,
            ),
        );
        if let Some(first) = row.curve.first() {
            push(out, &format!("    {}", points(first, row.curve.last())));
        }
    }
}

/// score@k at one attempt and at all.
fn points(first: &Point, last: Option<&Point>) -> String {
    let one = |point: &Point| {
        format!(
            "score@{} {} {}",
            point.k,
            number(point.score_at_k),
            interval(point.low, point.high)
        )
    };
    match last {
        Some(last) if last.k != first.k => format!("{:<32} {}", one(first), one(last)),
        _ => one(first),
    }
}

/// `text` in exactly `width` columns, its middle left out where it is too long.
pub(super) fn fit(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return format!("{text:<width$}");
    }
    let tail = width / 3;
    let head = width - tail - 1;
    let front: String = text.chars().take(head).collect();
    let back: String = text.chars().skip(count - tail).collect();
    format!("{front}…{back}")
}

/// `text` in lines of at most `width` columns; a word that is longer is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = fit(word, word.chars().count().min(width));
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

fn push(out: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends_and_the_width() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdefghijkl", 9), "abcde…jkl");
        assert_eq!(fit(&"x".repeat(64), 18).chars().count(), 18);
        assert!(
            wrap(&"y".repeat(300), WIDTH)
                .iter()
                .all(|line| line.chars().count() <= WIDTH)
        );
    }
}
