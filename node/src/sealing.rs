//! Making the records that a node signs: seals with their reveals, forfeits, enrollments.

use quorate_core::digest::{ArtifactId, AttemptId};
use quorate_core::duties::Part;
use quorate_core::record::{
    Claim, Commitment, Enrollment, Forfeit, ForfeitReason, Host, RecordError, RescorePredicate, Reveal,
    SealedClaim, SealedRescore, Statement, Usage,
};
use quorate_core::score::{Outcome, Samples, Scale, Score};
use quorate_core::text::{Name, Origin, Salt, Timestamp};
use quorate_core::{Envelope, Keypair, Record};

use crate::journal::Sealed;

/// Who signs, and on which machine.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// The node's key.
    pub(crate) node: Keypair,
    /// The operator's key.
    pub(crate) operator: Keypair,
    /// What the operator calls itself.
    pub(crate) name: Name,
    /// The machine.
    pub(crate) host: Host,
}

impl Signer {
    /// The enrollment of this node into the log of `origin`, with what lets a new operator in.
    pub(crate) fn enroll(
        &self,
        origin: Origin,
        invitation: Option<&Keypair>,
        at: Timestamp,
    ) -> Result<Envelope, RecordError> {
        let record = Enrollment {
            origin,
            node: self.node.node_id(),
            operator: self.operator.public(),
            name: self.name.clone(),
            host: self.host.clone(),
            at,
        };
        let mut keys = vec![&self.operator, &self.node];
        keys.extend(invitation);
        Record::Enrollment(record).sign(&keys)
    }

    /// The sealed claim of an attempt.
    pub(crate) fn claim(
        &self,
        attempt: AttemptId,
        artifact: ArtifactId,
        outcome: Outcome,
        usage: Usage,
        at: Timestamp,
    ) -> Result<Sealed, RecordError> {
        let reveal = Record::Reveal(Reveal::Claim(Claim {
            attempt,
            outcome,
            salt: salt(),
        }))
        .sign(&[&self.node])?;
        let commitment = Commitment::to(&reveal);
        let host = self.host.clone();
        let seal = Record::SealedClaim(SealedClaim {
            attempt,
            artifact,
            commitment,
            usage,
            host,
            at,
        });
        Ok(sealed(
            attempt,
            Part::Executor,
            &seal.sign(&[&self.node])?,
            &reveal,
        ))
    }

    /// The sealed rescore of an attempt.
    pub(crate) fn rescore(
        &self,
        attempt: AttemptId,
        artifact: ArtifactId,
        outcome: Outcome,
        at: Timestamp,
    ) -> Result<Sealed, RecordError> {
        let predicate = RescorePredicate {
            outcome,
            salt: salt(),
            host: self.host.clone(),
            at,
        };
        let statement = Statement {
            attempt,
            artifact,
            predicate,
        };
        let reveal = Record::Reveal(Reveal::Rescore(statement)).sign(&[&self.node])?;
        let commitment = Commitment::to(&reveal);
        let seal = Record::SealedRescore(SealedRescore {
            attempt,
            commitment,
            at,
        })
        .sign(&[&self.node])?;
        Ok(sealed(attempt, Part::Verifier, &seal, &reveal))
    }

    /// The end of an attempt without a result.
    pub(crate) fn forfeit(
        &self,
        attempt: AttemptId,
        reason: ForfeitReason,
        at: Timestamp,
    ) -> Result<Envelope, RecordError> {
        Record::Forfeit(Forfeit { attempt, reason, at }).sign(&[&self.node])
    }
}

/// The outcome moved by `by` in normalised units: what a dishonest node says. Only test switches use it.
pub(crate) fn shifted(outcome: Outcome, by: f64, scale: &Scale) -> Outcome {
    let Outcome::Valid { raw, samples } = &outcome else {
        return outcome;
    };
    let moved: Option<Vec<Score>> = samples
        .values()
        .iter()
        .map(|sample| Score::new(sample.get() + by).ok())
        .collect();
    let moved_raw = Score::new(raw.get() + by * (scale.reference.get() - scale.start.get()));
    match (moved_raw, moved.and_then(|moved| Samples::new(moved).ok())) {
        (Ok(raw), Some(samples)) => Outcome::Valid { raw, samples },
        _ => outcome,
    }
}

fn salt() -> Salt {
    Salt(rand::random())
}

fn sealed(attempt: AttemptId, part: Part, seal: &Envelope, reveal: &Envelope) -> Sealed {
    let text = |envelope: &Envelope| String::from_utf8_lossy(envelope.bytes()).into_owned();
    Sealed {
        attempt,
        part,
        seal: text(seal),
        reveal: text(reveal),
    }
}
