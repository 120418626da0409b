//! Whether a task may be trusted: what its own solutions, and cheats planted for the purpose, came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::digest::BundleId;
use crate::score::Score;
use crate::task::TaskSpec;
use crate::text::{Name, Note, Timestamp};

use super::Host;

/// What a solution is there to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An attempt that hands in nothing must earn nothing.
    Null,
    /// The start solution is the scale's zero.
    Start,
    /// The reference solution is its one, again and again.
    Reference,
    /// A cheat must earn nothing that the start does not.
    Exploit,
}

/// One scoring, without its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scored {
    /// It earned a score.
    Valid {
        /// In the task's own unit.
        raw: Score,
        /// On the task's scale.
        normalized: Score,
    },
    /// It earned none.
    Invalid {
        /// Why, in the scorer's words.
        reason: Note,
    },
}

/// One solution and all its scorings, each with a seed of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualifyingRun {
    /// What it is there to show.
    pub role: Role,
    /// What the task's author calls it.
    pub name: Name,
    /// Its scorings.
    pub scorings: Vec<Scored>,
    /// Seconds that the attempt took.
    pub attempt_seconds: Score,
    /// The median of the seconds that a scoring took.
    pub scoring_seconds: Score,
}

/// A task's qualification. Signed by whoever made the runs; in a log, by its coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualification {
    /// The task.
    pub bundle: BundleId,
    /// What was run.
    pub runs: Vec<QualifyingRun>,
    /// The machine.
    pub host: Host,
    /// When it was done.
    pub at: Timestamp,
}

/// Scorings of the reference that a qualification needs.
pub const REFERENCE_SCORINGS: usize = 10;

/// How far start and reference may lie from the scale's zero and one where the rule is exact.
const EXACT_MARGIN: f64 = 0.05;

/// One reason why a task does not qualify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The solution, or the role that is missing.
    pub solution: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.solution, self.problem)
    }
}

impl Qualification {
    /// Every reason why the task does not qualify under its terms; none if it does.
    #[must_use]
    pub fn faults(&self, spec: &TaskSpec) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (role, least) in [
            (Role::Null, 1),
            (Role::Start, 1),
            (Role::Reference, REFERENCE_SCORINGS),
            (Role::Exploit, 1),
        ] {
            let scorings: usize = self.of(role).map(|run| run.scorings.len()).sum();
            if scorings < least {
                faults.push(Fault {
                    solution: format!("{role:?}").to_lowercase(),
                    problem: format!("was scored {scorings} times; at least {least} are needed"),
                });
            }
        }
        for run in &self.runs {
            let problem = problem(run, spec);
            faults.extend(problem.map(|problem| Fault {
                solution: run.name.to_string(),
                problem,
            }));
        }
        faults
    }

    fn of(&self, role: Role) -> impl Iterator<Item = &QualifyingRun> {
        self.runs.iter().filter(move |run| run.role == role)
    }
}

/// What is wrong with one solution's scorings, if anything is.
fn problem(run: &QualifyingRun, spec: &TaskSpec) -> Option<String> {
    let margin = match spec.agreement {
        Agreement::Equivalence { margin, .. } => margin.get(),
        Agreement::Exact => EXACT_MARGIN,
    };
    match run.role {
        Role::Null => run
            .scores()
            .next()
            .map(|score| format!("earned {score:.3} for handing in nothing")),
        Role::Start => run.off(0.0, margin),
        Role::Reference => run.off(1.0, margin).or_else(|| run.scattered(spec)),
        Role::Exploit => run
            .scores()
            .find(|score| *score > margin)
            .map(|score| format!("earned {score:.3}, more than the margin of {margin} above the start")),
    }
}

impl QualifyingRun {
    /// The normalised scores of those scorings that earned one.
    pub fn scores(&self) -> impl Iterator<Item = f64> {
        self.scorings.iter().filter_map(|scoring| match scoring {
            Scored::Valid { normalized, .. } => Some(normalized.get()),
            Scored::Invalid { .. } => None,
        })
    }

    /// The difference of the largest and the smallest normalised score; 0 where none earned one.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let (low, high) = self
            .scores()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| {
                (low.min(score), high.max(score))
            });
        (high - low).max(0.0)
    }

    fn off(&self, expected: f64, margin: f64) -> Option<String> {
        for scoring in &self.scorings {
            match scoring {
                Scored::Invalid { reason } => return Some(format!("is invalid: {reason}")),
                Scored::Valid { normalized, .. } if (normalized.get() - expected).abs() > margin => {
                    let score = normalized.get();
                    return Some(format!(
                        "earned {score:.3}, not {expected} within the margin of {margin}; mend the scale or the scorer"
                    ));
                }
                Scored::Valid { .. } => {}
            }
        }
        None
    }

    /// Whether scorings of one artifact differ by more than the agreement rule lets them.
    fn scattered(&self, spec: &TaskSpec) -> Option<String> {
        let most = match spec.agreement {
            Agreement::Equivalence { margin, .. } => margin.get(),
            Agreement::Exact => 0.0,
        };
        let spread = self.spread();
        (spread > most).then(|| format!("its scorings differ by {spread:.3}, more than {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Level;
    use crate::digest::Digest;
    use crate::record::DeviceClass;
    use crate::record::qualification::Scored::{Invalid, Valid};

    fn valid(normalized: f64) -> Scored {
        Valid {
            raw: Score::new(normalized).unwrap(),
            normalized: Score::new(normalized).unwrap(),
        }
    }

    fn invalid() -> Scored {
        Invalid {
            reason: Note::lossy("wrong"),
        }
    }

    fn run(role: Role, scorings: Vec<Scored>) -> QualifyingRun {
        QualifyingRun {
            role,
            name: Name::new(format!("{role:?}").to_lowercase()).unwrap(),
            scorings,
            attempt_seconds: Score::new(1.0).unwrap(),
            scoring_seconds: Score::new(1.0).unwrap(),
        }
    }

    fn sound() -> Qualification {
        Qualification {
            bundle: BundleId(Digest::of(b"bundle")),
            runs: vec![
                run(Role::Null, vec![invalid()]),
                run(Role::Start, vec![valid(0.02)]),
                run(Role::Reference, vec![valid(0.98); REFERENCE_SCORINGS]),
                run(Role::Exploit, vec![invalid(), valid(0.1), valid(-2.0)]),
            ],
            host: Host {
                device: DeviceClass(Name::new("cpu").unwrap()),
                processor: Note::lossy("any"),
                fingerprint: Note::lossy(""),
            },
            at: Timestamp(1),
        }
    }

    fn spec(agreement: Agreement) -> TaskSpec {
        serde_json::from_value(serde_json::json!({
            "environment": "any", "tier": "smoke", "version": "1", "summary": "any", "canary": "any", "image": "host",
            "device": "cpu", "artifact": ["a"], "scorer": ["score"], "self_score": null, "better": "lower",
            "attempt": limits(), "scoring": limits(), "scale": {"start": 1.0, "reference": 0.0},
            "aggregate": "best", "agreement": agreement,
        }))
        .unwrap()
    }

    fn limits() -> serde_json::Value {
        serde_json::json!({
            "seconds": 1, "memory_mib": 1, "processes": 1, "millicpus": 1, "disk_mib": 1, "open_files": 1, "output_kib": 1,
        })
    }

    fn measured() -> TaskSpec {
        spec(Agreement::Equivalence {
            margin: Score::new(0.2).unwrap(),
            level: Level::FivePercent,
        })
    }

    /// The faults after one role's scorings were replaced.
    fn after(role: Role, scorings: Vec<Scored>) -> Vec<String> {
        let mut qualification = sound();
        qualification.runs.retain(|run| run.role != role);
        if !scorings.is_empty() {
            qualification.runs.push(run(role, scorings));
        }
        let faults = qualification.faults(&measured());
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn honest_solutions_and_harmless_cheats_qualify() {
        assert_eq!(sound().faults(&measured()), []);
    }

    #[test]
    fn every_role_is_needed() {
        for role in [Role::Null, Role::Start, Role::Reference, Role::Exploit] {
            let faults = after(role, Vec::new());
            assert!(
                faults.len() == 1 && faults[0].contains("was scored 0 times"),
                "{faults:?}"
            );
        }
        let few = after(Role::Reference, vec![valid(1.0); REFERENCE_SCORINGS - 1]);
        assert!(few[0].contains("at least 10"), "{few:?}");
    }

    #[test]
    fn each_role_has_its_rule() {
        for (role, scorings, said) in [
            (Role::Null, vec![valid(-1.0)], "for handing in nothing"),
            (Role::Start, vec![valid(0.3)], "not 0 within"),
            (Role::Start, vec![invalid()], "is invalid"),
            (Role::Exploit, vec![invalid(), valid(0.21)], "above the start"),
            (Role::Reference, vec![valid(1.21); 10], "not 1 within"),
            (
                Role::Reference,
                [vec![valid(0.85); 9], vec![valid(1.1)]].concat(),
                "differ by 0.25",
            ),
        ] {
            let faults = after(role, scorings);
            assert!(faults.len() == 1 && faults[0].contains(said), "{faults:?}");
        }
    }

    #[test]
    fn where_the_rule_is_exact_the_reference_repeats_exactly() {
        let exact = spec(Agreement::Exact);
        let mut qualification = sound();
        qualification.runs[3].scorings = vec![invalid()];
        assert_eq!(qualification.faults(&exact), []);
        qualification.runs[2].scorings[0] = valid(0.981);
        assert_eq!(qualification.faults(&exact).len(), 1);
    }
}
