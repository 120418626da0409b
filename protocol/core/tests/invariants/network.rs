//! Nodes that each behave in their own way, second by second, with a coordinator that may be slow.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_core::NodeId;
use quorate_core::digest::AttemptId;
use quorate_core::history::{AssignedState, Phase};
use quorate_core::record::{ClaimCheck, Verification};

use crate::fixtures::{TRUTH, Terms, member, task, valid};
use crate::observer::{Observer, published};
use crate::rows;
use crate::world::{Sealed, World};

/// How a node behaves. Whoever acts does so every `pace` seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Conduct {
    /// Does what it is asked to, in time.
    Honest,
    /// The same, but is gone from one second to another; renews when it is back.
    Away(u64, u64),
    /// Seals and never opens.
    Withholds,
    /// Scores whatever it likes.
    Lies,
}

#[derive(Debug, Clone, Copy)]
struct Volunteer {
    conduct: Conduct,
    pace: u64,
}

fn volunteer(conduct: impl Strategy<Value = Conduct>) -> impl Strategy<Value = Volunteer> {
    (conduct, 1..=3_u64).prop_map(|(conduct, pace)| Volunteer { conduct, pace })
}

fn honest(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Volunteer>> {
    prop::collection::vec(volunteer(Just(Conduct::Honest)), count)
}

/// Just long enough for whoever acts every three seconds.
const POLICY: Verification = Verification {
    replicas: 2,
    escalation: 2,
    max_rescores: 5,
    seal_seconds: 3,
    reveal_seconds: 3,
    audit_percent: None,
};

const TERMS: Terms = Terms {
    attempts: 3,
    max_leases: 5,
    verification: POLICY,
};

struct Network {
    world: World,
    observer: Observer,
    volunteers: BTreeMap<NodeId, Volunteer>,
    claims: BTreeMap<AttemptId, Sealed>,
    rescores: BTreeMap<(AttemptId, NodeId), Sealed>,
    second: u64,
}

impl Network {
    fn new(volunteers: &[Volunteer]) -> Self {
        let world = World::new(u8::try_from(volunteers.len()).unwrap(), TERMS);
        let nodes = (1..).map(|n| member(n).node.node_id());
        Self {
            volunteers: nodes.zip(volunteers.iter().copied()).collect(),
            observer: Observer::new(POLICY, task().agreement, TERMS.max_leases),
            world,
            claims: BTreeMap::new(),
            rescores: BTreeMap::new(),
            second: 0,
        }
    }

    /// Runs until every attempt that was asked for has ended, or `seconds` have passed.
    fn run(&mut self, coordinator_pace: u64, seconds: u64) {
        while self.second < seconds && !self.is_done() {
            let nodes: Vec<NodeId> = self.volunteers.keys().copied().collect();
            for node in nodes {
                self.act(node);
            }
            if self.second.is_multiple_of(coordinator_pace) {
                for id in self.attempts() {
                    self.world.coordinate(id);
                }
            }
            self.observer.look(&self.world.log, &self.world.history);
            self.second += 1;
            self.world.pass(1);
        }
    }

    fn attempts(&self) -> Vec<AttemptId> {
        self.world.history.attempts().keys().copied().collect()
    }

    fn is_done(&self) -> bool {
        let ended = |phase: &Phase| matches!(phase, Phase::Forfeited(_) | Phase::Decided { .. });
        self.world.history.open_slots().is_empty()
            && self.world.history.attempts().values().all(|a| ended(&a.phase))
    }

    fn act(&mut self, node: NodeId) {
        let Volunteer { conduct, pace } = self.volunteers[&node];
        if let Conduct::Away(from, until) = conduct {
            if (from..until).contains(&self.second) {
                return;
            }
            if self.second == until {
                let member = self.world.members[&node].clone();
                self.world.enroll(&member);
            }
        }
        if !self.second.is_multiple_of(pace) {
            return;
        }
        let busy = |id: &AttemptId| self.world.attempt(*id).lease.node == node;
        let idle = !self
            .attempts()
            .iter()
            .any(|id| busy(id) && self.world.attempt(*id).phase == Phase::Leased);
        if idle && !self.world.history.open_slots().is_empty() {
            self.world.grant(node);
        }
        for id in self.attempts() {
            self.work(node, conduct, id);
        }
    }

    /// Does what `node` can do about an attempt now.
    fn work(&mut self, node: NodeId, conduct: Conduct, id: AttemptId) {
        let own = self.world.attempt(id).lease.node == node;
        match &self.world.attempt(id).phase {
            Phase::Leased if own && self.world.now > self.world.attempt(id).lease.at => {
                let claim = self.world.claim(id, valid(TRUTH));
                if self.world.apply(&claim.seal).is_ok() {
                    self.claims.insert(id, claim);
                }
            }
            Phase::Verifying(proceedings) => {
                let (open, claimed) = (proceedings.may_reveal(), proceedings.claimed.is_some());
                if own && open && !claimed && conduct != Conduct::Withholds {
                    let reveal = self.claims[&id].reveal.clone();
                    self.world.must(&reveal);
                }
                let state = proceedings_state(&self.world, id, node);
                self.verify(node, conduct, id, state, open);
            }
            _ => {}
        }
    }

    fn verify(
        &mut self,
        node: NodeId,
        conduct: Conduct,
        id: AttemptId,
        state: Option<AssignedState>,
        open: bool,
    ) {
        match state {
            Some(AssignedState::Waiting) => {
                let told = if conduct == Conduct::Lies { 2.0 } else { TRUTH };
                let rescore = self.world.rescore(id, node, valid(told));
                // Whoever was away may be too late.
                if self.world.apply(&rescore.seal).is_ok() {
                    self.rescores.insert((id, node), rescore);
                }
            }
            Some(AssignedState::Sealed(..)) if open && conduct != Conduct::Withholds => {
                let reveal = self.rescores[&(id, node)].reveal.clone();
                self.world.must(&reveal);
            }
            _ => {}
        }
    }

    fn nodes_with(&self, wanted: impl Fn(Conduct) -> bool) -> BTreeSet<NodeId> {
        let matching = self.volunteers.iter().filter(|(_, v)| wanted(v.conduct));
        matching.map(|(node, _)| *node).collect()
    }

    fn check_blame(&self) {
        rows::stand_alone(&self.world);
        let steady = self.nodes_with(|c| matches!(c, Conduct::Honest | Conduct::Lies));
        let liars = self.nodes_with(|c| c == Conduct::Lies);
        for attempt in self.world.history.attempts().values() {
            let assigned = attempt
                .proceedings()
                .map(|p| p.assigned.as_slice())
                .unwrap_or_default();
            for verifier in assigned.iter().filter(|v| !v.is_live()) {
                assert!(
                    !steady.contains(&verifier.node),
                    "who answers in time is passed over"
                );
            }
        }
        for verdict in self.observer.verdicts() {
            assert!(verdict.outliers.iter().all(|node| liars.contains(node)));
            let score = published(verdict).expect("every verdict accepts");
            assert!((score.normalized.get() - TRUTH).abs() < 1e-9);
            if steady.contains(&self.world.attempt(verdict.attempt).lease.node) {
                assert_eq!(verdict.claim, ClaimCheck::Honest);
            }
        }
    }
}

fn proceedings_state(world: &World, id: AttemptId, node: NodeId) -> Option<AssignedState> {
    let live = world.attempt(id).proceedings()?.live().find(|a| a.node == node);
    live.map(|a| a.state.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn among_honest_nodes_every_attempt_is_accepted_with_the_true_score(
        volunteers in honest(3..=7),
        coordinator_pace in 1..=5_u64,
    ) {
        let mut network = Network::new(&volunteers);
        network.run(coordinator_pace, 200);
        network.check_blame();
        prop_assert!(network.is_done());
        prop_assert_eq!(network.observer.verdicts().count(), 3);
        for id in network.attempts() {
            prop_assert_eq!(network.world.proceedings(id).rounds, 1);
        }
        prop_assert!(network.world.replayed() == network.world.history);
    }

    #[test]
    fn the_absent_and_the_withholding_delay_but_change_nothing(
        steady in honest(3..=5),
        others in prop::collection::vec(
            volunteer(prop_oneof![
                (0..40_u64, 1..60_u64).prop_map(|(from, time)| Conduct::Away(from, from + time)),
                Just(Conduct::Withholds),
            ]),
            0..=4,
        ),
        coordinator_pace in 1..=5_u64,
    ) {
        let mut network = Network::new(&[others, steady].concat());
        network.run(coordinator_pace, 2000);
        network.check_blame();
        prop_assert!(network.is_done(), "an attempt never ends");
        prop_assert!(network.world.replayed() == network.world.history);
    }

    #[test]
    fn a_liar_among_the_absent_is_found_out_all_the_same(
        steady in honest(5),
        others in prop::collection::vec(
            volunteer(prop_oneof![
                (0..20_u64, 1..400_u64).prop_map(|(from, time)| Conduct::Away(from, from + time)),
                Just(Conduct::Withholds),
            ]),
            1..=3,
        ),
        coordinator_pace in 1..=5_u64,
    ) {
        let liar = Volunteer { conduct: Conduct::Lies, pace: 1 };
        let mut network = Network::new(&[vec![liar], others, steady].concat());
        network.run(coordinator_pace, 2000);
        network.check_blame();
        prop_assert!(network.is_done(), "an attempt never ends");
    }

    #[test]
    fn the_only_verifiers_may_go_and_come_back(
        gone in prop::collection::vec((0..30_u64, 1..90_u64, 1..=3_u64), 3..=4),
        coordinator_pace in 1..=5_u64,
    ) {
        let volunteers: Vec<Volunteer> = gone
            .iter()
            .map(|&(from, time, pace)| Volunteer { conduct: Conduct::Away(from, from + time), pace })
            .collect();
        let mut network = Network::new(&volunteers);
        network.run(coordinator_pace, 400);
        // A node that goes between sealing and opening is not drawn again, so an attempt may wait for
        // ever; but nothing false is ever said.
        network.check_blame();
        prop_assert!(network.world.replayed() == network.world.history);
    }

    #[test]
    fn one_liar_among_four_honest_nodes_is_found_out(
        mut volunteers in honest(5..=6),
        pace in 1..=3_u64,
        coordinator_pace in 1..=5_u64,
    ) {
        volunteers[0] = Volunteer { conduct: Conduct::Lies, pace };
        let mut network = Network::new(&volunteers);
        network.run(coordinator_pace, 400);
        network.check_blame();
        prop_assert!(network.is_done());
        let liar = member(1).node.node_id();
        for id in network.attempts() {
            let drawn = network.world.proceedings(id).assigned.iter().any(|a| a.node == liar);
            prop_assert_eq!(network.world.verdict(id).outliers.contains(&liar), drawn);
        }
    }
}
