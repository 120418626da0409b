//! The records that parties sign, and the terms that they work under.

use quorate_coordinator::desk::{Keys, Publication};
use quorate_core::agreement::{Agreement, Level};
use quorate_core::digest::{AgentId, ArtifactId, AttemptId, BundleId, Digest};
use quorate_core::record::{
    AgentRef, BundleRecord, Campaign, Claim, Commitment, DeviceClass, Enrollment, Host, RescorePredicate,
    Reveal, SealedClaim, SealedRescore, Statement, Usage, Verification,
};
use quorate_core::score::{Outcome, Samples, Scale, Score};
use quorate_core::task::{Aggregate, Better, DeviceKind, Image, Limits, TaskSpec, Tier};
use quorate_core::text::{Note, Origin, Salt, Timestamp};
use quorate_core::{Envelope, Keypair, Record};

use crate::party::Party;

/// When every run begins.
pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);

/// Scores that differ by less count as the same.
pub(crate) const MARGIN: f64 = 0.15;

/// Seconds of an attempt's time budget, and of grace beyond it.
pub(crate) const BUDGET: u32 = 600;
pub(crate) const GRACE: u32 = 60;

/// A seal and what opens it.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) seal: Envelope,
    pub(crate) reveal: Envelope,
}

pub(crate) fn keys() -> Keys {
    Keys::new(Keypair::from_secret([77; 32]))
}

pub(crate) fn origin() -> Origin {
    "adversary.example/log".parse().unwrap()
}

fn host() -> Host {
    Host {
        device: DeviceClass("cpu".parse().unwrap()),
        processor: Note::lossy("simulated"),
        fingerprint: Note::lossy("none"),
    }
}

/// A task with measured scores, and a campaign that spares trusted operators.
pub(crate) fn publication(attempts: u32) -> Publication {
    let bundle = BundleId(Digest::of(b"bundle"));
    let limits = Limits {
        seconds: BUDGET,
        memory_mib: 64,
        processes: 8,
        millicpus: 1000,
        disk_mib: 8,
        open_files: 64,
        output_kib: 64,
    };
    let spec = TaskSpec {
        environment: "count".parse().unwrap(),
        tier: Tier::Smoke,
        version: "1".parse().unwrap(),
        summary: Note::lossy("counts"),
        canary: Note::lossy("canary"),
        image: Image::Host,
        device: DeviceKind::Cpu,
        artifact: vec![Note::lossy("answer")],
        attempt: limits,
        scoring: limits,
        scorer: vec![Note::lossy("score")],
        self_score: None,
        service: None,
        scale: Scale {
            start: score(0.0),
            reference: score(1.0),
        },
        better: Better::Higher,
        aggregate: Aggregate::Best,
        agreement: Agreement::Equivalence {
            margin: score(MARGIN),
            level: Level::FivePercent,
        },
    };
    Publication {
        bundles: vec![BundleRecord {
            bundle,
            spec,
            at: START,
        }],
        qualifications: Vec::new(),
        campaign: Campaign {
            name: "adversary".parse().unwrap(),
            bundles: vec![bundle],
            agents: vec![AgentRef {
                name: "agent".parse().unwrap(),
                id: AgentId(Digest::of(b"agent")),
            }],
            attempts,
            max_leases: attempts,
            grace_seconds: GRACE,
            verification: Verification {
                replicas: 2,
                escalation: 2,
                max_rescores: 6,
                seal_seconds: 300,
                reveal_seconds: 60,
                audit_percent: Some(Verification::LEAST_AUDIT),
            },
            at: START,
        },
    }
}

pub(crate) fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

/// An outcome with these samples.
pub(crate) fn outcome(samples: &[f64]) -> Outcome {
    let samples = Samples::new(samples.iter().map(|s| score(*s)).collect()).unwrap();
    Outcome::Valid {
        raw: score(samples.median()),
        samples,
    }
}

pub(crate) fn enrollment(party: &Party, at: Timestamp) -> Envelope {
    let record = Enrollment {
        origin: origin(),
        node: party.node.node_id(),
        operator: party.operator.public(),
        name: "volunteer".parse().unwrap(),
        host: host(),
        at,
    };
    let signed = Record::Enrollment(record).sign(&[&party.operator, &party.node]);
    signed.unwrap()
}

fn artifact(attempt: AttemptId) -> ArtifactId {
    ArtifactId(Digest::derive(
        "adversary bench artifact",
        &[attempt.0.as_bytes()],
    ))
}

fn salt(attempt: AttemptId, key: &Keypair) -> Salt {
    let parts: [&[u8]; 2] = [attempt.0.as_bytes(), &key.secret()[..]];
    Salt(*Digest::derive("adversary bench salt", &parts).as_bytes())
}

pub(crate) fn claim(party: &Party, attempt: AttemptId, outcome: Outcome, at: Timestamp) -> Sealed {
    let claim = Claim {
        attempt,
        outcome,
        salt: salt(attempt, &party.node),
    };
    let reveal = Record::Reveal(Reveal::Claim(claim)).sign(&[&party.node]).unwrap();
    let seal = Record::SealedClaim(SealedClaim {
        attempt,
        artifact: artifact(attempt),
        commitment: Commitment::to(&reveal),
        usage: Usage::default(),
        host: host(),
        at,
    });
    Sealed {
        seal: seal.sign(&[&party.node]).unwrap(),
        reveal,
    }
}

pub(crate) fn rescore(party: &Party, attempt: AttemptId, outcome: Outcome, at: Timestamp) -> Sealed {
    let predicate = RescorePredicate {
        outcome,
        salt: salt(attempt, &party.node),
        host: host(),
        at,
    };
    let statement = Statement {
        attempt,
        artifact: artifact(attempt),
        predicate,
    };
    let reveal = Record::Reveal(Reveal::Rescore(statement)).sign(&[&party.node]);
    let reveal = reveal.unwrap();
    let seal = Record::SealedRescore(SealedRescore {
        attempt,
        commitment: Commitment::to(&reveal),
        at,
    });
    Sealed {
        seal: seal.sign(&[&party.node]).unwrap(),
        reveal,
    }
}
