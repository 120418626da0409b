//! Who takes part and what is asked for: coordinator, enrollments, bundles, campaigns, corrections.

use quorate_core::digest::{AgentId, BundleId, Digest, RecordId};
use quorate_core::history::RuleError;
use quorate_core::record::{AgentRef, BundleRecord, Campaign, Correction, Qualification};
use quorate_core::text::{Note, Origin};
use quorate_core::{Envelope, History, Record};

use super::{broken, node, only_the_coordinator_signs, stranger, world, wrong_signer};
use crate::fixtures::{BEGIN, TRUTH, Terms, genesis, member, name, qualification, score, task, valid};
use crate::world::World;

#[test]
fn a_log_begins_with_its_coordinator_and_has_no_other() {
    let mut world = world(1);
    assert!(matches!(History::begin(&world.log[1]), Err(RuleError::Genesis)));
    let mut second = genesis(&world.coordinator);
    second.at.0 += 1;
    let expected = RuleError::Genesis.to_string();
    assert_eq!(world.refuse(&world.sign(Record::Coordinator(second))), expected);
}

#[test]
fn the_first_entry_is_signed_by_the_key_it_names() {
    let first = Record::Coordinator(genesis(&world(0).coordinator))
        .sign(&[&stranger()])
        .unwrap();
    let error = History::begin(&first).unwrap_err();
    assert_eq!(error.to_string(), wrong_signer("coordinator", "the key it names"));
}

#[test]
fn an_empty_log_is_no_history_and_a_bad_entry_is_named() {
    assert_eq!(History::replay([]).unwrap(), None);
    let world = world(2);
    let mut entries: Vec<&[u8]> = world.log.iter().map(Envelope::bytes).collect();
    entries.insert(2, b"{}");
    let (index, error) = History::replay(entries).unwrap_err();
    assert_eq!(index, 2);
    assert!(matches!(error, RuleError::Record(_)));
}

#[test]
fn what_is_no_record_is_refused() {
    let mut world = world(1);
    for (kind, payload) in [
        ("application/vnd.quorate.gossip.v1+json", "{}"),
        ("application/vnd.quorate.lease.v2+json", "{}"),
        ("application/vnd.quorate.lease.v1+json", "{\"at\":1}"),
    ] {
        let envelope = Envelope::sign(kind, payload.as_bytes(), &[&world.coordinator]).unwrap();
        assert_eq!(world.refuse(&envelope), "the entry is no record");
    }
}

#[test]
fn no_record_stands_twice() {
    let mut world = world(2);
    for envelope in world.log.clone() {
        let expected = format!("record {} is in the log already", envelope.id());
        assert_eq!(world.refuse(&envelope), expected);
    }
}

#[test]
fn an_enrollment_is_signed_by_operator_and_node() {
    let mut world = world(0);
    let m = member(1);
    let record = Record::Enrollment(world.enrollment(&m));
    let expected = wrong_signer("enrollment", "the operator and the node");
    for keys in [
        vec![&m.node],
        vec![&m.operator],
        vec![&m.node, &stranger()],
        vec![&m.node, &m.operator, &stranger()],
    ] {
        assert_eq!(world.refuse(&record.sign(&keys).unwrap()), expected);
    }
    world.enroll(&m);
}

#[test]
fn an_enrollment_cannot_be_replayed() {
    let mut world = world(1);
    let m = member(1);
    // The same words in another spelling have another id; they are still no renewal.
    let respelled = String::from_utf8(world.log[1].bytes().to_vec())
        .unwrap()
        .replace("\":", "\": ");
    let respelled = Envelope::decode(respelled.as_bytes()).unwrap();
    assert_ne!(respelled.id(), world.log[1].id());
    let expected = broken("enrollment", "a renewal is later than what it renews");
    assert_eq!(world.refuse(&respelled), expected);
    world.pass(1);
    world.enroll(&m);
    assert_eq!(world.refuse(&respelled), expected);
}

#[test]
fn an_enrollment_is_for_one_log_and_a_node_stays_with_its_operator() {
    let mut world = world(1);
    world.pass(1);
    let (m, other) = (member(1), member(2));
    let mut foreign = world.enrollment(&m);
    foreign.origin = Origin::new("other.example/log").unwrap();
    let foreign = Record::Enrollment(foreign).sign(&[&m.operator, &m.node]).unwrap();
    assert_eq!(
        world.refuse(&foreign),
        broken("enrollment", "it is for another log")
    );
    let mut moved = world.enrollment(&m);
    moved.operator = other.operator.public();
    let moved = Record::Enrollment(moved)
        .sign(&[&other.operator, &m.node])
        .unwrap();
    let expected = broken("enrollment", "a node stays with the operator that enrolled it");
    assert_eq!(world.refuse(&moved), expected);
}

#[test]
fn a_renewal_keeps_the_place_of_the_first_enrollment() {
    let mut world = world(2);
    world.pass(1);
    world.enroll(&member(1));
    let state = &world.history.nodes()[&node(1)];
    assert_eq!((state.enrolled, state.renewed), (1, world.now));
}

#[test]
fn bundles_and_campaigns_are_the_coordinators() {
    let mut world = world(1);
    let bundle = BundleRecord {
        bundle: BundleId(Digest::of(b"second")),
        ..world.bundle_record()
    };
    only_the_coordinator_signs(&mut world, &Record::Bundle(bundle));
    world.pass(1);
    let campaign = world.campaign_record(Terms::default());
    only_the_coordinator_signs(&mut world, &Record::Campaign(campaign));
}

#[test]
fn a_bundle_is_published_once_with_a_scale_that_is_not_flat() {
    let mut world = world(0);
    world.pass(1);
    let again = world.sign(Record::Bundle(world.bundle_record()));
    assert_eq!(
        world.refuse(&again),
        broken("bundle", "a bundle is published once")
    );
    let mut spec = task();
    spec.scale.reference = score(0.0);
    let flat = BundleRecord {
        bundle: BundleId(Digest::of(b"flat")),
        spec,
        at: BEGIN,
    };
    let flat = world.sign(Record::Bundle(flat));
    let expected = broken("bundle", "start and reference of its scale differ");
    assert_eq!(world.refuse(&flat), expected);
}

#[test]
fn a_bundle_is_qualified_once_by_runs_that_show_it() {
    let mut world = world(0);
    world.pass(1);
    let sound = qualification(world.bundle);
    assert!(!world.history.is_qualified(&world.bundle));
    let elsewhere = Qualification {
        bundle: BundleId(Digest::of(b"elsewhere")),
        ..sound.clone()
    };
    let refused = world.refuse(&world.sign(Record::Qualification(elsewhere)));
    assert!(refused.contains("does not hold"), "{refused}");
    let mut cheated = sound.clone();
    cheated.runs[3].scorings = sound.runs[2].scorings.clone();
    let refused = world.refuse(&world.sign(Record::Qualification(cheated)));
    assert!(refused.contains("can be cheated"), "{refused}");
    let sound = Record::Qualification(sound);
    only_the_coordinator_signs(&mut world, &sound);
    world.must(&world.sign(sound));
    assert!(world.history.is_qualified(&world.bundle));
    world.pass(1);
    let mut again = qualification(world.bundle);
    again.at.0 += 1;
    let refused = world.refuse(&world.sign(Record::Qualification(again)));
    assert_eq!(refused, broken("qualification", "a bundle is qualified once"));
}

fn refuse_campaign(change: impl Fn(&mut Campaign)) -> String {
    let mut world = world(0);
    world.pass(1);
    let mut campaign = world.campaign_record(Terms::default());
    change(&mut campaign);
    world.refuse(&world.sign(Record::Campaign(campaign)))
}

#[test]
fn a_campaign_asks_for_published_bundles() {
    let missing = BundleId(Digest::of(b"missing"));
    assert_eq!(
        refuse_campaign(|c| c.bundles.push(missing)),
        format!("the campaign record names {missing}, which this log does not hold")
    );
}

#[test]
fn a_campaign_is_sound() {
    let unsound = broken(
        "campaign",
        "it needs bundles, agents, attempts, and a sound verification policy",
    );
    let changes: [fn(&mut Campaign); 10] = [
        |c| c.bundles.clear(),
        |c| c.agents.clear(),
        |c| c.attempts = 0,
        |c| c.max_leases = c.attempts - 1,
        |c| c.verification.replicas = 1,
        |c| c.verification.escalation = 0,
        |c| c.verification.max_rescores = 1,
        |c| c.verification.max_rescores = 10,
        |c| c.verification.seal_seconds = 0,
        |c| c.verification.reveal_seconds = 0,
    ];
    for change in changes {
        assert_eq!(refuse_campaign(change), unsound);
    }
}

#[test]
fn a_campaigns_bundles_and_agents_differ() {
    let expected = broken(
        "campaign",
        "its bundles differ, and its agents in name and content",
    );
    let other = AgentId(Digest::of(b"other"));
    let same_name = AgentRef {
        name: name("search"),
        id: other,
    };
    assert_eq!(refuse_campaign(|c| c.agents.push(same_name.clone())), expected);
    assert_eq!(
        refuse_campaign(|c| {
            let id = c.agents[0].id;
            c.agents.push(AgentRef {
                name: name("aide"),
                id,
            });
        }),
        expected
    );
    assert_eq!(refuse_campaign(|c| c.bundles.push(c.bundles[0])), expected);
}

fn correction(world: &World, corrects: RecordId) -> Correction {
    Correction {
        corrects,
        reason: Note::lossy("the scorer was wrong"),
        at: world.now,
    }
}

#[test]
fn a_correction_withdraws_a_verdict_and_nothing_else() {
    let mut world = world(3);
    let id = world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
    let entries: Vec<RecordId> = world.log.iter().map(Envelope::id).collect();
    let (verdict, others) = entries.split_last().unwrap();
    for other in others {
        let wrong = world.sign(Record::Correction(correction(&world, *other)));
        let expected = format!("the correction record names {other}, which this log does not hold");
        assert_eq!(world.refuse(&wrong), expected);
    }
    let good = Record::Correction(correction(&world, *verdict));
    only_the_coordinator_signs(&mut world, &good);
    assert_eq!(world.attempt(id).withdrawn, None);
    world.must(&world.sign(good));
    assert_eq!(
        world.attempt(id).withdrawn.as_ref().map(Note::as_str),
        Some("the scorer was wrong")
    );
    assert!(world.attempt(id).verdict().is_some(), "nothing is deleted");
}
