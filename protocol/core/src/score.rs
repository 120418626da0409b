//! Scores: raw, normalised, and the outcome of one scoring.
//!
//! Invalid is a state of its own and never a number. Normalised is `(raw − start) / (reference −
//! start)`; what is below zero is *shown* as zero but compared as it is, so that two bad scores
//! still have to agree.

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::text::Note;

/// The most samples an outcome carries.
pub const MAX_SAMPLES: usize = 64;

/// Why a number or a list of them is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// NaN or infinite.
    #[error("a score is a finite number")]
    NotFinite,
    /// No sample, or more than [`MAX_SAMPLES`].
    #[error("an outcome carries 1 to {MAX_SAMPLES} samples")]
    SampleCount,
    /// Start and reference are the same.
    #[error("a scale's start and reference differ")]
    FlatScale,
}

/// A finite number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f64);

impl Score {
    /// Checks that `value` is finite.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`].
    pub fn new(value: f64) -> Result<Self, ScoreError> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(ScoreError::NotFinite)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The number as it is shown and aggregated: nothing below zero.
    #[must_use]
    pub fn shown(self) -> f64 {
        self.0.max(0.0)
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The raw scores of a task's start and reference solutions: where 0 and 1 lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Raw score of the start solution.
    pub start: Score,
    /// Raw score of the reference solution.
    pub reference: Score,
}

impl Scale {
    /// The normalised score of `raw`.
    ///
    /// # Errors
    /// Where the scale is flat or the quotient is not finite.
    pub fn normalize(&self, raw: Score) -> Result<Score, ScoreError> {
        let width = self.reference.get() - self.start.get();
        if width == 0.0 {
            return Err(ScoreError::FlatScale);
        }
        Score::new((raw.get() - self.start.get()) / width)
    }
}

/// Samples of one scoring, in normalised units: one per measured round, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Samples(Vec<Score>);

impl Samples {
    /// Checks the number of `samples`.
    ///
    /// # Errors
    /// [`ScoreError::SampleCount`].
    pub fn new(samples: Vec<Score>) -> Result<Self, ScoreError> {
        if samples.is_empty() || samples.len() > MAX_SAMPLES {
            return Err(ScoreError::SampleCount);
        }
        Ok(Self(samples))
    }

    /// The samples, in order.
    #[must_use]
    pub fn values(&self) -> &[Score] {
        &self.0
    }

    /// How many there are: at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their median: the normalised score of the scoring.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.0.iter().map(|s| s.get()).collect())
    }

    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|s| s.get()).sum::<f64>() / count_f64(self.count())
    }

    /// Their unbiased variance; `None` for a single sample.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let mean = self.mean();
        let squares: f64 = self.0.iter().map(|s| (s.get() - mean) * (s.get() - mean)).sum();
        (self.count() > 1).then(|| squares / (count_f64(self.count()) - 1.0))
    }
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What one scoring of one artifact came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Outcome {
    /// The artifact earns a score.
    Valid {
        /// What the scorer printed, in the task's own unit.
        raw: Score,
        /// Normalised samples; their median is the normalised score.
        samples: Samples,
    },
    /// The artifact earns none.
    Invalid {
        /// Why, in the scorer's words.
        reason: Note,
    },
}

impl Outcome {
    /// The normalised score, if there is one.
    #[must_use]
    pub fn normalized(&self) -> Option<f64> {
        match self {
            Self::Valid { samples, .. } => Some(samples.median()),
            Self::Invalid { .. } => None,
        }
    }

    /// The raw score, if there is one.
    #[must_use]
    pub fn raw(&self) -> Option<f64> {
        match self {
            Self::Valid { raw, .. } => Some(raw.get()),
            Self::Invalid { .. } => None,
        }
    }
}

/// The median of `values`: the mean of the middle two where their number is even, 0 for none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    if values.len().is_multiple_of(2) {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

/// A count as a float; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) const fn count_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples::new(values.iter().map(|v| Score::new(*v).unwrap()).collect()).unwrap()
    }

    #[test]
    fn normalisation_follows_the_published_example() {
        // RE-Bench's kernel: start 1.56, reference 0.470 (ln ms); the best agent's 0.64 ms.
        let scale = Scale {
            start: Score(1.56),
            reference: Score(0.47),
        };
        let best = scale.normalize(Score(0.64_f64.ln())).unwrap();
        assert!((best.get() - 1.84).abs() < 0.01);
        assert_eq!(scale.normalize(Score(2.0)).unwrap().shown(), 0.0);
        assert!(
            Scale {
                start: Score(1.0),
                reference: Score(1.0)
            }
            .normalize(Score(1.0))
            .is_err()
        );
    }

    #[test]
    fn medians_of_even_and_odd_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(samples(&[1.0]).variance(), None);
        assert_eq!(samples(&[1.0, 3.0]).variance(), Some(2.0));
    }

    #[test]
    fn no_number_comes_out_of_an_invalid_run() {
        for json in ["null", "1e999", "\"1\""] {
            assert!(serde_json::from_str::<Score>(json).is_err(), "{json}");
        }
        assert!(serde_json::from_str::<Samples>("[]").is_err());
        let outcome: Outcome = serde_json::from_str(r#"{"status":"invalid","reason":"wrong"}"#).unwrap();
        assert_eq!(outcome.normalized(), None);
        assert!(serde_json::from_str::<Outcome>(r#"{"status":"invalid","reason":"w","raw":1.0}"#).is_err());
    }

    #[test]
    fn floats_survive_the_wire_bit_for_bit() {
        let value = Score(0.1 + 0.2);
        let text = serde_json::to_string(&value).unwrap();
        let back: Score = serde_json::from_str(&text).unwrap();
        assert_eq!(back.get().to_bits(), value.get().to_bits());
    }
}
