//! An executor that seals a claim on an artifact which it gives to nobody.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::SystemTime;

use quorate_core::digest::ArtifactId;
use quorate_core::record::{Claim, Commitment, DeviceClass, Enrollment, Host, Reveal, SealedClaim, Usage};
use quorate_core::score::{Outcome, Samples, Score};
use quorate_core::text::{Note, Salt, Timestamp};
use quorate_core::wire::{Request, Response, WorkRequest};
use quorate_core::{Digest, Keypair, Record};
use quorate_tests::wire::Stranger;
use quorate_tests::{Campaign, World};

#[test]
fn an_artifact_that_nobody_can_fetch_ends_its_attempt() {
    let mut world = World::with_nodes(3);
    let liar = Stranger::join(&world.address);
    let operator = Keypair::generate(&mut rand::rng());
    let host = Host {
        device: DeviceClass("cpu".parse().unwrap()),
        processor: Note::lossy("x"),
        fingerprint: Note::lossy("x"),
    };
    let ledger = world.ledger();
    let enrollment = Record::Enrollment(Enrollment {
        origin: ledger.history.coordinator().origin.clone(),
        node: liar.key.node_id(),
        operator: operator.public(),
        name: "liar".parse().unwrap(),
        host: host.clone(),
        at: now(),
    });
    submit(&liar, &enrollment, &[&operator, &liar.key]);
    world.publish(&Campaign {
        agents: vec![0.2],
        attempts: 2,
        seal: 4,
        reveal: 4,
        ..Campaign::default()
    });
    let Response::Leased { attempt } = liar.ask(&Request::Work(WorkRequest { gpu: false })) else {
        panic!("no lease: the honest nodes were quicker");
    };
    let (raw, sample) = (Score::new(100.0).unwrap(), Score::new(1.0).unwrap());
    let outcome = Outcome::Valid {
        raw,
        samples: Samples::new(vec![sample]).unwrap(),
    };
    let salt = Salt(rand::random());
    let reveal = Record::Reveal(Reveal::Claim(Claim {
        attempt,
        outcome,
        salt,
    }))
    .sign(&[&liar.key])
    .unwrap();
    let claim = Record::SealedClaim(SealedClaim {
        attempt,
        artifact: ArtifactId(Digest::from_bytes(rand::random())),
        commitment: Commitment::to(&reveal),
        usage: Usage::default(),
        host,
        at: now(),
    });
    submit(&liar, &claim, &[&liar.key]);
    let over = world.until_over();
    over.assert_each_attempt_ended_once();
}

fn submit(liar: &Stranger, record: &Record, keys: &[&Keypair]) {
    let envelope = record.sign(keys).unwrap().bytes().to_vec();
    let answer = liar.ask(&Request::Submit { envelope });
    assert!(matches!(answer, Response::Appended { .. }), "{answer:?}");
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}
