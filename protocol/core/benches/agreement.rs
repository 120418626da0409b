//! What noise does to the agreement rule: how often honest verifiers of different scores are found to
//! agree, how often honest verifiers of one score are not, and what verdicts come of it.
//!
//! `cargo bench -p quorate-core --bench agreement` prints the table and writes it into
//! `docs/agreement.md`, between its marks, and the drawing `docs/figures/agreement.svg`. The noise is
//! normal and comes from a seeded stream of its own for each cell, so every run gives the same numbers.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a program that prints figures, run by hand"
)]

#[path = "agreement/figure.rs"]
mod figure;
#[path = "agreement/noise.rs"]
mod noise;
#[path = "agreement/table.rs"]
mod table;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use quorate_core::agreement::{Agreement, Level, Relation};
use quorate_core::record::{Decision, Verification};
use quorate_core::score::{Outcome, Samples, Score};
use quorate_core::verdict::{Judgement, Rescore, judge};
use quorate_core::{Keypair, NodeId};

use noise::Noise;

/// Trials of each rate.
const TRIALS: u32 = 100_000;

const MARGINS: [f64; 4] = [0.10, 0.15, 0.20, 0.25];
const SAMPLES: [usize; 4] = [3, 5, 10, 20];
const SPREADS: [f64; 6] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
const LEVELS: [Level; 2] = [Level::FivePercent, Level::OnePercent];

/// By how many margins two verifiers' true scores differ.
const SHIFTS: [f64; 4] = [0.0, 1.0, 1.5, 2.0];

/// The policy that campaigns have if they say nothing else.
const POLICY: Verification = Verification {
    replicas: 2,
    escalation: 2,
    max_rescores: 5,
    seal_seconds: 600,
    reveal_seconds: 600,
    audit_percent: None,
};

/// One kind of bundle, and how noisy the machines are.
#[derive(Debug, Clone, Copy)]
struct Setting {
    level: Level,
    margin: f64,
    samples: usize,
    spread: f64,
}

/// How a pair of rescores relates, out of [`TRIALS`].
#[derive(Debug, Clone, Copy, Default)]
struct Pairs {
    agree: u32,
    unclear: u32,
    disagree: u32,
}

/// What attempts came to, out of [`TRIALS`].
#[derive(Debug, Clone, Copy, Default)]
struct Verdicts {
    accepted: u32,
    inconclusive: u32,
    nondeterministic: u32,
    /// Rescores in all.
    rescores: u32,
    /// Verdicts that name somebody an outlier.
    blamed: u32,
    /// Accepted with the first verifier in the group that made the score.
    with_first: u32,
}

/// Everything measured in one setting.
#[derive(Debug, Clone, Copy)]
struct Cell {
    setting: Setting,
    /// Of two verifiers, for each of [`SHIFTS`].
    pairs: [Pairs; 4],
    /// All verifiers honest.
    honest: Verdicts,
    /// The first verifier's score is off by the margin.
    one_off: Verdicts,
}

fn settings() -> Vec<Setting> {
    let mut all = Vec::new();
    for level in LEVELS {
        for margin in MARGINS {
            for samples in SAMPLES {
                for spread in SPREADS {
                    all.push(Setting {
                        level,
                        margin,
                        samples,
                        spread,
                    });
                }
            }
        }
    }
    all
}

impl Setting {
    fn rule(&self) -> Agreement {
        Agreement::Equivalence {
            margin: Score::new(self.margin).unwrap(),
            level: self.level,
        }
    }

    /// What a verifier measures that has the true score `center`.
    fn measure(&self, noise: &mut Noise, center: f64) -> Outcome {
        let samples = (0..self.samples)
            .map(|_| Score::new(center + self.spread * noise.normal()).unwrap())
            .collect();
        Outcome::Valid {
            raw: Score::new(center).unwrap(),
            samples: Samples::new(samples).unwrap(),
        }
    }

    fn pairs(&self, noise: &mut Noise, shift: f64) -> Pairs {
        let (rule, mut pairs) = (self.rule(), Pairs::default());
        for _ in 0..TRIALS {
            let a = self.measure(noise, 1.0);
            let b = self.measure(noise, 1.0 + shift * self.margin);
            match rule.relate(&a, &b) {
                Relation::Agree => pairs.agree += 1,
                Relation::Unclear => pairs.unclear += 1,
                Relation::Disagree => pairs.disagree += 1,
            }
        }
        pairs
    }

    /// Attempts taken to their verdict, the first verifier's true score off by `shift` margins.
    fn verdicts(&self, noise: &mut Noise, nodes: &[NodeId], shift: f64) -> Verdicts {
        let (rule, mut verdicts) = (self.rule(), Verdicts::default());
        for _ in 0..TRIALS {
            let mut outcomes = vec![self.measure(noise, 1.0 + shift * self.margin)];
            loop {
                let rescores: Vec<Rescore<'_>> = nodes
                    .iter()
                    .zip(&outcomes)
                    .map(|(node, outcome)| Rescore { node: *node, outcome })
                    .collect();
                match judge(&rule, &POLICY, &rescores, nodes.len() - rescores.len()) {
                    Judgement::Escalate(more) => {
                        outcomes.extend((0..more).map(|_| self.measure(noise, 1.0)));
                    }
                    Judgement::Decided {
                        decision,
                        agreeing,
                        outliers,
                    } => {
                        verdicts.add(&decision, outcomes.len());
                        verdicts.blamed += u32::from(!outliers.is_empty());
                        verdicts.with_first += u32::from(agreeing.contains(&nodes[0]));
                        break;
                    }
                }
            }
        }
        verdicts
    }

    fn cell(self, nodes: &[NodeId]) -> Cell {
        let mut noise = Noise::new(&format!("{self:?}"));
        Cell {
            setting: self,
            pairs: SHIFTS.map(|shift| self.pairs(&mut noise, shift)),
            honest: self.verdicts(&mut noise, nodes, 0.0),
            one_off: self.verdicts(&mut noise, nodes, 1.0),
        }
    }
}

impl Verdicts {
    fn add(&mut self, decision: &Decision, rescores: usize) {
        self.rescores += u32::try_from(rescores).unwrap();
        match decision {
            Decision::Accepted { .. } => self.accepted += 1,
            Decision::Inconclusive => self.inconclusive += 1,
            Decision::Nondeterministic => self.nondeterministic += 1,
            Decision::Rejected => unreachable!("no outcome here is invalid"),
        }
    }
}

/// A share of the trials.
fn share(count: u32) -> f64 {
    f64::from(count) / f64::from(TRIALS)
}

/// Every setting, measured on all processors; each has a stream of its own, so their order is nothing.
fn measure(settings: &[Setting]) -> Vec<Cell> {
    let nodes: Vec<NodeId> = (1..=9).map(|n| Keypair::from_secret([n; 32]).node_id()).collect();
    let (next, cells) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(setting) = settings.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = setting.cell(&nodes);
                    cells.lock().unwrap().push(cell);
                }
            });
        }
    });
    let mut cells = cells.into_inner().unwrap();
    cells.sort_by_key(|cell| {
        let same = |s: &Setting| format!("{s:?}") == format!("{:?}", cell.setting);
        settings.iter().position(same)
    });
    cells
}

fn main() {
    let cells = measure(&settings());
    let text = table::table(&cells);
    println!("{text}");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    table::put(&docs.join("agreement.md"), &text);
    std::fs::write(docs.join("figures/agreement.svg"), figure::draw(&cells)).unwrap();
}
