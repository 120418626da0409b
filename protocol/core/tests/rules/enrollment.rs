//! Who may enroll under each policy, and whom the coordinator admits.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_core::record::{Admission, Admitted, EnrollmentPolicy};
use quorate_core::{Envelope, Keypair, PublicKey, Record};

use super::{broken, node, only_the_coordinator_signs, stranger, wrong_signer};
use crate::fixtures::{Member, TRUTH, Terms, member, valid};
use crate::rows::stand_alone;
use crate::world::World;

fn invitation(n: u8) -> Keypair {
    Keypair::from_secret([n + 200; 32])
}

fn admission(world: &World, admits: Admitted) -> Envelope {
    world.sign(Record::Admission(Admission {
        admits,
        at: world.now,
    }))
}

fn invite(world: &mut World, n: u8) {
    let key = invitation(n).public();
    world.must(&admission(world, Admitted::Invitation(key)));
}

/// An enrollment with the operator's and the node's signature, and that of `more`.
fn signed(world: &World, member: &Member, more: &[&Keypair]) -> Envelope {
    let keys = [&[&member.operator, &member.node], more].concat();
    Record::Enrollment(world.enrollment(member)).sign(&keys).unwrap()
}

/// Another node of a member's operator.
fn second_node(n: u8) -> Member {
    Member {
        node: Keypair::from_secret([n + 50; 32]),
        ..member(n)
    }
}

#[test]
fn nobody_is_admitted_to_a_log_that_anybody_may_join() {
    let mut world = World::begun(EnrollmentPolicy::Open);
    let rule = broken(
        "admission",
        "anybody may enroll in this log, so nobody is admitted to it",
    );
    for admits in [
        Admitted::Operator(stranger().public()),
        Admitted::Invitation(stranger().public()),
    ] {
        let envelope = admission(&world, admits);
        assert_eq!(world.refuse(&envelope), rule);
    }
    let expected = wrong_signer("enrollment", "the operator and the node");
    let envelope = signed(&world, &member(1), &[&invitation(1)]);
    assert_eq!(world.refuse(&envelope), expected);
    world.enroll(&member(1));
}

#[test]
fn only_the_coordinator_admits_and_it_admits_a_key_once() {
    for (policy, admits) in [
        (
            EnrollmentPolicy::Allowlist,
            Admitted::Operator(member(1).operator.public()),
        ),
        (
            EnrollmentPolicy::Invite,
            Admitted::Invitation(invitation(1).public()),
        ),
    ] {
        let mut world = World::begun(policy);
        let record = Record::Admission(Admission {
            admits,
            at: world.now,
        });
        only_the_coordinator_signs(&mut world, &record);
        world.must(&world.sign(record));
        world.pass(1);
        let again = admission(&world, admits);
        assert_eq!(
            world.refuse(&again),
            broken("admission", "a key is admitted once")
        );
    }
}

#[test]
fn an_admission_fits_the_logs_policy() {
    let mut world = World::begun(EnrollmentPolicy::Allowlist);
    let envelope = admission(&world, Admitted::Invitation(invitation(1).public()));
    let rule = "this log admits operators by their keys: ask the operator for its key and admit that";
    assert_eq!(world.refuse(&envelope), broken("admission", rule));
    let mut world = World::begun(EnrollmentPolicy::Invite);
    let envelope = admission(&world, Admitted::Operator(member(1).operator.public()));
    let rule = "this log admits by invitation: make one, and give its code to the operator";
    assert_eq!(world.refuse(&envelope), broken("admission", rule));
}

#[test]
fn an_allowlist_takes_every_node_of_an_admitted_operator_and_no_other() {
    let mut world = World::begun(EnrollmentPolicy::Allowlist);
    let rule =
        "this coordinator admits operators by their keys: send its operator yours, which `quorate id` shows";
    let early = signed(&world, &member(1), &[]);
    assert_eq!(world.refuse(&early), broken("enrollment", rule));
    world.must(&admission(
        &world,
        Admitted::Operator(member(1).operator.public()),
    ));
    world.must(&early);
    world.enroll(&second_node(1));
    world.pass(1);
    world.enroll(&member(1));
    let other = signed(&world, &member(2), &[]);
    assert_eq!(world.refuse(&other), broken("enrollment", rule));
    let extra = signed(&world, &member(1), &[&stranger()]);
    assert_eq!(
        world.refuse(&extra),
        wrong_signer("enrollment", "the operator and the node")
    );
}

#[test]
fn an_invitation_lets_one_operator_in() {
    let mut world = World::begun(EnrollmentPolicy::Invite);
    let bare = signed(&world, &member(1), &[]);
    let rule =
        "this coordinator admits by invitation: ask its operator for a code and pass --invitation CODE";
    assert_eq!(world.refuse(&bare), broken("enrollment", rule));
    let invited = signed(&world, &member(1), &[&invitation(1)]);
    let rule = "the coordinator gave out no such invitation: ask its operator for another code";
    assert_eq!(world.refuse(&invited), broken("enrollment", rule));

    invite(&mut world, 1);
    assert_eq!(
        world.refuse(&bare),
        broken("enrollment", {
            "this coordinator admits by invitation: ask its operator for a code and pass --invitation CODE"
        })
    );
    assert!(!world.history.admissions().holds(&member(1).operator.public()));
    world.must(&invited);
    assert!(world.history.admissions().holds(&member(1).operator.public()));
    assert_eq!(world.history.admissions().unused().count(), 0);

    let second = signed(&world, &member(2), &[&invitation(1)]);
    let rule = "the invitation was used before, by another operator: ask for another code";
    assert_eq!(world.refuse(&second), broken("enrollment", rule));
    world.pass(1);
    let renewed = admission(&world, Admitted::Invitation(invitation(1).public()));
    assert_eq!(
        world.refuse(&renewed),
        broken("admission", "a key is admitted once")
    );
}

#[test]
fn an_operator_that_is_in_needs_no_further_invitation_and_uses_none() {
    let mut world = World::begun(EnrollmentPolicy::Invite);
    invite(&mut world, 1);
    invite(&mut world, 2);
    world.must(&signed(&world, &member(1), &[&invitation(1)]));
    let wasteful = signed(&world, &second_node(1), &[&invitation(2)]);
    let expected = wrong_signer("enrollment", "the operator and the node");
    assert_eq!(world.refuse(&wasteful), expected);
    world.enroll(&second_node(1));
    world.pass(1);
    world.enroll(&member(1));
    let unused: Vec<&PublicKey> = world.history.admissions().unused().collect();
    assert_eq!(unused, [&invitation(2).public()]);
}

#[test]
fn an_invited_enrollment_is_signed_by_operator_node_and_one_invitation() {
    let mut world = World::begun(EnrollmentPolicy::Invite);
    invite(&mut world, 1);
    invite(&mut world, 2);
    let m = member(1);
    let (one, two) = (invitation(1), invitation(2));
    let record = Record::Enrollment(world.enrollment(&m));
    let expected = wrong_signer("enrollment", "the operator, the node and one invitation");
    for keys in [
        vec![&m.operator, &one],
        vec![&m.node, &one],
        vec![&m.operator, &m.node, &one, &two],
    ] {
        assert_eq!(world.refuse(&record.sign(&keys).unwrap()), expected);
    }
    world.must(&record.sign(&[&one, &m.node, &m.operator]).unwrap());
}

#[test]
fn a_refused_enrollment_uses_no_invitation() {
    let mut world = World::begun(EnrollmentPolicy::Invite);
    invite(&mut world, 1);
    invite(&mut world, 2);
    world.must(&signed(&world, &member(1), &[&invitation(1)]));
    world.pass(1);
    let stolen = Member {
        node: member(1).node,
        operator: member(2).operator,
    };
    let envelope = signed(&world, &stolen, &[&invitation(2)]);
    let rule = "a node stays with the operator that enrolled it";
    assert_eq!(world.refuse(&envelope), broken("enrollment", rule));
    assert_eq!(world.history.admissions().unused().count(), 1);
}

#[test]
fn rows_of_a_log_that_admits_stand_alone() {
    for policy in [EnrollmentPolicy::Invite, EnrollmentPolicy::Allowlist] {
        let mut world = World::begun(policy);
        for n in 1..=3 {
            let m = member(n);
            if policy == EnrollmentPolicy::Invite {
                invite(&mut world, n);
                world.must(&signed(&world, &m, &[&invitation(n)]));
            } else {
                world.must(&admission(&world, Admitted::Operator(m.operator.public())));
                world.must(&signed(&world, &m, &[]));
            }
            world.members.insert(node(n), m);
        }
        world.must(&world.sign(Record::Bundle(world.bundle_record())));
        world.ask(Terms::default());
        world.play(node(1), valid(TRUTH), |_| valid(TRUTH));
        stand_alone(&world);
    }
}

/// What a coordinator or an operator may try.
#[derive(Debug, Clone)]
enum Action {
    Admit(u8),
    Invite(u8),
    Enroll {
        node: u8,
        operator: u8,
        invitation: Option<u8>,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let few = 1..=4_u8;
    prop_oneof![
        1 => few.clone().prop_map(Action::Admit),
        1 => few.clone().prop_map(Action::Invite),
        3 => (few.clone(), few.clone(), prop::option::of(few)).prop_map(|(node, operator, invitation)| {
            Action::Enroll { node, operator, invitation }
        }),
    ]
}

fn policies() -> impl Strategy<Value = EnrollmentPolicy> {
    prop::sample::select(vec![
        EnrollmentPolicy::Open,
        EnrollmentPolicy::Invite,
        EnrollmentPolicy::Allowlist,
    ])
}

/// The policy's promise in the plainest words: who is in, and what is left of the invitations.
#[derive(Debug, Default)]
struct Expected {
    operators: BTreeSet<u8>,
    made: BTreeSet<u8>,
    used: BTreeSet<u8>,
    owners: BTreeMap<u8, u8>,
}

impl Expected {
    /// Whether the log must take the action; if so, what it comes to is noted.
    fn takes(&mut self, policy: EnrollmentPolicy, action: &Action) -> bool {
        match *action {
            Action::Admit(n) => policy == EnrollmentPolicy::Allowlist && self.operators.insert(n),
            Action::Invite(n) => policy == EnrollmentPolicy::Invite && self.made.insert(n),
            Action::Enroll {
                node,
                operator,
                invitation,
            } => {
                let is_in = self.operators.contains(&operator);
                let allowed = match (policy, invitation) {
                    (EnrollmentPolicy::Open, None) => true,
                    (EnrollmentPolicy::Invite, Some(n)) if !is_in => {
                        self.made.contains(&n) && !self.used.contains(&n)
                    }
                    (EnrollmentPolicy::Invite | EnrollmentPolicy::Allowlist, None) => is_in,
                    _ => false,
                };
                let takes = allowed && *self.owners.get(&node).unwrap_or(&operator) == operator;
                if takes {
                    self.owners.insert(node, operator);
                    if let Some(n) = invitation {
                        self.used.insert(n);
                        self.operators.insert(operator);
                    }
                }
                takes
            }
        }
    }
}

fn written(world: &World, action: &Action) -> Envelope {
    match *action {
        Action::Admit(n) => admission(world, Admitted::Operator(member(n).operator.public())),
        Action::Invite(n) => admission(world, Admitted::Invitation(invitation(n).public())),
        Action::Enroll {
            node,
            operator,
            invitation: code,
        } => {
            let member = Member {
                node: member(node).node,
                operator: member(operator).operator,
            };
            let code = code.map(invitation);
            signed(world, &member, code.as_ref().as_slice())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_tried_only_those_are_in_whom_the_policy_admits(
        policy in policies(),
        actions in prop::collection::vec(action(), 1..40),
    ) {
        let (mut world, mut expected) = (World::begun(policy), Expected::default());
        for action in &actions {
            world.pass(1);
            let envelope = written(&world, action);
            let taken = world.apply(&envelope).is_ok();
            prop_assert_eq!(taken, expected.takes(policy, action), "{:?}", action);
        }
        let nodes: BTreeMap<_, _> = expected
            .owners
            .iter()
            .map(|(n, operator)| (node(*n), member(*operator).operator.public()))
            .collect();
        let enrolled: BTreeMap<_, _> = world.history.nodes().iter().map(|(n, s)| (*n, s.operator)).collect();
        prop_assert_eq!(enrolled, nodes);
        let unused: BTreeSet<PublicKey> = world.history.admissions().unused().copied().collect();
        let left = expected.made.difference(&expected.used);
        prop_assert_eq!(unused, left.map(|n| invitation(*n).public()).collect::<BTreeSet<_>>());
        prop_assert!(world.replayed() == world.history, "a reader of the log comes to the same");
    }
}
