//! Seals, reveals and verdict: every rule broken once.

use quorate_core::Record;
use quorate_core::digest::{ArtifactId, AttemptId, Digest};
use quorate_core::history::Step;
use quorate_core::record::{ClaimCheck, Decision, SealedRescore, Verdict};
use quorate_core::text::Timestamp;

use super::{broken, node, only_the_coordinator_signs, stranger, world, wrong_signer};
use crate::fixtures::{BEGIN, TRUTH, artifact, member, valid};
use crate::world::{Sealed, World};

const DRAWN: &str = "a verifier drawn for the attempt";
pub(super) const NOT_VERIFYING: &str = "its attempt is not being verified";

/// An attempt by node 1 that is claimed, before anybody is drawn.
pub(super) fn claimed(members: u8) -> (World, AttemptId) {
    let mut world = world(members);
    let id = world.grant(node(1));
    world.must(&world.claim(id, valid(TRUTH)).seal);
    (world, id)
}

/// The same with verifiers drawn, and what opens the claim.
pub(super) fn assigned(members: u8) -> (World, AttemptId, Sealed) {
    let mut world = world(members);
    let (id, claim) = world.handed_in(node(1), valid(TRUTH));
    (world, id, claim)
}

/// The same with everything sealed.
fn sealed(members: u8) -> (World, AttemptId, Sealed, Vec<Sealed>) {
    let (mut world, id, claim) = assigned(members);
    let rescores = world.seal_all(id, |_| valid(TRUTH));
    (world, id, claim, rescores)
}

#[test]
fn only_the_drawn_seal() {
    let (mut world, id, _) = assigned(6);
    let drawn = world.waiting(id);
    let undrawn = (2..=6).map(node).find(|n| !drawn.contains(n)).unwrap();
    for outsider in [undrawn, node(1)] {
        let seal = world.rescore(id, outsider, valid(TRUTH)).seal;
        assert_eq!(world.refuse(&seal), wrong_signer("sealed-rescore", DRAWN));
    }
    let good = world.rescore(id, drawn[0], valid(TRUTH)).seal;
    let record = Record::read(&good).unwrap();
    let two = record.sign(&[world.key(drawn[0]), &stranger()]).unwrap();
    assert_eq!(world.refuse(&two), wrong_signer("sealed-rescore", "one verifier"));
    world.must(&good);
}

#[test]
fn a_verifier_seals_once_and_in_time() {
    let (mut world, id, _) = assigned(4);
    let verifier = world.waiting(id)[0];
    let seal_by = world.proceedings(id).assigned[0].seal_by;
    let begin = world.now;
    world.now = Timestamp(seal_by.0 + 1);
    let late = world.rescore(id, verifier, valid(TRUTH)).seal;
    assert_eq!(
        world.refuse(&late),
        broken("sealed-rescore", "it was sealed too late")
    );
    world.now = seal_by;
    world.must(&world.rescore(id, verifier, valid(TRUTH)).seal);
    world.now = begin;
    let second = world.rescore(id, verifier, valid(1.0)).seal;
    assert_eq!(
        world.refuse(&second),
        broken("sealed-rescore", "a verifier seals once")
    );
}

#[test]
fn a_copied_seal_is_refused() {
    let (mut world, id, _) = assigned(4);
    let [honest, lazy] = world.waiting(id)[..] else {
        panic!("two are drawn");
    };
    let own = world.rescore(id, honest, valid(TRUTH)).seal;
    world.must(&own);
    let Ok(Record::SealedRescore(record)) = Record::read(&own) else {
        panic!("a sealed rescore");
    };
    let copy = Record::SealedRescore(record).sign(&[world.key(lazy)]).unwrap();
    let expected = broken("sealed-rescore", "no two seals of an attempt are the same");
    assert_eq!(world.refuse(&copy), expected);
}

#[test]
fn a_copied_reveal_is_refused() {
    let (mut world, id, _, rescores) = sealed(4);
    let lazy = Record::read(&rescores[0].reveal).unwrap();
    let copier = world.proceedings(id).assigned[1].node;
    let copy = lazy.sign(&[world.key(copier)]).unwrap();
    world.must(&rescores[0].reveal);
    assert_eq!(
        world.refuse(&copy),
        broken("reveal", "it does not open its signer's seal")
    );
}

#[test]
fn nothing_is_opened_before_every_seal_is_in() {
    let (mut world, id, claim) = assigned(4);
    let expected = broken("reveal", "a seal is opened only when every seal is in");
    assert_eq!(world.refuse(&claim.reveal), expected);
    let verifiers = world.waiting(id);
    let first = world.rescore(id, verifiers[0], valid(TRUTH));
    assert_eq!(world.refuse(&first.reveal), expected, "not sealed at all");
    world.must(&first.seal);
    assert_eq!(world.refuse(&first.reveal), expected);
    assert_eq!(world.refuse(&claim.reveal), expected);
    world.must(&world.rescore(id, verifiers[1], valid(TRUTH)).seal);
    world.must(&first.reveal);
    world.must(&claim.reveal);
}

#[test]
fn a_reveal_opens_its_own_seal_about_this_artifact() {
    let (mut world, id, _, rescores) = sealed(4);
    let verifier = world.proceedings(id).assigned[0].node;
    let other = world.rescore(id, verifier, valid(2.0)).reveal;
    let expected = broken("reveal", "it does not open its signer's seal");
    assert_eq!(world.refuse(&other), expected);
    let key = world.key(verifier).clone();
    let elsewhere = ArtifactId(Digest::of(b"another"));
    assert_ne!(elsewhere, artifact(id));
    let elsewhere = world.rescore_of(id, elsewhere, &key, valid(TRUTH)).reveal;
    assert_eq!(
        world.refuse(&elsewhere),
        broken("reveal", "it is about another artifact")
    );
    let outsider = world
        .rescore_of(id, artifact(id), &stranger(), valid(TRUTH))
        .reveal;
    assert_eq!(world.refuse(&outsider), wrong_signer("reveal", DRAWN));
    world.must(&rescores[0].reveal);
    let record = Record::read(&rescores[0].reveal).unwrap();
    let twice = record.sign(&[&key, &stranger()]).unwrap();
    assert_eq!(world.refuse(&twice), wrong_signer("reveal", "one verifier"));
    let again = world.rescore(id, verifier, valid(3.0)).reveal;
    assert_eq!(
        world.refuse(&again),
        broken("reveal", "its signer has no seal to open")
    );
}

#[test]
fn the_claim_is_opened_once_by_its_executor() {
    let (mut world, id, claim, _) = sealed(4);
    let better = world.claim(id, valid(2.0)).reveal;
    let expected = broken("reveal", "it does not open the claim's seal");
    assert_eq!(world.refuse(&better), expected);
    let record = Record::read(&claim.reveal).unwrap();
    let foreign = record.sign(&[&member(2).node]).unwrap();
    assert_eq!(
        world.refuse(&foreign),
        wrong_signer("reveal", "the node that holds the lease")
    );
    world.must(&claim.reveal);
    let again = world.claim(id, valid(1.9)).reveal;
    assert_eq!(world.refuse(&again), broken("reveal", "a seal is opened once"));
}

/// The verdict that is due once `open` says who opened.
fn concluding() -> (World, AttemptId, Verdict) {
    let (mut world, id, claim, rescores) = sealed(4);
    world.must(&claim.reveal);
    for rescore in rescores {
        world.must(&rescore.reveal);
    }
    let Step::Conclude(verdict) = world.step(id) else {
        panic!("a verdict is due");
    };
    (world, id, verdict)
}

#[test]
fn a_verdict_is_the_coordinators_and_there_is_one() {
    let (mut world, _, verdict) = concluding();
    only_the_coordinator_signs(&mut world, &Record::Verdict(verdict.clone()));
    world.must(&world.sign(Record::Verdict(verdict.clone())));
    let mut second = verdict;
    second.at.0 += 1;
    let second = world.sign(Record::Verdict(second));
    assert_eq!(world.refuse(&second), broken("verdict", NOT_VERIFYING));
}

#[test]
fn a_decided_attempt_takes_nothing_more() {
    let (mut world, id, verdict) = concluding();
    world.must(&world.sign(Record::Verdict(verdict)));
    let verifier = world.proceedings(id).assigned[0].node;
    let late = world.rescore(id, verifier, valid(3.0));
    assert_eq!(world.refuse(&late.seal), broken("sealed-rescore", NOT_VERIFYING));
    assert_eq!(world.refuse(&late.reveal), broken("reveal", NOT_VERIFYING));
    assert_eq!(world.step(id), Step::Wait);
}

#[test]
fn a_verdict_waits_for_every_reveal() {
    let (mut world, id, claim, rescores) = sealed(4);
    let (_, _, verdict) = concluding();
    let verdict = Verdict {
        attempt: id,
        ..verdict
    };
    let record = world.sign(Record::Verdict(verdict));
    let unrevealed = broken("verdict", "a verifier has not revealed");
    assert_eq!(world.refuse(&record), unrevealed);
    world.must(&rescores[0].reveal);
    assert_eq!(world.refuse(&record), unrevealed);
    world.must(&rescores[1].reveal);
    let unopened = broken("verdict", "the executor may still open its claim");
    assert_eq!(world.refuse(&record), unopened);
    world.must(&claim.reveal);
    world.must(&record);
}

#[test]
fn no_verdict_comes_before_the_draw_or_before_an_escalation() {
    let (mut world, id) = claimed(6);
    let (_, _, verdict) = concluding();
    let verdict = Verdict {
        attempt: id,
        ..verdict
    };
    let early = world.sign(Record::Verdict(verdict.clone()));
    let may_claim = broken("verdict", "the executor may still open its claim");
    assert_eq!(
        world.refuse(&early),
        may_claim,
        "nobody is drawn, so nothing is opened"
    );

    let (mut world, id, claim) = assigned(6);
    let liar = world.waiting(id)[0];
    let rescores = world.seal_all(id, |n| valid(if n == liar { 2.0 } else { TRUTH }));
    world.must(&claim.reveal);
    for rescore in &rescores {
        world.must(&rescore.reveal);
    }
    let early = world.sign(Record::Verdict(Verdict {
        attempt: id,
        ..verdict
    }));
    let expected = broken("verdict", "more verifiers are to be drawn first");
    assert_eq!(world.refuse(&early), expected);
}

#[test]
fn a_verdict_says_what_the_rescores_come_to() {
    let (mut world, _, good) = concluding();
    let expected = broken("verdict", "it is not what the rescores come to");
    let changes: [fn(&mut Verdict); 7] = [
        |v| v.decision = Decision::Rejected,
        |v| v.decision = Decision::Inconclusive,
        |v| v.claim = ClaimCheck::Overclaimed,
        |v| v.agreeing.clear(),
        |v| v.agreeing.reverse(),
        |v| v.outliers.push(node(3)),
        |v| {
            if let Decision::Accepted { score } = &mut v.decision {
                score.normalized = crate::fixtures::score(0.76);
            }
        },
    ];
    for change in changes {
        let mut verdict = good.clone();
        change(&mut verdict);
        assert_eq!(world.refuse(&world.sign(Record::Verdict(verdict))), expected);
    }
    world.must(&world.sign(Record::Verdict(good)));
}

#[test]
fn an_unknown_attempt_is_unknown_to_every_kind() {
    let (mut world, id, claim, rescores) = sealed(4);
    let missing = AttemptId(Digest::of(b"missing"));
    let unknown = |kind| format!("the {kind} record names {missing}, which this log does not hold");
    let seal = Record::SealedRescore(SealedRescore {
        attempt: missing,
        commitment: quorate_core::record::Commitment::to(&claim.reveal),
        at: BEGIN,
    });
    let seal = seal.sign(&[world.key(node(2))]).unwrap();
    assert_eq!(world.refuse(&seal), unknown("sealed-rescore"));
    let reveal = world.rescore_of(missing, artifact(id), &member(2).node, valid(1.0));
    assert_eq!(world.refuse(&reveal.reveal), unknown("reveal"));
    let (_, _, verdict) = concluding();
    let verdict = Record::Verdict(Verdict {
        attempt: missing,
        ..verdict
    });
    assert_eq!(world.refuse(&world.sign(verdict)), unknown("verdict"));
    drop(rescores);
}
