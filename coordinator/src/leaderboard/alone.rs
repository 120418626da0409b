//! A row on its own as text: who did what, what is proved of it, and what is not. 100 columns, no colours.

use std::fmt::Write;

use quorate_core::record::{ClaimCheck, Decision, ForfeitReason, Verdict};
use quorate_core::row::{End, Heard, Party, Row, Verifier};
use quorate_core::score::Outcome;

use super::format::{interval, number, utc};
use super::text::{WIDTH, fit, wrap};

/// Columns of a line's label.
const LABEL: usize = 12;

/// The row as a person reads it. `proved` and `not_proved` are what is to be said beside it of the log that it
/// stands in.
#[must_use]
pub fn row_text(row: &Row, proved: &[String], not_proved: &[String]) -> String {
    let mut out = String::new();
    facts(&mut out, row);
    parties(&mut out, row);
    ending(&mut out, row);
    let facts = row.proved.iter().map(ToString::to_string);
    list(&mut out, "Proved", proved.iter().cloned().chain(facts));
    let caveats = row.not_proved.iter().map(ToString::to_string);
    list(&mut out, "Not proved", not_proved.iter().cloned().chain(caveats));
    out
}

fn facts(out: &mut String, row: &Row) {
    let qualified = if row.qualified {
        "qualified"
    } else {
        "not qualified: it counts nowhere"
    };
    let place = &row.place;
    field(out, "attempt", &row.attempt.to_string());
    field(
        out,
        "task",
        &format!("{}/{}, {qualified}", row.environment, row.tier),
    );
    field(out, "agent", row.agent.as_str());
    field(
        out,
        "campaign",
        &format!(
            "{}: {} results wanted, {} leases at most",
            row.campaign, place.attempts, place.max_leases
        ),
    );
    field(
        out,
        "try",
        &format!(
            "lease {} of these: {} came before it",
            u64::from(place.number) + 1,
            place.number
        ),
    );
    field(
        out,
        "leased",
        &format!("{}, until {}", utc(row.leased), utc(row.deadline)),
    );
    if let (Some(sealed), Some(artifact)) = (row.sealed, row.artifact) {
        field(out, "handed in", &utc(sealed));
        field(out, "artifact", &artifact.to_string());
    }
}

fn parties(out: &mut String, row: &Row) {
    push(out, "executor", &party(&row.executor));
    let mut label = "verifiers";
    for verifier in &row.verifiers {
        let party = party(&verifier.party);
        let answer = answer(verifier, row.verdict());
        let room = WIDTH - LABEL - 2 - party.chars().count();
        push(out, label, &format!("{party}  {}", fit(&answer, room)));
        label = "";
    }
}

fn party(party: &Party) -> String {
    format!(
        "{} {} {}",
        fit(party.name.as_str(), 20),
        party.node.short(),
        fit(party.device.0.as_str(), 10)
    )
}

fn answer(verifier: &Verifier, verdict: Option<&Verdict>) -> String {
    let outcome = match &verifier.heard {
        Heard::Pending => return "has not answered yet".to_owned(),
        Heard::Silent => return "did not answer".to_owned(),
        Heard::Withheld => return "sealed a score and never opened it".to_owned(),
        Heard::Opened { outcome } => measured(outcome),
    };
    let node = &verifier.party.node;
    match verdict {
        Some(verdict) if verdict.agreeing.contains(node) => format!("agrees   {outcome}"),
        Some(verdict) if verdict.outliers.contains(node) => format!("differs  {outcome}"),
        _ => outcome,
    }
}

fn measured(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Valid { raw, samples } => {
            format!("{} (raw {})", number(samples.median()), number(raw.get()))
        }
        Outcome::Invalid { reason } => format!("invalid: {reason}"),
    }
}

fn ending(out: &mut String, row: &Row) {
    match &row.end {
        End::Open => field(out, "end", "none yet, as far as these entries go"),
        End::Forfeited { reason } => field(out, "end", &format!("no result: {}", lapse(reason))),
        End::Decided { verdict } => {
            field(
                out,
                "verdict",
                &format!("{}, {}", decision(&verdict.decision), utc(verdict.at)),
            );
            field(out, "claim", &claim(verdict.claim, row.claimed.as_ref()));
        }
    }
    if let Some(reason) = &row.withdrawn {
        field(out, "WITHDRAWN", reason.as_str());
    }
}

fn lapse(reason: &ForfeitReason) -> String {
    match reason {
        ForfeitReason::DeadlinePassed => "the deadline passed".to_owned(),
        ForfeitReason::Failed { note } => format!("it failed: {note}"),
        ForfeitReason::Abandoned { note } => format!("it was given up: {note}"),
    }
}

fn decision(decision: &Decision) -> String {
    match decision {
        Decision::Accepted { score } => format!(
            "accepted at {} {} (raw {})",
            number(score.normalized.shown()),
            interval(score.low.get(), score.high.get()),
            number(score.raw.get())
        ),
        other => other.name().to_owned(),
    }
}

fn claim(check: ClaimCheck, claimed: Option<&Outcome>) -> String {
    let said = match check {
        ClaimCheck::Honest => "not above the result",
        ClaimCheck::Overclaimed => "ABOVE the result: a fault of the executor",
        ClaimCheck::Unrevealed => "never opened: a fault of the executor",
        ClaimCheck::Unchecked => "there is no result to hold it against",
    };
    claimed.map_or_else(
        || said.to_owned(),
        |claimed| format!("{}, {said}", measured(claimed)),
    )
}

/// A labelled value, wrapped below itself.
fn field(out: &mut String, label: &str, value: &str) {
    let mut label = label;
    for line in wrap(value, WIDTH - LABEL) {
        push(out, label, &line);
        label = "";
    }
}

fn push(out: &mut String, label: &str, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}", format!("{label:<LABEL$}{line}").trim_end());
}

fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let _ = writeln!(out, "\n{title}");
    for item in items {
        let mut mark = "- ";
        for line in wrap(&item, WIDTH - 4) {
            let _ = writeln!(out, "  {mark}{line}");
            mark = "  ";
        }
    }
}
