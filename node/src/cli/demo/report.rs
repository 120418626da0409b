//! What the demo shows, all of it read from the ledger.

use std::fmt::Write as _;

use quorate_coordinator::leaderboard::{Answer, Fault, Leaderboard, Status, compute, text};
use quorate_core::record::ClaimCheck;
use quorate_core::{Envelope, History, NodeId};
use serde_json::{Value, json};

use super::network::Network;

/// The end of a demo.
pub(super) struct Report {
    board: Leaderboard,
    cheat: NodeId,
    liar: NodeId,
    backend: String,
    root: String,
    seconds: f64,
}

impl Report {
    /// What `history` and its `entries` come to.
    pub(super) fn new(history: &History, entries: &[Envelope], network: &Network, seconds: f64) -> Self {
        let mut board = compute(history);
        board.trace((0..).zip(entries));
        Self {
            board,
            cheat: network.cheat(),
            liar: network.liar(),
            backend: network.backend().to_owned(),
            root: network.root().unwrap_or_default(),
            seconds,
        }
    }

    /// What did not go as it must: an honest attempt that was not accepted, a lie that was not caught.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (mut inflated, mut lies) = (0, 0);
        for attempt in &self.board.attempts {
            let id = attempt.id.short();
            if attempt.status != Status::Accepted {
                wrong.push(format!(
                    "attempt {id} was not accepted but {}",
                    attempt.status.name()
                ));
            }
            let overclaimed = attempt.claim == Some(ClaimCheck::Overclaimed);
            let cheats = attempt.node == self.cheat;
            inflated += usize::from(cheats);
            if cheats && !overclaimed {
                wrong.push(format!("the inflated claim of attempt {id} was not noticed"));
            }
            if !cheats && overclaimed {
                wrong.push(format!("the honest claim of attempt {id} was called inflated"));
            }
            for rescore in &attempt.rescores {
                let is_lie = rescore.node == self.liar;
                let outlies = rescore.outcome == Answer::Outlier;
                lies += usize::from(is_lie);
                if is_lie && !outlies {
                    wrong.push(format!("the false rescore of attempt {id} was not noticed"));
                }
                if !is_lie && outlies {
                    wrong.push(format!("an honest rescore of attempt {id} was called false"));
                }
            }
        }
        if inflated == 0 {
            wrong.push("the cheat was given no attempt".to_owned());
        }
        if lies == 0 {
            wrong.push("the liar was drawn for no rescore".to_owned());
        }
        wrong
    }

    /// The report for a person.
    pub(super) fn text(&self) -> String {
        let mut out = text(&self.board);
        let _ = writeln!(out, "\nCaught:");
        for caught in &self.board.caught {
            let what = match caught.what {
                Fault::Outlier => "gave a false rescore",
                Fault::Overclaim => "claimed more than its artifact earns",
                Fault::Unrevealed => "did not open its seal",
                Fault::PassedOver => "did not answer in time",
            };
            let evidence: Vec<String> = caught.evidence.iter().map(|id| id.short()).collect();
            let _ = writeln!(
                out,
                "  {} {what} (attempt {}; records {})",
                caught.operator,
                caught.attempt.short(),
                evidence.join(", ")
            );
        }
        if self.board.caught.is_empty() {
            let _ = writeln!(out, "  nobody");
        }
        let _ = write!(
            out,
            "\nLedger {}: {} entries, root {}; backend {}, {:.1} s",
            self.board.origin, self.board.size, self.root, self.backend, self.seconds
        );
        out
    }

    /// The report for a program.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        let board = serde_json::to_value(&self.board)?;
        let part = |name: &str| board.get(name).cloned().unwrap_or(Value::Null);
        Ok(json!({
            "attempts": part("attempts"),
            "caught": part("caught"),
            "ledger": { "origin": self.board.origin, "size": self.board.size, "root": self.root },
            "leaderboard": part("leaderboard"),
            "backend": self.backend,
            "seconds": self.seconds,
        }))
    }
}
