//! A small world: one coordinator, some nodes, and a log that the rules accept.

use std::collections::BTreeMap;

use quorate_core::agreement::{Agreement, Level};
use quorate_core::digest::{AgentId, ArtifactId, AttemptId, BundleId, CampaignId};
use quorate_core::history::{AssignedState, Phase, Step};
use quorate_core::record::*;
use quorate_core::score::{Outcome, Samples, Scale, Score};
use quorate_core::task::{Aggregate, Better, DeviceKind, Image, Limits, TaskSpec, Tier};
use quorate_core::text::{Name, Note, Origin, Salt, Timestamp};
use quorate_core::vrf::VrfSecret;
use quorate_core::{Digest, Envelope, History, Keypair, NodeId, Record};

/// What a verifier does once it is drawn.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Score(Outcome),
    Silent,
    SealOnly,
}

/// Seconds a verifier has to seal and to reveal.
const SECONDS: u32 = 10;
/// A campaign grants at most so many leases for each bundle and agent.
pub(crate) const LEASES: u32 = 64;

pub(crate) struct World {
    coordinator: Keypair,
    vrf: VrfSecret,
    pub(crate) now: Timestamp,
    pub(crate) history: History,
    pub(crate) log: Vec<Envelope>,
    keys: BTreeMap<NodeId, Keypair>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) bundles: Vec<BundleId>,
    pub(crate) campaign: Option<CampaignId>,
    numbers: BTreeMap<(BundleId, AgentId), u32>,
}

impl World {
    pub(crate) fn new(origin: &str) -> Self {
        let coordinator = Keypair::from_secret([200; 32]);
        let vrf = VrfSecret::from_seed([201; 32]);
        let now = Timestamp(1_795_000_000_000);
        let first = Record::Coordinator(Coordinator {
            origin: Origin::new(origin).unwrap(),
            key: coordinator.public(),
            vrf_key: vrf.public(),
            enrollment: EnrollmentPolicy::Open,
            witness_quorum: 0,
            at: now,
        })
        .sign(&[&coordinator])
        .unwrap();
        Self {
            history: History::begin(&first).unwrap(),
            log: vec![first],
            coordinator,
            vrf,
            now,
            keys: BTreeMap::new(),
            nodes: Vec::new(),
            bundles: Vec::new(),
            campaign: None,
            numbers: BTreeMap::new(),
        }
    }

    /// A world with `nodes` nodes, the named environments, and one campaign for the named agents.
    pub(crate) fn with(nodes: u8, environments: &[&str], agents: &[&str]) -> Self {
        let mut world = Self::new("log.example");
        for n in 0..nodes {
            world.enroll(n, "Imaginary processor");
        }
        for environment in environments {
            world.publish(environment, Tier::Smoke);
        }
        world.qualify();
        world.ask(agents);
        world
    }

    fn append(&mut self, record: &Record, keys: &[&Keypair]) -> Envelope {
        let envelope = record.sign(keys).unwrap();
        self.history.apply(&envelope).unwrap();
        self.log.push(envelope.clone());
        envelope
    }

    fn coordinate(&mut self, record: &Record) -> Envelope {
        self.append(record, &[&self.coordinator.clone()])
    }

    pub(crate) fn enroll(&mut self, n: u8, processor: &str) {
        let (node, operator) = (
            Keypair::from_secret([n + 1; 32]),
            Keypair::from_secret([n + 101; 32]),
        );
        self.now.0 += 1000;
        let record = Record::Enrollment(Enrollment {
            origin: self.history.coordinator().origin.clone(),
            node: node.node_id(),
            operator: operator.public(),
            name: Name::new(format!("operator-{n}")).unwrap(),
            host: host(processor),
            at: self.now,
        });
        self.append(&record, &[&operator, &node]);
        self.nodes.push(node.node_id());
        self.keys.insert(node.node_id(), node);
    }

    pub(crate) fn publish(&mut self, environment: &str, tier: Tier) {
        let bundle = BundleId(Digest::of(format!("{environment}/{tier}").as_bytes()));
        let record = Record::Bundle(BundleRecord {
            bundle,
            spec: spec(environment, tier),
            at: self.now,
        });
        self.coordinate(&record);
        self.bundles.push(bundle);
    }

    pub(crate) fn qualify(&mut self) {
        for bundle in self.bundles.clone() {
            self.coordinate(&Record::Qualification(qualification(bundle, self.now)));
        }
    }

    pub(crate) fn ask(&mut self, agents: &[&str]) {
        let mut agents: Vec<AgentRef> = agents
            .iter()
            .map(|name| AgentRef {
                name: Name::new(*name).unwrap(),
                id: agent(name),
            })
            .collect();
        agents.sort();
        let record = Record::Campaign(Campaign {
            name: Name::new("first").unwrap(),
            bundles: self.bundles.clone(),
            agents,
            attempts: LEASES,
            max_leases: LEASES,
            grace_seconds: 5,
            verification: Verification {
                replicas: 2,
                escalation: 2,
                max_rescores: 5,
                seal_seconds: SECONDS,
                reveal_seconds: SECONDS,
                audit_percent: None,
            },
            at: self.now,
        });
        self.campaign = Some(CampaignId(self.coordinate(&record).id().0));
    }

    /// Leases the attempt of `agent_name` at the world's n-th bundle to its n-th node.
    pub(crate) fn lease(&mut self, bundle: usize, agent_name: &str, node: usize) -> AttemptId {
        self.now.0 += 1000;
        let (bundle, agent) = (self.bundles[bundle], agent(agent_name));
        let number = self.numbers.entry((bundle, agent)).or_default();
        let record = Record::Lease(Lease {
            campaign: self.campaign.unwrap(),
            bundle,
            agent,
            number: *number,
            node: self.nodes[node],
            at: self.now,
            deadline: Timestamp(self.now.0 + 60_000),
        });
        *number += 1;
        AttemptId(self.coordinate(&record).id().0)
    }

    pub(crate) fn forfeit(&mut self, attempt: AttemptId, reason: ForfeitReason) {
        let by_coordinator = reason == ForfeitReason::DeadlinePassed;
        if by_coordinator {
            self.now.0 += 120_000;
        }
        let record = Record::Forfeit(Forfeit {
            attempt,
            reason,
            at: self.now,
        });
        let holder = self.holder(attempt);
        let key = if by_coordinator {
            self.coordinator.clone()
        } else {
            holder
        };
        self.append(&record, &[&key]);
    }

    fn holder(&self, attempt: AttemptId) -> Keypair {
        self.keys[&self.history.attempts()[&attempt].lease.node].clone()
    }

    /// Seals a claim and has it verified to its verdict. `None` for a claim that is never opened.
    pub(crate) fn finish(
        &mut self,
        attempt: AttemptId,
        claimed: Option<Outcome>,
        act: impl Fn(NodeId) -> Act,
    ) {
        let key = self.holder(attempt);
        let outcome = claimed.clone().unwrap_or_else(|| score(0.0));
        let reveal = Record::Reveal(Reveal::Claim(Claim {
            attempt,
            outcome,
            salt: Salt([3; 32]),
        }));
        let claim = Record::SealedClaim(SealedClaim {
            attempt,
            artifact: ArtifactId(Digest::of(attempt.0.as_bytes())),
            commitment: Commitment::to(&reveal.sign(&[&key]).unwrap()),
            usage: Usage::default(),
            host: host("Imaginary processor"),
            at: self.now,
        });
        self.append(&claim, &[&key]);
        let mut opened = claimed.is_none();
        while self.verify_once(attempt, &act) {
            if !opened && may_reveal(&self.history, attempt) {
                self.append(&reveal, &[&key]);
                opened = true;
            }
        }
    }

    /// Takes the next step, or lets those who were drawn act, or lets time pass. False at the end.
    fn verify_once(&mut self, attempt: AttemptId, act: &impl Fn(NodeId) -> Act) -> bool {
        let vrf = self.vrf.clone();
        let step = self
            .history
            .next_step(attempt, self.now, |p| vrf.output(&p.draw_input()));
        match step {
            Step::Assign(plan) => {
                let input = self.history.attempts()[&attempt]
                    .proceedings()
                    .unwrap()
                    .draw_input();
                let record = Record::Assignment(Assignment {
                    attempt,
                    round: plan.round,
                    draw: self.vrf.prove(&input),
                    quorum: plan.quorum,
                    passed_over: plan.passed_over,
                    verifiers: plan.verifiers,
                    seal_by: plan.seal_by,
                    reveal_by: plan.reveal_by,
                    at: self.now,
                });
                self.coordinate(&record);
            }
            Step::Conclude(verdict) => {
                self.coordinate(&Record::Verdict(verdict));
                return false;
            }
            Step::Forfeit => panic!("it is sealed"),
            Step::Wait => self.let_verifiers_act(attempt, act),
        }
        true
    }

    fn let_verifiers_act(&mut self, attempt: AttemptId, act: &impl Fn(NodeId) -> Act) {
        let before = self.log.len();
        for (node, state) in states(&self.history, attempt) {
            let outcome = match (act(node), state) {
                (Act::Score(outcome), AssignedState::Waiting) => outcome,
                (Act::SealOnly, AssignedState::Waiting) => score(0.5),
                (Act::Score(outcome), AssignedState::Sealed(..)) if may_reveal(&self.history, attempt) => {
                    let reveal = self.rescore(attempt, node, outcome);
                    self.append(&reveal, &[&self.keys[&node].clone()]);
                    continue;
                }
                _ => continue,
            };
            let key = self.keys[&node].clone();
            let reveal = self.rescore(attempt, node, outcome).sign(&[&key]).unwrap();
            let record = Record::SealedRescore(SealedRescore {
                attempt,
                commitment: Commitment::to(&reveal),
                at: self.now,
            });
            self.append(&record, &[&key]);
        }
        if self.log.len() == before {
            self.now.0 += u64::from(SECONDS) * 1000 + 1;
        }
    }

    fn rescore(&self, attempt: AttemptId, node: NodeId, outcome: Outcome) -> Record {
        let artifact = self.history.attempts()[&attempt]
            .proceedings()
            .unwrap()
            .claim
            .artifact;
        Record::Reveal(Reveal::Rescore(Statement {
            attempt,
            artifact,
            predicate: RescorePredicate {
                outcome,
                salt: Salt(*node.key().as_bytes()),
                host: host("Imaginary processor"),
                at: Timestamp(0),
            },
        }))
    }

    pub(crate) fn withdraw(&mut self, attempt: AttemptId, reason: &str) {
        let Phase::Decided { record, .. } = self.history.attempts()[&attempt].phase else {
            panic!("no verdict to withdraw");
        };
        let record = Record::Correction(Correction {
            corrects: record,
            reason: Note::new(reason).unwrap(),
            at: self.now,
        });
        self.coordinate(&record);
    }

    /// A lease, an honest claim, and verifiers that agree.
    pub(crate) fn honest(&mut self, bundle: usize, agent: &str, node: usize, value: f64) -> AttemptId {
        let id = self.lease(bundle, agent, node);
        self.finish(id, Some(score(value)), |_| Act::Score(score(value)));
        id
    }
}

fn states(history: &History, attempt: AttemptId) -> Vec<(NodeId, AssignedState)> {
    let proceedings = history.attempts()[&attempt].proceedings().unwrap();
    proceedings
        .live()
        .map(|assigned| (assigned.node, assigned.state.clone()))
        .collect()
}

fn may_reveal(history: &History, attempt: AttemptId) -> bool {
    history.attempts()[&attempt].proceedings().unwrap().may_reveal()
}

/// A valid outcome around `center`, raw and normalised alike.
pub(crate) fn score(center: f64) -> Outcome {
    let samples = [-0.01, 0.0, 0.01, 0.0]
        .map(|d| Score::new(center + d).unwrap())
        .to_vec();
    Outcome::Valid {
        raw: Score::new(center * 10.0).unwrap(),
        samples: Samples::new(samples).unwrap(),
    }
}

pub(crate) fn invalid(reason: &str) -> Outcome {
    Outcome::Invalid {
        reason: Note::new(reason).unwrap(),
    }
}

fn agent(name: &str) -> AgentId {
    AgentId(Digest::of(name.as_bytes()))
}

fn host(processor: &str) -> Host {
    Host {
        device: DeviceClass(Name::new("cpu").unwrap()),
        processor: Note::new(processor).unwrap(),
        fingerprint: Note::lossy("made up"),
    }
}

fn spec(environment: &str, tier: Tier) -> TaskSpec {
    let limits = Limits {
        seconds: 60,
        memory_mib: 64,
        processes: 8,
        millicpus: 1000,
        disk_mib: 16,
        open_files: 64,
        output_kib: 64,
    };
    TaskSpec {
        environment: Name::new(environment).unwrap(),
        tier,
        version: Name::new("1").unwrap(),
        summary: Note::lossy("made up"),
        canary: Note::lossy("made up"),
        image: Image::Host,
        device: DeviceKind::Cpu,
        artifact: vec![Note::lossy("solution.txt")],
        attempt: limits,
        scoring: limits,
        scorer: vec![Note::lossy("score")],
        self_score: None,
        service: None,
        scale: Scale {
            start: Score::new(0.0).unwrap(),
            reference: Score::new(10.0).unwrap(),
        },
        better: Better::Higher,
        aggregate: Aggregate::Best,
        agreement: Agreement::Equivalence {
            margin: Score::new(0.15).unwrap(),
            level: Level::FivePercent,
        },
    }
}

/// Runs that qualify any task of this world.
fn qualification(bundle: BundleId, at: Timestamp) -> Qualification {
    let valid = |score| Scored::Valid {
        raw: Score::new(score).unwrap(),
        normalized: Score::new(score).unwrap(),
    };
    let invalid = || Scored::Invalid {
        reason: Note::lossy("made up"),
    };
    let run = |role, scorings| QualifyingRun {
        role,
        name: Name::new(format!("{role:?}").to_lowercase()).unwrap(),
        scorings,
        attempt_seconds: Score::new(1.0).unwrap(),
        scoring_seconds: Score::new(1.0).unwrap(),
    };
    Qualification {
        bundle,
        runs: vec![
            run(Role::Null, vec![invalid()]),
            run(Role::Start, vec![valid(0.0)]),
            run(Role::Reference, vec![valid(1.0); REFERENCE_SCORINGS]),
            run(Role::Exploit, vec![invalid()]),
        ],
        host: host("Imaginary processor"),
        at,
    }
}
