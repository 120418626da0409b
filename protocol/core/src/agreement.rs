//! When two scorings agree: `exact`, or `equivalence` by two one-sided tests (TOST).
//!
//! Everything here is addition, multiplication, division and square root of IEEE doubles, which
//! give the same bits on every machine, so that anybody recomputes the same verdict. That is why
//! Student's quantiles are a table and not a library call.

use serde::{Deserialize, Serialize};

use crate::score::{Outcome, Samples, Score, count_f64};

/// The level of each one-sided test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Five per cent.
    #[serde(rename = "0.05")]
    FivePercent,
    /// One per cent.
    #[serde(rename = "0.01")]
    OnePercent,
}

/// A bundle's agreement rule, signed with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Agreement {
    /// Deterministic scorers: the same raw score and the same samples, bit for bit.
    Exact,
    /// Measured scorers: the means differ by less than `margin`, shown at `level`.
    Equivalence {
        /// In normalised units, above zero.
        margin: Score,
        /// Of each of the two one-sided tests.
        level: Level,
    },
}

/// How two outcomes relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Shown to be the same.
    Agree,
    /// Shown to differ.
    Disagree,
    /// Too noisy to tell: this is no agreement.
    Unclear,
}

impl Agreement {
    /// Relates two outcomes. Symmetric.
    #[must_use]
    pub fn relate(&self, a: &Outcome, b: &Outcome) -> Relation {
        match (a, b) {
            (Outcome::Invalid { .. }, Outcome::Invalid { .. }) => Relation::Agree,
            (Outcome::Valid { raw: x, samples: xs }, Outcome::Valid { raw: y, samples: ys }) => match self {
                // The published score comes from the samples, so they have to be the same as well.
                Self::Exact if x == y && xs == ys => Relation::Agree,
                Self::Exact => Relation::Disagree,
                Self::Equivalence { margin, level } => equivalence(xs, ys, margin.get(), *level),
            },
            _ => Relation::Disagree,
        }
    }
}

/// The samples' mean less and plus the half-width that the test uses: at level 0.05 a side this is
/// the two-sided 90 % interval.
#[must_use]
pub fn interval(samples: &Samples, level: Level) -> (f64, f64) {
    let mean = samples.mean();
    let half = samples.variance().map_or(0.0, |variance| {
        let n = count_f64(samples.count());
        t_quantile(n - 1.0, level) * (variance / n).sqrt()
    });
    (mean - half, mean + half)
}

/// Schuirmann's two one-sided tests with Welch's standard error and degrees of freedom.
fn equivalence(a: &Samples, b: &Samples, margin: f64, level: Level) -> Relation {
    let difference = (a.mean() - b.mean()).abs();
    let (Some(var_a), Some(var_b)) = (a.variance(), b.variance()) else {
        return Relation::Unclear;
    };
    let (n_a, n_b) = (count_f64(a.count()), count_f64(b.count()));
    let (sq_a, sq_b) = (var_a / n_a, var_b / n_b);
    let error = sq_a + sq_b;
    let freedom = if error > 0.0 {
        error * error / (sq_a * sq_a / (n_a - 1.0) + sq_b * sq_b / (n_b - 1.0))
    } else {
        n_a + n_b - 2.0
    };
    let half = t_quantile(freedom, level) * error.sqrt();
    if difference + half < margin {
        Relation::Agree
    } else if difference - half > margin {
        Relation::Disagree
    } else {
        Relation::Unclear
    }
}

/// One-sided quantiles of Student's t for 1 to 30 degrees of freedom, then 40, 60, 120, ∞
/// (any textbook's table).
const T_05: [f64; 34] = [
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753,
    1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697,
    1.684, 1.671, 1.658, 1.645,
];
const T_01: [f64; 34] = [
    31.821, 6.965, 4.541, 3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764, 2.7181, 2.681, 2.650, 2.624,
    2.602, 2.583, 2.567, 2.552, 2.539, 2.528, 2.518, 2.508, 2.500, 2.492, 2.485, 2.479, 2.473, 2.467, 2.462,
    2.457, 2.423, 2.390, 2.358, 2.326,
];

/// The quantile at the next lower tabulated number of degrees of freedom, which errs on the side
/// of not agreeing.
fn t_quantile(freedom: f64, level: Level) -> f64 {
    let table = match level {
        Level::FivePercent => &T_05,
        Level::OnePercent => &T_01,
    };
    let steps = (1..=30).map(f64::from).chain([40.0, 60.0, 120.0, f64::INFINITY]);
    let below = steps.zip(table).take_while(|(step, _)| *step <= freedom).last();
    below.map_or(table[0], |(_, quantile)| *quantile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Note;
    use proptest::prelude::*;

    fn rule() -> Agreement {
        Agreement::Equivalence {
            margin: Score::new(0.15).unwrap(),
            level: Level::FivePercent,
        }
    }

    fn valid(values: &[f64]) -> Outcome {
        let samples = Samples::new(values.iter().map(|v| Score::new(*v).unwrap()).collect()).unwrap();
        Outcome::Valid {
            raw: Score::new(samples.median()).unwrap(),
            samples,
        }
    }

    fn invalid() -> Outcome {
        Outcome::Invalid {
            reason: Note::lossy("wrong"),
        }
    }

    #[test]
    fn close_quiet_samples_agree_and_shifted_ones_do_not() {
        let a = valid(&[1.00, 1.01, 0.99, 1.00, 1.02]);
        let b = valid(&[1.03, 1.02, 1.04, 1.03, 1.01]);
        let shifted = valid(&[1.50, 1.51, 1.49, 1.52, 1.50]);
        assert_eq!(rule().relate(&a, &b), Relation::Agree);
        assert_eq!(rule().relate(&a, &shifted), Relation::Disagree);
    }

    #[test]
    fn noise_is_no_agreement() {
        let noisy = valid(&[0.2, 1.8, 0.4, 1.6, 1.0]);
        assert_eq!(rule().relate(&noisy, &noisy), Relation::Unclear);
        assert_eq!(
            rule().relate(&valid(&[1.0]), &valid(&[1.0])),
            Relation::Unclear,
            "one sample shows no spread"
        );
    }

    #[test]
    fn invalid_agrees_with_invalid_only() {
        assert_eq!(rule().relate(&invalid(), &invalid()), Relation::Agree);
        assert_eq!(rule().relate(&invalid(), &valid(&[1.0, 1.0])), Relation::Disagree);
    }

    #[test]
    fn exact_compares_raw_scores_and_samples() {
        assert_eq!(
            Agreement::Exact.relate(&valid(&[0.5]), &valid(&[0.5])),
            Relation::Agree
        );
        assert_eq!(
            Agreement::Exact.relate(&valid(&[0.5]), &valid(&[0.500_000_1])),
            Relation::Disagree
        );
        let same_raw = Outcome::Valid {
            raw: Score::new(0.5).unwrap(),
            samples: Samples::new(vec![Score::new(0.9).unwrap()]).unwrap(),
        };
        assert_eq!(
            Agreement::Exact.relate(&valid(&[0.5]), &same_raw),
            Relation::Disagree
        );
    }

    #[test]
    fn quantiles_are_conservative_between_table_rows() {
        assert_eq!(t_quantile(0.5, Level::FivePercent), 6.314);
        assert_eq!(t_quantile(1.0, Level::FivePercent), 6.314);
        assert_eq!(t_quantile(8.9, Level::FivePercent), 1.860);
        assert_eq!(t_quantile(35.0, Level::OnePercent), 2.457);
        assert_eq!(t_quantile(1e9, Level::OnePercent), 2.358);
    }

    proptest! {
        #[test]
        fn relation_is_symmetric(
            a in proptest::collection::vec(-2.0_f64..2.0, 1..20),
            b in proptest::collection::vec(-2.0_f64..2.0, 1..20),
        ) {
            prop_assert_eq!(rule().relate(&valid(&a), &valid(&b)), rule().relate(&valid(&b), &valid(&a)));
        }

        #[test]
        fn means_beyond_the_margin_never_agree(
            a in proptest::collection::vec(-0.5_f64..0.5, 2..20),
            shift in 1.16_f64..3.0,
            b in proptest::collection::vec(-0.5_f64..0.5, 2..20),
        ) {
            let shifted: Vec<f64> = b.iter().map(|v| v + shift).collect();
            prop_assert_ne!(rule().relate(&valid(&a), &valid(&shifted)), Relation::Agree);
        }
    }
}
