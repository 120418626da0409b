//! A rescore as an in-toto Statement, version 1.
//!
//! Subject is the artifact by its BLAKE3 digest, named after the attempt. The predicate says what
//! the verifier measured and carries the salt of its seal.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Host;
use crate::digest::{ArtifactId, AttemptId, Digest};
use crate::score::Outcome;
use crate::text::{Salt, Timestamp};

/// The statement type of in-toto's specification.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Our predicate type: a name, not a page.
const PREDICATE_TYPE: &str = "https://quorate.org/rescore/v1";

/// A Statement that is no rescore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the in-toto statement is no rescore: {0}")]
pub struct StatementError(&'static str);

/// What a verifier measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescorePredicate {
    /// What the scoring came to.
    pub outcome: Outcome,
    /// The salt of the seal.
    pub salt: Salt,
    /// The verifier's machine.
    pub host: Host,
    /// When the scoring ended.
    pub at: Timestamp,
}

/// A rescore: exactly one subject, our predicate type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Statement {
    /// The attempt that was re-scored.
    pub attempt: AttemptId,
    /// The artifact that was scored.
    pub artifact: ArtifactId,
    /// What came of it.
    pub predicate: RescorePredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: RescorePredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    blake3: Digest,
}

impl TryFrom<Wire> for Statement {
    type Error = StatementError;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        if wire.kind != STATEMENT_TYPE {
            return Err(StatementError("unknown statement type"));
        }
        if wire.predicate_type != PREDICATE_TYPE {
            return Err(StatementError("unknown predicate type"));
        }
        let [subject] = <[Subject; 1]>::try_from(wire.subject)
            .map_err(|_| StatementError("it must have exactly one subject"))?;
        let attempt = subject
            .name
            .strip_prefix("attempt:")
            .and_then(|id| id.parse().ok())
            .ok_or(StatementError(
                "its subject must be named `attempt:` and an attempt's id",
            ))?;
        Ok(Self {
            attempt,
            artifact: ArtifactId(subject.digest.blake3),
            predicate: wire.predicate,
        })
    }
}

impl From<Statement> for Wire {
    fn from(statement: Statement) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: format!("attempt:{}", statement.attempt),
                digest: SubjectDigest {
                    blake3: statement.artifact.0,
                },
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: statement.predicate,
        }
    }
}
