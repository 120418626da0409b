//! The desk's promises: one lease a node, late ones expired first, resubmission harmless.

use proptest::prelude::*;
use quorate_core::agreement::{Agreement, Level};
use quorate_core::digest::{AgentId, ArtifactId, BundleId};
use quorate_core::record::{
    AgentRef, Claim, Commitment, DeviceClass, Enrollment, Host, RescorePredicate, SealedClaim, SealedRescore,
    Statement, Usage, Verification,
};
use quorate_core::score::{Outcome, Samples, Scale, Score};
use quorate_core::task::{Aggregate, Better, Image, Limits, TaskSpec, Tier};
use quorate_core::text::{Note, Salt};

use super::*;

pub(crate) const START: Timestamp = Timestamp(1_000_000);

pub(crate) fn keys() -> Keys {
    Keys::new(Keypair::from_secret([1; 32]))
}

pub(crate) fn origin() -> Origin {
    "test/log".parse().unwrap()
}

fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

fn note(text: &str) -> Note {
    Note::lossy(text)
}

fn spec() -> TaskSpec {
    let limits = Limits {
        seconds: 10,
        memory_mib: 64,
        processes: 8,
        millicpus: 1000,
        disk_mib: 8,
        open_files: 64,
        output_kib: 64,
    };
    TaskSpec {
        environment: "count".parse().unwrap(),
        tier: Tier::Smoke,
        version: "1".parse().unwrap(),
        summary: note("counts"),
        canary: note("canary"),
        image: Image::Host,
        device: DeviceKind::Cpu,
        artifact: vec![note("answer")],
        attempt: limits,
        scoring: limits,
        scorer: vec![note("score")],
        self_score: None,
        service: None,
        scale: Scale {
            start: score(0.0),
            reference: score(1.0),
        },
        better: Better::Higher,
        aggregate: Aggregate::Best,
        agreement: Agreement::Equivalence {
            margin: score(0.1),
            level: Level::FivePercent,
        },
    }
}

pub(crate) fn publication(at: Timestamp) -> Publication {
    let bundle = BundleId(Digest::of(b"bundle"));
    Publication {
        qualifications: Vec::new(),
        bundles: vec![BundleRecord {
            bundle,
            spec: spec(),
            at,
        }],
        campaign: Campaign {
            name: "test".parse().unwrap(),
            bundles: vec![bundle],
            agents: vec![AgentRef {
                name: "agent".parse().unwrap(),
                id: AgentId(Digest::of(b"agent")),
            }],
            attempts: 2,
            max_leases: 4,
            grace_seconds: 5,
            verification: Verification {
                replicas: 2,
                escalation: 1,
                max_rescores: 3,
                seal_seconds: 20,
                reveal_seconds: 10,
                audit_percent: None,
            },
            at,
        },
    }
}

pub(crate) fn node(n: u8) -> Keypair {
    Keypair::from_secret([100 + n; 32])
}

fn host() -> Host {
    Host {
        device: DeviceClass("cpu".parse().unwrap()),
        processor: note("processor"),
        fingerprint: note("fingerprint"),
    }
}

pub(crate) fn enrollment(n: u8, at: Timestamp) -> Vec<u8> {
    let operator = Keypair::from_secret([200 + n; 32]);
    let record = Enrollment {
        origin: origin(),
        node: node(n).node_id(),
        operator: operator.public(),
        name: format!("operator-{n}").parse().unwrap(),
        host: host(),
        at,
    };
    Record::Enrollment(record)
        .sign(&[&operator, &node(n)])
        .unwrap()
        .bytes()
        .to_vec()
}

/// A desk with three enrolled nodes and a campaign.
fn desk() -> Desk {
    let genesis = keys().genesis(origin(), START).unwrap();
    let mut desk = Desk::new(History::begin(&genesis).unwrap(), keys()).unwrap();
    for n in 1..=3 {
        desk.submit(&enrollment(n, START), START).unwrap();
    }
    desk.publish(publication(START)).unwrap();
    desk
}

/// What the log of a new desk comes to, if everything that it made so far is in it.
fn replayed(desk: &mut Desk) -> History {
    let genesis = keys().genesis(origin(), START).unwrap();
    let made = desk.take_unlogged();
    let log = std::iter::once(&genesis).chain(&made).map(Envelope::bytes);
    History::replay(log).unwrap().unwrap()
}

fn ask(desk: &mut Desk, n: u8, now: Timestamp) -> Option<AttemptId> {
    desk.work(node(n).node_id(), &WorkRequest { gpu: false }, now)
        .unwrap()
}

fn outcome(value: f64) -> Outcome {
    let samples = [-0.01, 0.0, 0.01].map(|d| score(value + d)).to_vec();
    Outcome::Valid {
        raw: score(value),
        samples: Samples::new(samples).unwrap(),
    }
}

/// A seal and the reveal that opens it.
fn claim(n: u8, attempt: AttemptId, value: f64, at: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let reveal = Record::Reveal(Reveal::Claim(Claim {
        attempt,
        outcome: outcome(value),
        salt: Salt([n; 32]),
    }));
    let reveal = reveal.sign(&[&node(n)]).unwrap();
    let seal = Record::SealedClaim(SealedClaim {
        attempt,
        artifact: ArtifactId(Digest::of(b"artifact")),
        commitment: Commitment::to(&reveal),
        usage: Usage::default(),
        host: host(),
        at,
    });
    (
        seal.sign(&[&node(n)]).unwrap().bytes().to_vec(),
        reveal.bytes().to_vec(),
    )
}

fn rescore(n: u8, attempt: AttemptId, value: f64, at: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let predicate = RescorePredicate {
        outcome: outcome(value),
        salt: Salt([n; 32]),
        host: host(),
        at,
    };
    let statement = Statement {
        attempt,
        artifact: ArtifactId(Digest::of(b"artifact")),
        predicate,
    };
    let reveal = Record::Reveal(Reveal::Rescore(statement))
        .sign(&[&node(n)])
        .unwrap();
    let seal = Record::SealedRescore(SealedRescore {
        attempt,
        commitment: Commitment::to(&reveal),
        at,
    });
    (
        seal.sign(&[&node(n)]).unwrap().bytes().to_vec(),
        reveal.bytes().to_vec(),
    )
}

#[test]
fn an_attempt_goes_from_lease_to_verdict_without_another_word_from_the_coordinator() {
    let mut desk = desk();
    let attempt = ask(&mut desk, 1, START).unwrap();
    let (seal, reveal) = claim(1, attempt, 0.5, START);
    desk.submit(&seal, START).unwrap();
    let rescores = [rescore(2, attempt, 0.5, START), rescore(3, attempt, 0.51, START)];
    for (seal, _) in &rescores {
        desk.submit(seal, START).unwrap();
    }
    for (_, reveal) in &rescores {
        desk.submit(reveal, START).unwrap();
    }
    desk.take_unlogged();
    desk.submit(&reveal, START).unwrap();
    let kinds: Vec<_> = desk
        .take_unlogged()
        .iter()
        .map(|e| Record::read(e).unwrap().kind())
        .collect();
    assert_eq!(kinds, ["reveal", "verdict"]);
    let verdict = desk.history().attempts()[&attempt].verdict().unwrap();
    assert_eq!(verdict.decision.name(), "accepted");
    assert!(desk.active.is_empty());
}

#[test]
fn a_node_that_asks_again_gets_the_lease_it_holds() {
    let mut desk = desk();
    let first = ask(&mut desk, 1, START);
    assert!(first.is_some());
    assert_eq!(ask(&mut desk, 1, START), first);
    assert_ne!(ask(&mut desk, 2, START), first);
    assert_eq!(
        ask(&mut desk, 3, START),
        None,
        "the campaign asks for two attempts"
    );
}

#[test]
fn a_lease_that_ran_out_is_a_forfeit_and_its_holder_rests() {
    let mut desk = desk();
    let first = ask(&mut desk, 1, START).unwrap();
    let deadline = START.after(Duration::from_secs(15));
    assert_eq!(ask(&mut desk, 1, deadline.after(Duration::from_secs(1))), None);
    assert!(matches!(
        desk.history().attempts()[&first].phase,
        Phase::Forfeited(_)
    ));

    let second = ask(&mut desk, 1, deadline.after(REST)).unwrap();
    assert_ne!(first, second);
    let deadline = desk.history().attempts()[&second].lease.deadline;
    assert_eq!(
        ask(&mut desk, 1, deadline.after(REST)),
        None,
        "longer with each lapse"
    );
    assert!(
        ask(&mut desk, 2, deadline.after(REST)).is_some(),
        "others get the slot"
    );
    assert!(ask(&mut desk, 1, deadline.after(REST * 2)).is_some());
}

#[test]
fn a_late_node_cannot_backdate_its_seal() {
    let mut desk = desk();
    let attempt = ask(&mut desk, 1, START).unwrap();
    let (seal, _) = claim(1, attempt, 0.5, START);
    let refused = desk.submit(&seal, START.after(Duration::from_secs(16)));
    assert!(matches!(refused, Err(DeskError::Rule(_))));
}

#[test]
fn records_dated_in_the_future_are_refused() {
    let mut desk = desk();
    let refused = desk.submit(&enrollment(4, START.after(Duration::from_secs(120))), START);
    assert!(matches!(refused, Err(DeskError::Future { .. })));
}

#[test]
fn what_is_in_the_log_may_be_submitted_again() {
    let mut desk = desk();
    let size = desk.history().size();
    desk.take_unlogged();
    desk.submit(&enrollment(1, START), START).unwrap();
    assert!(desk.take_unlogged().is_empty());
    assert_eq!(desk.history().size(), size);
}

#[test]
fn strangers_get_no_work_and_write_no_coordinator_records() {
    let mut desk = desk();
    let asked = desk.work(node(9).node_id(), &WorkRequest { gpu: false }, START);
    assert!(matches!(asked, Err(DeskError::NotEnrolled { .. })));
    let bundle = publication(START).bundles.remove(0);
    let forged = Record::Bundle(bundle).sign(&[&node(1)]).unwrap();
    assert!(matches!(
        desk.submit(forged.bytes(), START),
        Err(DeskError::NotYours { kind: "bundle" })
    ));
}

#[test]
fn a_desk_rebuilt_from_its_log_goes_on() {
    let mut desk = desk();
    let held = ask(&mut desk, 1, START);
    let history = replayed(&mut desk);
    let mut rebuilt = Desk::new(history, keys()).unwrap();
    assert_eq!(ask(&mut rebuilt, 1, START), held);
    let other = Keys::new(Keypair::from_secret([9; 32]));
    assert!(matches!(
        Desk::new(rebuilt.history().clone(), other),
        Err(DeskError::ForeignLog { .. })
    ));
}

#[test]
fn what_became_due_is_logged_although_the_record_that_came_too_late_is_refused() {
    let mut desk = desk();
    let attempt = ask(&mut desk, 1, START).unwrap();
    desk.submit(&claim(1, attempt, 0.5, START).0, START).unwrap();
    let late = START.after(Duration::from_secs(21));
    let refused = desk.submit(&rescore(2, attempt, 0.5, START).0, late);
    assert!(matches!(refused, Err(DeskError::Rule(_))));
    assert!(
        desk.history().nodes()[&node(2).node_id()].dormant,
        "it was passed over"
    );
    assert_eq!(&replayed(&mut desk), &desk.history);
}

/// What nodes may do, sensible or not, at moments of their choice.
#[derive(Debug, Clone, Copy)]
enum Move {
    Enroll,
    Ask,
    SealClaim,
    OpenClaim,
    SealRescore,
    OpenRescore,
    Tick,
}

fn make(desk: &mut Desk, n: u8, play: Move, now: Timestamp) {
    let attempts = desk.history().attempts();
    let attempt = attempts
        .keys()
        .nth(usize::from(n) % attempts.len().max(1))
        .copied();
    let attempt = attempt.unwrap_or(AttemptId(Digest::of(b"none")));
    let submitted = match play {
        Move::Enroll => enrollment(n, now),
        Move::SealClaim => claim(n, attempt, 0.5, START).0,
        Move::OpenClaim => claim(n, attempt, 0.5, START).1,
        Move::SealRescore => rescore(n, attempt, 0.5, START).0,
        Move::OpenRescore => rescore(n, attempt, 0.5, START).1,
        Move::Ask => {
            let _ = desk.work(node(n).node_id(), &WorkRequest { gpu: false }, now);
            return;
        }
        Move::Tick => return desk.tick(now).unwrap(),
    };
    let _ = desk.submit(&submitted, now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_comes_to_what_the_desk_believes(
        moves in prop::collection::vec((1..=4_u8, 0..7_usize, 0..9_u64), 1..80)
    ) {
        use Move::{Ask, Enroll, OpenClaim, OpenRescore, SealClaim, SealRescore, Tick};
        let mut desk = desk();
        let mut now = START;
        for (n, play, pause) in moves {
            let play = [Enroll, Ask, SealClaim, OpenClaim, SealRescore, OpenRescore, Tick][play];
            now = now.after(Duration::from_secs(pause));
            make(&mut desk, n, play, now);
        }
        prop_assert_eq!(&replayed(&mut desk), &desk.history);
    }
}
