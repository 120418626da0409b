//! What a scorer printed, as an outcome.
//!
//! A scorer prints exactly one JSON object of at most [`MAX_OUTPUT_BYTES`], which is one of
//! `{"status":"valid","raw":…,"samples":[…],…}` and `{"status":"invalid","reason":"…",…}`; other fields
//! inform and decide nothing. Whatever else it prints is a [`ScorerError`]: the scorer failed on this
//! host, which is no verdict on the submission, and never a number.

use quorate_core::agreement::Agreement;
use quorate_core::score::{Outcome, Samples, Scale, Score, ScoreError};
use quorate_core::text::Note;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

/// The most that a scorer may print.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// A scorer that did not do its work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScorerError {
    /// Nothing but white space.
    #[error("the scorer printed nothing; read its standard error")]
    Nothing,
    /// More than [`MAX_OUTPUT_BYTES`].
    #[error(
        "the scorer printed {0} bytes, more than {MAX_OUTPUT_BYTES}; it prints one JSON object and logs to standard error"
    )]
    TooLong(usize),
    /// Not one JSON object of the agreed form.
    #[error("the scorer did not print one JSON object of the agreed form")]
    Syntax(#[source] serde_json::Error),
    /// Fields that contradict the status, or are missing for it.
    #[error("the scorer printed an outcome {0}")]
    Contradiction(&'static str),
    /// The raw score cannot be normalised.
    #[error("the raw score cannot be normalised with the task's scale")]
    Scale(#[source] ScoreError),
}

/// One scoring as its scorer tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scoring {
    /// What it came to.
    pub outcome: Outcome,
    /// The other fields of the object: for people, no part of the outcome.
    pub info: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Valid,
    Invalid,
}

/// A field that appears twice is refused for each of the named ones.
#[derive(Deserialize)]
struct Printed {
    status: Status,
    raw: Option<Score>,
    samples: Option<Samples>,
    reason: Option<String>,
    #[serde(flatten)]
    info: Map<String, Value>,
}

/// Reads a scorer's standard output.
///
/// Where the rule is exact and the scorer gives no samples, its one sample is the raw score on `scale`.
///
/// # Errors
/// For anything but one well-formed outcome.
pub fn parse(stdout: &[u8], scale: &Scale, agreement: &Agreement) -> Result<Scoring, ScorerError> {
    if stdout.len() > MAX_OUTPUT_BYTES {
        return Err(ScorerError::TooLong(stdout.len()));
    }
    if stdout.trim_ascii().is_empty() {
        return Err(ScorerError::Nothing);
    }
    let printed: Printed = serde_json::from_slice(stdout).map_err(ScorerError::Syntax)?;
    let outcome = match printed.status {
        Status::Valid => valid(&printed, scale, agreement)?,
        Status::Invalid => invalid(&printed)?,
    };
    Ok(Scoring {
        outcome,
        info: printed.info,
    })
}

fn valid(printed: &Printed, scale: &Scale, agreement: &Agreement) -> Result<Outcome, ScorerError> {
    if printed.reason.is_some() {
        return Err(ScorerError::Contradiction("that is valid and yet has a reason"));
    }
    let raw = printed
        .raw
        .ok_or(ScorerError::Contradiction("that is valid and has no raw score"))?;
    let samples = match (&printed.samples, agreement) {
        (Some(samples), _) => samples.clone(),
        (None, Agreement::Exact) => {
            let normalized = scale.normalize(raw).map_err(ScorerError::Scale)?;
            Samples::new(vec![normalized]).map_err(ScorerError::Scale)?
        }
        (None, Agreement::Equivalence { .. }) => {
            return Err(ScorerError::Contradiction(
                "without samples, which the rule `equivalence` needs",
            ));
        }
    };
    Ok(Outcome::Valid { raw, samples })
}

fn invalid(printed: &Printed) -> Result<Outcome, ScorerError> {
    if printed.raw.is_some() || printed.samples.is_some() {
        return Err(ScorerError::Contradiction("that is invalid and yet has a score"));
    }
    match printed.reason.as_deref().map(str::trim) {
        None | Some("") => Err(ScorerError::Contradiction("that is invalid and has no reason")),
        Some(reason) => Ok(Outcome::Invalid {
            reason: Note::lossy(reason),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quorate_core::agreement::Level;
    use quorate_core::score::MAX_SAMPLES;

    fn scale() -> Scale {
        Scale {
            start: Score::new(2.0).unwrap(),
            reference: Score::new(1.0).unwrap(),
        }
    }

    fn measured() -> Agreement {
        Agreement::Equivalence {
            margin: Score::new(0.1).unwrap(),
            level: Level::FivePercent,
        }
    }

    fn exact(text: &str) -> Result<Scoring, ScorerError> {
        parse(text.as_bytes(), &scale(), &Agreement::Exact)
    }

    #[test]
    fn a_valid_outcome_keeps_its_samples_and_its_information() {
        let text = r#" {"status":"valid","raw":1.5,"samples":[0.5,0.25],"rounds":2,"host":{"cpu":"x"}} "#;
        let scoring = parse(text.as_bytes(), &scale(), &measured()).unwrap();
        assert_eq!(scoring.outcome.raw(), Some(1.5));
        assert_eq!(scoring.outcome.normalized(), Some(0.375));
        assert_eq!(
            Value::Object(scoring.info),
            serde_json::json!({"rounds": 2, "host": {"cpu": "x"}})
        );
    }

    #[test]
    fn an_exact_score_is_its_own_sample_and_a_measured_one_is_not() {
        let text = r#"{"status":"valid","raw":1.5}"#;
        assert_eq!(exact(text).unwrap().outcome.normalized(), Some(0.5));
        let error = parse(text.as_bytes(), &scale(), &measured()).unwrap_err();
        assert!(error.to_string().contains("without samples"), "{error}");
    }

    #[test]
    fn an_invalid_outcome_has_a_reason_fit_to_print_and_no_number() {
        let outcome = exact(r#"{"status":"invalid","reason":"wrong\nat 3\u001b[31m","at":3}"#)
            .unwrap()
            .outcome;
        assert_eq!(
            outcome,
            Outcome::Invalid {
                reason: Note::new("wrong at 3 [31m").unwrap()
            }
        );
        let long = exact(&format!(
            r#"{{"status":"invalid","reason":"{}"}}"#,
            "x".repeat(2000)
        ))
        .unwrap();
        assert!(matches!(long.outcome, Outcome::Invalid { reason } if reason.as_str().len() == 500));
    }

    #[test]
    fn contradictions_are_the_scorers_failure() {
        for text in [
            r#"{"status":"valid"}"#,
            r#"{"status":"valid","raw":null}"#,
            r#"{"status":"valid","raw":1,"reason":"but"}"#,
            r#"{"status":"invalid"}"#,
            r#"{"status":"invalid","reason":"  "}"#,
            r#"{"status":"invalid","reason":"x","raw":1}"#,
            r#"{"status":"invalid","reason":"x","samples":[1]}"#,
        ] {
            assert!(
                matches!(exact(text), Err(ScorerError::Contradiction(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_one_object_is_the_scorers_failure() {
        let many = format!(
            r#"{{"status":"valid","raw":1,"samples":[{}1]}}"#,
            "1,".repeat(MAX_SAMPLES)
        );
        let deep = format!(r#"{{"status":"valid","raw":1,"deep":{}}}"#, "[".repeat(500));
        for text in [
            "1.5",
            "[]",
            "{}",
            "null",
            r#"{"status":"valid","raw":1} {"status":"valid","raw":2}"#,
            r#"log line {"status":"valid","raw":1}"#,
            r#"{"status":"valid","raw":1"#,
            r#"{"status":"valid","raw":NaN}"#,
            r#"{"status":"valid","raw":Infinity}"#,
            r#"{"status":"valid","raw":1e999}"#,
            r#"{"status":"valid","raw":"1"}"#,
            r#"{"status":"valid","raw":1,"raw":2}"#,
            r#"{"status":"valid","raw":1,"samples":[]}"#,
            r#"{"status":"valid","raw":1,"samples":[1,NaN]}"#,
            r#"{"status":"valid","raw":1,"samples":[null]}"#,
            r#"{"status":"perfect","raw":1}"#,
            r#"{"status":"Valid","raw":1}"#,
            &many,
            &deep,
        ] {
            assert!(matches!(exact(text), Err(ScorerError::Syntax(_))), "{text}");
        }
        assert!(matches!(exact(" \n"), Err(ScorerError::Nothing)));
    }

    #[test]
    fn the_bound_on_output_is_exact() {
        let object = r#"{"status":"valid","raw":1}"#;
        let pad = |length: usize| format!("{object}{}", " ".repeat(length - object.len()));
        assert!(exact(&pad(MAX_OUTPUT_BYTES)).is_ok());
        assert!(matches!(
            exact(&pad(MAX_OUTPUT_BYTES + 1)),
            Err(ScorerError::TooLong(_))
        ));
    }

    #[test]
    fn a_scale_that_normalises_nothing_gives_no_number() {
        let flat = Scale {
            start: Score::new(1.0).unwrap(),
            reference: Score::new(1.0).unwrap(),
        };
        let error = parse(br#"{"status":"valid","raw":1}"#, &flat, &Agreement::Exact).unwrap_err();
        assert!(matches!(error, ScorerError::Scale(_)));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes, &scale(), &Agreement::Exact).is_err());
        }

        #[test]
        fn whatever_is_read_is_finite_and_within_bounds(
            text in r#"\{"status":"(valid|invalid)"(,"(raw|samples|reason|x)":(-?[0-9]{1,3}(e[0-9]{1,3})?|null|"a"|\[[0-9,]{0,9}\]|NaN)){0,4}\}"#,
        ) {
            for rule in [Agreement::Exact, measured()] {
                if let Ok(Scoring { outcome: Outcome::Valid { raw, samples }, .. }) = parse(text.as_bytes(), &scale(), &rule) {
                    prop_assert!(raw.get().is_finite() && samples.median().is_finite());
                    prop_assert!(samples.count() <= MAX_SAMPLES);
                }
            }
        }
    }
}
