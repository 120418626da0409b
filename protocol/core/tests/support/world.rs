//! A small world for tests: one coordinator, some operators with a node each, one task, one campaign.
//!
//! A [`World`] is a log and what it comes to. Whatever it refuses must leave the history as it was;
//! [`World::apply`] checks that each time, so no test has to.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::digest::{AgentId, ArtifactId, AttemptId, BundleId, CampaignId, Digest};
use quorate_core::history::{Attempt, History, Phase, Plan, Proceedings, RuleError, Step};
use quorate_core::record::{
    AgentRef, Assignment, BundleRecord, Campaign, Claim, Commitment, Enrollment, EnrollmentPolicy, Forfeit,
    ForfeitReason, Lease, RescorePredicate, Reveal, SealedClaim, SealedRescore, Statement, Usage, Verdict,
};
use quorate_core::score::Outcome;
use quorate_core::text::Timestamp;
use quorate_core::vrf::VrfSecret;
use quorate_core::{Envelope, Keypair, NodeId, Record};

use crate::fixtures::{
    BEGIN, BUDGET, GRACE, Member, Terms, artifact, genesis, host, member, name, salt, task,
};

/// A seal and what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) seal: Envelope,
    pub(crate) reveal: Envelope,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) coordinator: Keypair,
    pub(crate) vrf: VrfSecret,
    pub(crate) members: BTreeMap<NodeId, Member>,
    pub(crate) history: History,
    pub(crate) log: Vec<Envelope>,
    pub(crate) now: Timestamp,
    pub(crate) bundle: BundleId,
    pub(crate) agent: AgentId,
    pub(crate) campaign: CampaignId,
}

impl World {
    /// A log that nobody joined yet and that asks for nothing.
    pub(crate) fn begun(policy: EnrollmentPolicy) -> Self {
        let coordinator = Keypair::from_secret([250; 32]);
        let mut first = genesis(&coordinator);
        first.enrollment = policy;
        let first = Record::Coordinator(first).sign(&[&coordinator]).unwrap();
        Self {
            vrf: VrfSecret::from_seed([251; 32]),
            history: History::begin(&first).unwrap(),
            log: vec![first],
            members: BTreeMap::new(),
            now: BEGIN,
            bundle: BundleId(Digest::of(b"bundle")),
            agent: AgentId(Digest::of(b"agent")),
            campaign: CampaignId(Digest::of(b"none yet")),
            coordinator,
        }
    }

    /// A log with `members` nodes (the members 1, 2, …) and one campaign.
    pub(crate) fn new(members: u8, terms: Terms) -> Self {
        let mut world = Self::begun(EnrollmentPolicy::Open);
        for n in 1..=members {
            world.enroll(&member(n));
        }
        world.must(&world.sign(Record::Bundle(world.bundle_record())));
        world.ask(terms);
        world
    }

    /// Publishes the campaign.
    pub(crate) fn ask(&mut self, terms: Terms) {
        let campaign = self.sign(Record::Campaign(self.campaign_record(terms)));
        self.must(&campaign);
        self.campaign = CampaignId(campaign.id().0);
    }

    pub(crate) fn bundle_record(&self) -> BundleRecord {
        BundleRecord {
            bundle: self.bundle,
            spec: task(),
            at: self.now,
        }
    }

    pub(crate) fn campaign_record(&self, terms: Terms) -> Campaign {
        Campaign {
            name: name("spring"),
            bundles: vec![self.bundle],
            agents: vec![AgentRef {
                name: name("search"),
                id: self.agent,
            }],
            attempts: terms.attempts,
            max_leases: terms.max_leases,
            grace_seconds: GRACE,
            verification: terms.verification,
            at: self.now,
        }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// Applies a record. What is refused must change nothing.
    pub(crate) fn apply(&mut self, envelope: &Envelope) -> Result<(), RuleError> {
        let before = self.history.clone();
        let applied = self.history.apply(envelope);
        if applied.is_ok() {
            self.log.push(envelope.clone());
        } else {
            assert!(self.history == before, "a refused record changed the history");
        }
        applied
    }

    pub(crate) fn must(&mut self, envelope: &Envelope) {
        self.apply(envelope).unwrap();
    }

    /// Applies a record that breaks a rule, and says which.
    pub(crate) fn refuse(&mut self, envelope: &Envelope) -> String {
        let error = self.apply(envelope).expect_err("the record breaks a rule");
        error.to_string()
    }

    /// Signs with the coordinator's key.
    pub(crate) fn sign(&self, record: Record) -> Envelope {
        record.sign(&[&self.coordinator]).unwrap()
    }

    pub(crate) fn enrollment(&self, member: &Member) -> Enrollment {
        Enrollment {
            origin: self.history.coordinator().origin.clone(),
            node: member.node.node_id(),
            operator: member.operator.public(),
            name: name("volunteers"),
            host: host(),
            at: self.now,
        }
    }

    /// Enrolls or renews.
    pub(crate) fn enroll(&mut self, member: &Member) {
        let record = Record::Enrollment(self.enrollment(member));
        self.must(&record.sign(&[&member.operator, &member.node]).unwrap());
        self.members.insert(member.node.node_id(), member.clone());
    }

    pub(crate) fn lease(&self, node: NodeId, number: u32) -> Lease {
        Lease {
            campaign: self.campaign,
            bundle: self.bundle,
            agent: self.agent,
            number,
            node,
            at: self.now,
            deadline: self.now.after(Duration::from_secs(u64::from(BUDGET + GRACE))),
        }
    }

    /// Grants the next open slot to `node`.
    pub(crate) fn grant(&mut self, node: NodeId) -> AttemptId {
        let number = self.history.open_slots()[0].number;
        let lease = self.sign(Record::Lease(self.lease(node, number)));
        self.must(&lease);
        AttemptId(lease.id().0)
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> &Attempt {
        &self.history.attempts()[&id]
    }

    pub(crate) fn proceedings(&self, id: AttemptId) -> &Proceedings {
        self.attempt(id).proceedings().unwrap()
    }

    pub(crate) fn verdict(&self, id: AttemptId) -> &Verdict {
        self.attempt(id).verdict().expect("the attempt is decided")
    }

    pub(crate) fn key(&self, node: NodeId) -> &Keypair {
        &self.members[&node].node
    }

    /// Verifiers that count and have not sealed.
    pub(crate) fn waiting(&self, id: AttemptId) -> Vec<NodeId> {
        let waiting = |state: &_| matches!(state, quorate_core::history::AssignedState::Waiting);
        let assigned = &self.proceedings(id).assigned;
        assigned
            .iter()
            .filter(|a| waiting(&a.state))
            .map(|a| a.node)
            .collect()
    }

    /// An executor's claim to have scored `outcome`.
    pub(crate) fn claim(&self, id: AttemptId, outcome: Outcome) -> Sealed {
        let key = self.key(self.attempt(id).lease.node);
        let claim = Claim {
            attempt: id,
            outcome,
            salt: salt(id, key.public()),
        };
        let reveal = Record::Reveal(Reveal::Claim(claim)).sign(&[key]).unwrap();
        let seal = Record::SealedClaim(SealedClaim {
            attempt: id,
            artifact: artifact(id),
            commitment: Commitment::to(&reveal),
            usage: Usage::default(),
            host: host(),
            at: self.now,
        });
        Sealed {
            seal: seal.sign(&[key]).unwrap(),
            reveal,
        }
    }

    /// A verifier's rescore of `outcome`.
    pub(crate) fn rescore(&self, id: AttemptId, verifier: NodeId, outcome: Outcome) -> Sealed {
        self.rescore_of(id, artifact(id), self.key(verifier), outcome)
    }

    pub(crate) fn rescore_of(
        &self,
        attempt: AttemptId,
        artifact: ArtifactId,
        key: &Keypair,
        outcome: Outcome,
    ) -> Sealed {
        let predicate = RescorePredicate {
            outcome,
            salt: salt(attempt, key.public()),
            host: host(),
            at: self.now,
        };
        let statement = Statement {
            attempt,
            artifact,
            predicate,
        };
        let reveal = Record::Reveal(Reveal::Rescore(statement)).sign(&[key]).unwrap();
        let seal = Record::SealedRescore(SealedRescore {
            attempt,
            commitment: Commitment::to(&reveal),
            at: self.now,
        });
        Sealed {
            seal: seal.sign(&[key]).unwrap(),
            reveal,
        }
    }

    pub(crate) fn step(&self, id: AttemptId) -> Step {
        self.history
            .next_step(id, self.now, |p| self.vrf.output(&p.draw_input()))
    }

    pub(crate) fn plan(&self, id: AttemptId) -> Plan {
        match self.step(id) {
            Step::Assign(plan) => plan,
            other => panic!("an assignment is due, not {other:?}"),
        }
    }

    pub(crate) fn assignment(&self, id: AttemptId, plan: Plan) -> Assignment {
        Assignment {
            attempt: id,
            round: plan.round,
            draw: self.vrf.prove(&self.proceedings(id).draw_input()),
            quorum: plan.quorum,
            passed_over: plan.passed_over,
            verifiers: plan.verifiers,
            seal_by: plan.seal_by,
            reveal_by: plan.reveal_by,
            at: self.now,
        }
    }

    /// Takes the coordinator's steps until it must wait for others.
    pub(crate) fn coordinate(&mut self, id: AttemptId) {
        loop {
            let record = match self.step(id) {
                Step::Wait => return,
                Step::Forfeit => Record::Forfeit(Forfeit {
                    attempt: id,
                    reason: ForfeitReason::DeadlinePassed,
                    at: self.now,
                }),
                Step::Assign(plan) => Record::Assignment(self.assignment(id, plan)),
                Step::Conclude(verdict) => Record::Verdict(verdict),
            };
            self.must(&self.sign(record));
        }
    }

    /// Lease, claim and first assignment.
    pub(crate) fn handed_in(&mut self, executor: NodeId, claimed: Outcome) -> (AttemptId, Sealed) {
        let id = self.grant(executor);
        self.pass(5);
        let claim = self.claim(id, claimed);
        self.must(&claim.seal);
        self.coordinate(id);
        (id, claim)
    }

    /// Everybody who waits seals what `outcome` gives.
    pub(crate) fn seal_all(&mut self, id: AttemptId, outcome: impl Fn(NodeId) -> Outcome) -> Vec<Sealed> {
        let sealed: Vec<_> = self
            .waiting(id)
            .into_iter()
            .map(|node| self.rescore(id, node, outcome(node)))
            .collect();
        for rescore in &sealed {
            self.must(&rescore.seal);
        }
        sealed
    }

    /// Plays an attempt to its verdict with verifiers that all answer.
    pub(crate) fn play(
        &mut self,
        executor: NodeId,
        claimed: Outcome,
        outcome: impl Fn(NodeId) -> Outcome,
    ) -> AttemptId {
        let (id, claim) = self.handed_in(executor, claimed);
        let mut opened = false;
        while matches!(self.attempt(id).phase, Phase::Verifying(_)) {
            self.pass(1);
            let sealed = self.seal_all(id, &outcome);
            assert!(!sealed.is_empty(), "nobody is drawn and nothing is decided");
            if !opened {
                self.must(&claim.reveal);
                opened = true;
            }
            for rescore in sealed {
                self.must(&rescore.reveal);
            }
            self.coordinate(id);
        }
        id
    }

    /// What a reader of the log's bytes makes of it.
    pub(crate) fn replayed(&self) -> History {
        let replayed = History::replay(self.log.iter().map(Envelope::bytes));
        replayed.unwrap().expect("the log has begun")
    }
}
