//! What a score of this machine says about a published one, by the bundle's own rule.

use quorate_core::agreement::{Agreement, Level, Relation, interval};
use quorate_core::score::Outcome;
use serde::Serialize;

/// What the comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Conclusion {
    /// This machine confirms the published score.
    Agrees,
    /// It contradicts it.
    Disagrees,
    /// Too noisy to tell.
    Unclear,
    /// No verdict has a score to compare with.
    NothingPublished,
}

/// Relates this machine's outcome to the rescores that made the verdict.
pub(super) fn conclude<'a>(
    rule: &Agreement,
    here: &Outcome,
    published: impl IntoIterator<Item = &'a Outcome>,
) -> Conclusion {
    let relations: Vec<Relation> = published
        .into_iter()
        .map(|outcome| rule.relate(here, outcome))
        .collect();
    let most = |which| relations.iter().filter(|relation| **relation == which).count() * 2 > relations.len();
    if relations.is_empty() {
        Conclusion::NothingPublished
    } else if most(Relation::Agree) {
        Conclusion::Agrees
    } else if most(Relation::Disagree) {
        Conclusion::Disagrees
    } else {
        Conclusion::Unclear
    }
}

/// One scoring, as people compare scorings.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) normalized: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
    pub(super) raw: Option<f64>,
    pub(super) samples: usize,
    pub(super) deviation: Option<f64>,
    pub(super) invalid: Option<String>,
}

impl Measured {
    pub(super) fn of(outcome: &Outcome, rule: &Agreement) -> Self {
        match outcome {
            Outcome::Invalid { reason } => Self {
                normalized: None,
                low: None,
                high: None,
                raw: None,
                samples: 0,
                deviation: None,
                invalid: Some(reason.to_string()),
            },
            Outcome::Valid { raw, samples } => {
                let level = match rule {
                    Agreement::Exact => Level::FivePercent,
                    Agreement::Equivalence { level, .. } => *level,
                };
                let (low, high) = interval(samples, level);
                Self {
                    normalized: Some(samples.median()),
                    low: Some(low),
                    high: Some(high),
                    raw: Some(raw.get()),
                    samples: samples.count(),
                    deviation: samples.variance().map(f64::sqrt),
                    invalid: None,
                }
            }
        }
    }

    /// In one line.
    pub(super) fn text(&self) -> String {
        let (Some(normalized), Some(low), Some(high)) = (self.normalized, self.low, self.high) else {
            return format!(
                "invalid: {}",
                self.invalid.as_deref().unwrap_or("no reason given")
            );
        };
        let mut text = format!(
            "{normalized:.3}, from {low:.3} to {high:.3}, {} sample(s)",
            self.samples
        );
        if let Some(deviation) = self.deviation {
            text += &format!(", standard deviation {deviation:.3}");
        }
        text
    }
}

/// A relation's one name.
pub(super) const fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Agree => "agrees",
        Relation::Disagree => "disagrees",
        Relation::Unclear => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::score::{Samples, Score};
    use quorate_core::text::Note;

    const RULE: fn() -> Agreement = || Agreement::Equivalence {
        margin: Score::new(0.1).unwrap(),
        level: Level::FivePercent,
    };

    fn at(mean: f64, spread: f64) -> Outcome {
        let samples = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|step| Score::new(mean + step * spread).unwrap());
        Outcome::Valid {
            raw: Score::new(mean).unwrap(),
            samples: Samples::new(samples.to_vec()).unwrap(),
        }
    }

    #[test]
    fn a_majority_of_the_verdicts_rescores_decides() {
        let conclude = |here: &Outcome, published: &[Outcome]| conclude(&RULE(), here, published);
        let near = [at(1.0, 0.01), at(1.01, 0.01), at(0.99, 0.01)];
        assert_eq!(conclude(&at(1.0, 0.01), &near), Conclusion::Agrees);
        assert_eq!(conclude(&at(1.5, 0.01), &near), Conclusion::Disagrees);
        assert_eq!(
            conclude(&at(1.0, 1.0), &near),
            Conclusion::Unclear,
            "noise agrees with nothing"
        );
        assert_eq!(conclude(&at(1.0, 0.01), &[]), Conclusion::NothingPublished);
        let torn = [at(1.0, 0.01), at(1.5, 0.01)];
        assert_eq!(
            conclude(&at(1.0, 0.01), &torn),
            Conclusion::Unclear,
            "half is no majority"
        );
    }

    #[test]
    fn an_invalid_artifact_is_invalid_everywhere() {
        let invalid = || Outcome::Invalid {
            reason: Note::lossy("wrong output"),
        };
        assert_eq!(
            conclude(&RULE(), &invalid(), &[invalid(), invalid()]),
            Conclusion::Agrees
        );
        assert_eq!(
            conclude(&RULE(), &invalid(), &[at(1.0, 0.01), at(1.0, 0.01)]),
            Conclusion::Disagrees
        );
        let measured = Measured::of(&invalid(), &RULE());
        assert_eq!(
            (measured.text().as_str(), measured.raw),
            ("invalid: wrong output", None)
        );
        assert!(
            Measured::of(&at(1.0, 0.1), &RULE())
                .text()
                .starts_with("1.000, from 0.9")
        );
    }
}
