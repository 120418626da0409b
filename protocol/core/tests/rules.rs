//! Every rule of the log, kept once and broken once.
//!
//! A rule is broken by a record that differs from a good one in one thing only, and the refusal must
//! name that rule and change nothing ([`world::World::apply`] checks the latter).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "rules/attempts.rs"]
mod attempts;
#[path = "rules/credit.rs"]
mod credit;
#[path = "rules/draws.rs"]
mod draws;
#[path = "rules/endings.rs"]
mod endings;
#[path = "rules/enrollment.rs"]
mod enrollment;
#[path = "rules/fairness.rs"]
mod fairness;
#[path = "support/fixtures.rs"]
mod fixtures;
#[path = "rules/parties.rs"]
mod parties;
#[path = "rules/row.rs"]
mod row;
#[path = "support/rows.rs"]
mod rows;
#[path = "rules/verification.rs"]
mod verification;
#[path = "support/world.rs"]
mod world;

use fixtures::{Terms, member};
use quorate_core::{Keypair, NodeId, Record};
use world::World;

fn node(n: u8) -> NodeId {
    member(n).node.node_id()
}

/// Somebody who has no part in anything.
fn stranger() -> Keypair {
    Keypair::from_secret([99; 32])
}

fn world(members: u8) -> World {
    World::new(members, Terms::default())
}

fn broken(kind: &str, rule: &str) -> String {
    format!("the {kind} record breaks a rule: {rule}")
}

fn wrong_signer(kind: &str, expected: &str) -> String {
    format!("a {kind} record must be signed by {expected}")
}

/// A record of the coordinator's is refused from a stranger, and from both together.
fn only_the_coordinator_signs(world: &mut World, record: &Record) {
    let expected = wrong_signer(record.kind(), "the coordinator");
    let (own, strange) = (world.coordinator.clone(), stranger());
    assert_eq!(world.refuse(&record.sign(&[&strange]).unwrap()), expected);
    assert_eq!(world.refuse(&record.sign(&[&own, &strange]).unwrap()), expected);
}
