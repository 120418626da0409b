//! What the test worlds are made of: members, terms, a task, outcomes.

use quorate_core::agreement::{Agreement, Level};
use quorate_core::digest::{ArtifactId, AttemptId, BundleId, Digest};
use quorate_core::record::{
    Coordinator, DeviceClass, EnrollmentPolicy, Host, Qualification, QualifyingRun, REFERENCE_SCORINGS, Role,
    Scored, Verification,
};
use quorate_core::score::{Outcome, Samples, Scale, Score};
use quorate_core::task::{Aggregate, Better, DeviceKind, Image, Limits, TaskSpec, Tier};
use quorate_core::text::{Name, Note, Origin, Salt, Timestamp};
use quorate_core::vrf::VrfSecret;
use quorate_core::{Keypair, PublicKey};

/// When every test log begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

/// The score that every honest party measures.
pub(crate) const TRUTH: f64 = 0.75;

/// Seconds of an attempt's time budget.
pub(crate) const BUDGET: u32 = 60;

/// Seconds of grace beyond it.
pub(crate) const GRACE: u32 = 10;

/// A node and who answers for it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) node: Keypair,
    pub(crate) operator: Keypair,
}

/// The `n`th member; all have different operators.
pub(crate) fn member(n: u8) -> Member {
    Member {
        node: Keypair::from_secret([n; 32]),
        operator: Keypair::from_secret([n + 100; 32]),
    }
}

/// What the tests vary of a campaign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) attempts: u32,
    pub(crate) max_leases: u32,
    pub(crate) verification: Verification,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            attempts: 3,
            max_leases: 4,
            verification: Verification {
                replicas: 2,
                escalation: 2,
                max_rescores: 5,
                seal_seconds: 100,
                reveal_seconds: 20,
                audit_percent: None,
            },
        }
    }
}

pub(crate) fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A valid outcome with quiet samples around `center`.
pub(crate) fn valid(center: f64) -> Outcome {
    let samples = [-0.01, 0.0, 0.01, 0.0].map(|d| score(center + d)).to_vec();
    Outcome::Valid {
        raw: score(center * 2.0),
        samples: Samples::new(samples).unwrap(),
    }
}

pub(crate) fn invalid() -> Outcome {
    Outcome::Invalid {
        reason: Note::lossy("wrong output"),
    }
}

pub(crate) fn host() -> Host {
    Host {
        device: DeviceClass(name("cpu")),
        processor: Note::lossy("Example processor"),
        fingerprint: Note::lossy("debian 13"),
    }
}

pub(crate) fn genesis(key: &Keypair) -> Coordinator {
    Coordinator {
        origin: Origin::new("test.example/quorate").unwrap(),
        key: key.public(),
        vrf_key: VrfSecret::from_seed([251; 32]).public(),
        enrollment: EnrollmentPolicy::Open,
        witness_quorum: 0,
        at: BEGIN,
    }
}

pub(crate) fn task() -> TaskSpec {
    let limits = Limits {
        seconds: BUDGET,
        memory_mib: 512,
        processes: 64,
        millicpus: 2000,
        disk_mib: 256,
        open_files: 256,
        output_kib: 64,
    };
    TaskSpec {
        environment: name("optimize-kernel"),
        tier: Tier::Smoke,
        version: name("1"),
        summary: Note::lossy("Make the prefix sum fast."),
        canary: Note::lossy("canary 7d0d8a0e"),
        image: Image::Host,
        device: DeviceKind::Cpu,
        artifact: vec![Note::lossy("solution.py")],
        attempt: limits,
        scoring: limits,
        scorer: ["python3", "score.py", "{seed}"].map(Note::lossy).to_vec(),
        self_score: None,
        service: None,
        scale: Scale {
            start: score(0.0),
            reference: score(2.0),
        },
        better: Better::Higher,
        aggregate: Aggregate::Best,
        agreement: Agreement::Equivalence {
            margin: score(0.15),
            level: Level::FivePercent,
        },
    }
}

/// Runs that show a scorer that holds.
pub(crate) fn qualification(bundle: BundleId) -> Qualification {
    let run = |role, normalized: Option<f64>, count| QualifyingRun {
        role,
        name: name("any"),
        scorings: vec![
            normalized.map_or(
                Scored::Invalid {
                    reason: Note::lossy("made up"),
                },
                |normalized| Scored::Valid {
                    raw: score(normalized),
                    normalized: score(normalized),
                },
            );
            count
        ],
        attempt_seconds: score(1.0),
        scoring_seconds: score(1.0),
    };
    Qualification {
        bundle,
        runs: vec![
            run(Role::Null, None, 1),
            run(Role::Start, Some(0.0), 1),
            run(Role::Reference, Some(1.0), REFERENCE_SCORINGS),
            run(Role::Exploit, None, 1),
        ],
        host: host(),
        at: BEGIN,
    }
}

pub(crate) fn artifact(id: AttemptId) -> ArtifactId {
    ArtifactId(Digest::derive("test artifact", &[id.0.as_bytes()]))
}

/// A salt that only `key`'s holder uses for this attempt.
pub(crate) fn salt(id: AttemptId, key: PublicKey) -> Salt {
    Salt(*Digest::derive("test salt", &[id.0.as_bytes(), key.as_bytes()]).as_bytes())
}
