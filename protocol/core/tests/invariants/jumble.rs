//! Anybody does anything at any time. The log takes what the rules allow and stays sound.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_core::digest::AttemptId;
use quorate_core::history::Phase;
use quorate_core::record::{Forfeit, ForfeitReason};
use quorate_core::text::Note;
use quorate_core::{NodeId, Record};

use crate::fixtures::{TRUTH, Terms, member, task, valid};
use crate::observer::{Observer, published};
use crate::world::{Sealed, World};

const MEMBERS: u8 = 7;

/// Attempts are numbered as they were leased. Verifiers are numbered as they were drawn, and after
/// those come the members, most of whom have no business there.
#[derive(Debug, Clone)]
enum Action {
    Pass(u64),
    /// Enrolls or renews.
    Join(u8),
    Lease(u8),
    Claim(usize, bool),
    Abandon(usize),
    Seal(usize, usize, bool),
    Open(usize, usize),
    OpenClaim(usize),
    Coordinate,
}

fn action() -> impl Strategy<Value = Action> {
    let (attempt, node) = (0..2_usize, 1..=MEMBERS);
    let verifier = prop_oneof![4 => 0..3_usize, 1 => 3..9_usize];
    let seconds = prop_oneof![8 => 0..5_u64, 2 => 5..30_u64, 1 => Just(100)];
    prop_oneof![
        1 => seconds.prop_map(Action::Pass),
        1 => node.clone().prop_map(Action::Join),
        1 => node.prop_map(Action::Lease),
        2 => (attempt.clone(), any::<bool>()).prop_map(|(a, lies)| Action::Claim(a, lies)),
        1 => (0..20_usize).prop_map(Action::Abandon),
        8 => (attempt.clone(), verifier.clone(), prop::bool::weighted(0.2))
            .prop_map(|(a, v, lies)| Action::Seal(a, v, lies)),
        8 => (attempt.clone(), verifier).prop_map(|(a, v)| Action::Open(a, v)),
        4 => attempt.clone().prop_map(Action::OpenClaim),
        8 => Just(Action::Coordinate),
    ]
}

struct Run {
    world: World,
    observer: Observer,
    claims: BTreeMap<AttemptId, Sealed>,
    rescores: BTreeMap<(AttemptId, NodeId), Sealed>,
    liars: BTreeSet<(AttemptId, NodeId)>,
}

impl Run {
    fn new(members: u8) -> Self {
        let mut terms = Terms {
            attempts: 2,
            ..Terms::default()
        };
        terms.verification.seal_seconds = 40;
        terms.verification.reveal_seconds = 30;
        let world = World::new(members, terms);
        let mut observer = Observer::new(terms.verification, task().agreement, terms.max_leases);
        observer.look(&world.log, &world.history);
        Self {
            world,
            observer,
            claims: BTreeMap::new(),
            rescores: BTreeMap::new(),
            liars: BTreeSet::new(),
        }
    }

    fn attempt(&self, n: usize) -> Option<AttemptId> {
        let mut attempts: Vec<_> = self.world.history.attempts().iter().collect();
        attempts.sort_by_key(|(_, attempt)| attempt.index);
        attempts.get(n).map(|(id, _)| **id)
    }

    fn node(&self, n: u8) -> Option<NodeId> {
        let node = member(n).node.node_id();
        self.world.members.contains_key(&node).then_some(node)
    }

    fn verifier(&self, id: AttemptId, n: usize) -> Option<NodeId> {
        let drawn = self
            .world
            .attempt(id)
            .proceedings()
            .into_iter()
            .flat_map(|p| &p.assigned);
        let members = self.world.members.keys().copied();
        drawn.map(|a| a.node).chain(members).nth(n)
    }

    /// Does what is asked as far as it makes any sense; whether the log takes it is the rules' matter.
    fn act(&mut self, action: &Action) -> Option<()> {
        match *action {
            Action::Pass(seconds) => self.world.pass(seconds),
            Action::Join(n) => {
                let m = member(n);
                let record = Record::Enrollment(self.world.enrollment(&m));
                let envelope = record.sign(&[&m.operator, &m.node]).unwrap();
                if self.world.apply(&envelope).is_ok() {
                    self.world.members.insert(m.node.node_id(), m);
                }
            }
            Action::Lease(n) => {
                let number = self.world.history.attempts().len();
                let lease = self.world.lease(self.node(n)?, u32::try_from(number).unwrap());
                let _ = self.world.apply(&self.world.sign(Record::Lease(lease)));
            }
            Action::Claim(n, lies) => {
                let id = self.attempt(n)?;
                let claim = self.world.claim(id, valid(if lies { 3.0 } else { TRUTH }));
                if self.world.apply(&claim.seal).is_ok() {
                    self.claims.insert(id, claim);
                }
            }
            Action::Abandon(n) => {
                let attempt = self.attempt(n)?;
                let note = Note::lossy("stopped");
                let reason = ForfeitReason::Abandoned { note };
                let at = self.world.now;
                let record = Record::Forfeit(Forfeit { attempt, reason, at });
                let key = self.world.key(self.world.attempt(attempt).lease.node);
                let forfeit = record.sign(&[key]).unwrap();
                let _ = self.world.apply(&forfeit);
            }
            Action::Seal(a, n, lies) => {
                let id = self.attempt(a)?;
                let node = self.verifier(id, n)?;
                // Liars do not conspire: each has a lie of its own.
                let number = (1..=MEMBERS).find(|n| member(*n).node.node_id() == node)?;
                let told = if lies { TRUTH + f64::from(number) } else { TRUTH };
                let rescore = self.world.rescore(id, node, valid(told));
                if self.world.apply(&rescore.seal).is_ok() {
                    self.rescores.insert((id, node), rescore);
                    if lies {
                        self.liars.insert((id, node));
                    } else {
                        self.liars.remove(&(id, node));
                    }
                }
            }
            Action::Open(a, n) => {
                let id = self.attempt(a)?;
                let key = (id, self.verifier(id, n)?);
                let reveal = self.rescores.get(&key)?.reveal.clone();
                let _ = self.world.apply(&reveal);
            }
            Action::OpenClaim(n) => {
                let reveal = self.claims.get(&self.attempt(n)?)?.reveal.clone();
                let _ = self.world.apply(&reveal);
            }
            Action::Coordinate => {
                for id in (0..).map_while(|n| self.attempt(n)).collect::<Vec<_>>() {
                    self.world.coordinate(id);
                }
            }
        }
        Some(())
    }

    fn check_verdicts(&self) {
        for verdict in self.observer.verdicts() {
            let lied = |node: &NodeId| self.liars.contains(&(verdict.attempt, *node));
            assert!(!verdict.agreeing.iter().any(lied), "a liar makes the verdict");
            assert!(verdict.outliers.iter().all(lied), "an honest verifier is blamed");
            if let Some(score) = published(verdict) {
                assert!(
                    (score.normalized.get() - TRUTH).abs() < 1e-9,
                    "a lie is published"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_jumble_of_actions_leaves_a_sound_log(
        members in 1..=MEMBERS,
        actions in prop::collection::vec(action(), 1..200),
    ) {
        let mut run = Run::new(members);
        for action in &actions {
            let _ = run.act(action);
            run.observer.look(&run.world.log, &run.world.history);
        }
        run.check_verdicts();
        prop_assert!(run.world.replayed() == run.world.history);
    }
}

/// The generator must reach what it is meant to test.
#[test]
fn jumbles_reach_every_phase() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = (4..=MEMBERS, prop::collection::vec(action(), 150..200));
    let (mut verifying, mut decided, mut forfeited, mut escalated) = (0, 0, 0, 0);
    for _ in 0..60 {
        let (members, actions) = strategy.new_tree(&mut runner).unwrap().current();
        let mut run = Run::new(members);
        for action in &actions {
            let _ = run.act(action);
        }
        for attempt in run.world.history.attempts().values() {
            match attempt.phase {
                Phase::Leased => {}
                Phase::Forfeited(_) => forfeited += 1,
                Phase::Verifying(_) => verifying += 1,
                Phase::Decided { .. } => decided += 1,
            }
            escalated += u32::from(attempt.proceedings().is_some_and(|p| p.rounds > 1));
        }
    }
    let counts = [verifying, decided, forfeited, escalated];
    assert!(counts.iter().all(|count| *count >= 10), "{counts:?}");
}
