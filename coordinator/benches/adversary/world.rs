//! A run: attempts one after the other, each played to its end by whoever has a part in it.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_coordinator::desk::Desk;
use quorate_core::digest::AttemptId;
use quorate_core::duties::{self, Part};
use quorate_core::history::{AssignedState, Phase, Proceedings};
use quorate_core::record::{ClaimCheck, Decision, Forfeit, ForfeitReason};
use quorate_core::score::Outcome;
use quorate_core::text::{Note, Timestamp};
use quorate_core::wire::WorkRequest;
use quorate_core::{Envelope, History, NodeId, Record};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::party::{Cast, Conduct, Party};
use crate::records::{self, MARGIN, START, Sealed};
use crate::report::Tally;

/// What a liar adds.
const LIE: f64 = 0.5;

/// Standard deviation of one measurement, in normalised units.
const NOISE: f64 = 0.02;

/// Measurements of a scoring.
const SAMPLES: usize = 5;

/// Time between two leases: a hundred nodes then make about a hundred attempts each in two months.
const PAUSE: Duration = Duration::from_secs(480);

pub(crate) struct World {
    cast: Vec<Party>,
    places: BTreeMap<NodeId, usize>,
    desk: Desk,
    /// Somebody who believes nothing that the rules do not allow.
    follower: History,
    pub(crate) log: Vec<Envelope>,
    now: Timestamp,
    rng: StdRng,
    /// The score that was published last: what a guesser says.
    usual: f64,
    tally: Tally,
}

/// An attempt as the simulation knows it.
struct Play {
    id: AttemptId,
    executor: usize,
    /// What its artifact earns.
    truth: f64,
    /// What its executor claims.
    claimed: f64,
    claim: Sealed,
    rescores: BTreeMap<usize, Sealed>,
}

impl World {
    pub(crate) fn new(cast: Cast) -> Self {
        let genesis = records::keys().genesis(records::origin(), START).unwrap();
        let follower = History::begin(&genesis).unwrap();
        let places = cast.0.iter().map(|party| party.node.node_id());
        let mut world = Self {
            places: places.zip(0..).collect(),
            desk: Desk::new(follower.clone(), records::keys()).unwrap(),
            follower,
            log: vec![genesis],
            now: START,
            rng: StdRng::seed_from_u64(2026),
            usual: 0.6,
            tally: Tally::new(cast.0.iter().map(|party| party.conduct)),
            cast: cast.0,
        };
        for n in 0..world.cast.len() {
            world.enroll(n);
        }
        world
    }

    /// Plays `attempts` leases and counts what came of them.
    pub(crate) fn run(mut self, attempts: u32) -> Tally {
        self.play_all(attempts);
        self.tally
    }

    /// Plays `attempts` leases.
    pub(crate) fn play_all(&mut self, attempts: u32) {
        self.desk.publish(records::publication(attempts)).unwrap();
        self.publish();
        while !self.desk.history().open_slots().is_empty() {
            self.pass(PAUSE);
            let executor = self.rng.random_range(0..self.cast.len());
            let node = self.cast[executor].node.node_id();
            let asked = self.desk.work(node, &WorkRequest { gpu: false }, self.now);
            self.publish();
            if let Some(id) = asked.unwrap() {
                self.play(id, executor);
                self.tally.half_time(attempts / 2);
            }
        }
        assert!(self.follower == *self.desk.history(), "the follower differs");
    }

    /// Gives the follower what the coordinator recorded.
    fn publish(&mut self) {
        for envelope in self.desk.take_unlogged() {
            let received = Envelope::decode(envelope.bytes()).unwrap();
            self.follower.apply(&received).expect("the coordinator is honest");
            self.log.push(envelope);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn submit(&mut self, envelope: &Envelope) -> bool {
        let taken = self.desk.submit(envelope.bytes(), self.now).is_ok();
        self.publish();
        taken
    }

    fn enroll(&mut self, n: usize) {
        let enrollment = records::enrollment(&self.cast[n], self.now);
        assert!(self.submit(&enrollment), "anybody may enroll");
    }

    /// A normal deviate, near enough: the sum of twelve uniform ones less six.
    fn deviate(&mut self) -> f64 {
        (0..12).map(|_| self.rng.random::<f64>()).sum::<f64>() - 6.0
    }

    /// A measurement of `value`.
    fn measured(&mut self, value: f64) -> Outcome {
        let samples: Vec<f64> = (0..SAMPLES).map(|_| value + NOISE * self.deviate()).collect();
        records::outcome(&samples)
    }

    fn is_trusted(&self, n: usize) -> bool {
        let state = &self.follower.nodes()[&self.cast[n].node.node_id()];
        let account = self.follower.account(state.operator, &state.host.device);
        account.is_trusted(self.now)
    }

    fn play(&mut self, id: AttemptId, executor: usize) {
        let conduct = self.cast[executor].conduct;
        self.tally.leases += 1;
        let mut truth = 0.6 + 0.25 * self.deviate();
        self.pass(Duration::from_secs(300));
        match conduct {
            // About one in ten is this good.
            Conduct::Hides if truth < 0.6 + 0.25 * 1.28 => return self.give_up(id, executor),
            Conduct::SealsLate => {
                truth += LIE;
                self.pass(Duration::from_secs(600));
            }
            _ => {}
        }
        let inflates = match conduct {
            Conduct::Inflates | Conduct::Pair(_) => true,
            Conduct::Sleeps | Conduct::Cartel => self.is_trusted(executor),
            _ => false,
        };
        let claimed = if inflates { truth + LIE } else { truth };
        let outcome = self.measured(claimed);
        let claim = records::claim(&self.cast[executor], id, outcome, self.now);
        let taken = self.submit(&claim.seal);
        if conduct == Conduct::SealsLate {
            self.tally.act(executor, !taken);
        }
        if !taken {
            return;
        }
        let mut play = Play {
            id,
            executor,
            truth,
            claimed,
            claim,
            rescores: BTreeMap::new(),
        };
        self.verify(&mut play);
        self.count(&play);
    }

    /// Gives an attempt up, which is on record.
    fn give_up(&mut self, id: AttemptId, executor: usize) {
        let note = Note::lossy("the machine was needed");
        let forfeit = Record::Forfeit(Forfeit {
            attempt: id,
            reason: ForfeitReason::Abandoned { note },
            at: self.now,
        });
        let forfeit = forfeit.sign(&[&self.cast[executor].node]).unwrap();
        let recorded = self.submit(&forfeit);
        self.tally.act(executor, recorded);
        self.tally.given_up += 1;
    }

    /// Lets everybody do their part until there is a verdict.
    fn verify(&mut self, play: &mut Play) {
        for _ in 0..40 {
            let Phase::Verifying(proceedings) = &self.follower.attempts()[&play.id].phase else {
                return;
            };
            let proceedings = proceedings.clone();
            let parties: Vec<usize> = proceedings.live().map(|a| self.places[&a.node]).collect();
            self.pass(Duration::from_secs(20));
            for &n in &parties {
                self.seal(play, &proceedings, n);
            }
            let mut opened = false;
            for n in parties.into_iter().chain([play.executor]) {
                opened |= self.open(play, n);
            }
            if !opened {
                self.wait(play);
            }
        }
        panic!("attempt {} never ends", play.id);
    }

    /// Seals the rescore that is asked of party `n`, if one is.
    fn seal(&mut self, play: &mut Play, proceedings: &Proceedings, n: usize) {
        let node = self.cast[n].node.node_id();
        let asked = duties::rescores(&self.follower, node, self.now);
        if asked.iter().any(|job| job.attempt == play.id) {
            let told = self.told(play, proceedings, n);
            let sealed = records::rescore(&self.cast[n], play.id, told, self.now);
            assert!(self.submit(&sealed.seal), "it is in time");
            play.rescores.insert(n, sealed);
            self.tally.rescores += 1;
        }
    }

    /// What party `n` says that the artifact scores.
    fn told(&mut self, play: &Play, proceedings: &Proceedings, n: usize) -> Outcome {
        let (own, theirs) = (self.cast[n].conduct, self.cast[play.executor].conduct);
        match own {
            Conduct::SaysYes => self.measured(self.usual),
            Conduct::Copies => match open_already(proceedings) {
                Some(outcome) => outcome,
                None => self.measured(self.usual),
            },
            _ if own.colludes(n, play.executor, theirs) => self.measured(play.claimed),
            _ => self.measured(play.truth),
        }
    }

    /// Opens the seals of party `n` that are to be opened now.
    fn open(&mut self, play: &Play, n: usize) -> bool {
        let party = &self.cast[n];
        let due = duties::reveals(&self.follower, party.node.node_id());
        let mut opened = false;
        for (_, part) in due.into_iter().filter(|(id, _)| *id == play.id) {
            let reveal = match part {
                Part::Executor => play.claim.reveal.clone(),
                Part::Verifier if self.cast[n].conduct == Conduct::Withholds => continue,
                Part::Verifier => play.rescores[&n].reveal.clone(),
            };
            opened |= self.submit(&reveal);
        }
        opened
    }

    /// Nobody does anything: time passes, and those who were passed over come back.
    fn wait(&mut self, play: &Play) {
        self.pass(Duration::from_secs(400));
        self.desk.tick(self.now).unwrap();
        self.publish();
        let nodes: Vec<usize> = (0..self.cast.len()).collect();
        for n in nodes {
            let node = self.cast[n].node.node_id();
            if duties::must_enroll(&self.follower, node) {
                let withheld = play.rescores.contains_key(&n);
                self.tally.act(n, withheld);
                self.enroll(n);
            }
        }
    }

    fn count(&mut self, play: &Play) {
        let attempt = &self.follower.attempts()[&play.id];
        let verdict = attempt.verdict().expect("it was played to its end");
        let place = |node: &NodeId| self.places[node];
        let executor = self.cast[play.executor].conduct;
        let deceived = |n: usize| self.cast[n].conduct != Conduct::Honest;
        self.tally.decided += 1;
        if let Decision::Accepted { score } = verdict.decision {
            self.tally.accepted += 1;
            self.usual = score.normalized.get();
            if (score.normalized.get() - play.truth).abs() > MARGIN {
                let against = verdict
                    .agreeing
                    .iter()
                    .filter(|node| deceived(place(node)))
                    .count();
                self.tally.wrong(against * 2 > verdict.agreeing.len());
            }
        } else if executor == Conduct::Honest {
            self.tally.honest_not_accepted += 1;
        }
        let overclaimed = verdict.claim == ClaimCheck::Overclaimed;
        if (play.claimed - play.truth).abs() > MARGIN {
            self.tally.act(play.executor, overclaimed);
        } else if overclaimed {
            self.tally.honest_blamed += 1;
        }
        for assigned in &attempt.proceedings().expect("it has a verdict").assigned {
            let AssignedState::Revealed(told, _) = &assigned.state else {
                continue;
            };
            let (n, blamed) = (place(&assigned.node), verdict.outliers.contains(&assigned.node));
            let false_score = told
                .normalized()
                .is_none_or(|score| (score - play.truth).abs() > MARGIN);
            if false_score {
                self.tally.act(n, blamed);
            } else if blamed {
                self.tally.honest_blamed += 1;
            }
        }
    }
}

/// What a verifier that was drawn late can read in the log.
fn open_already(proceedings: &Proceedings) -> Option<Outcome> {
    let first = proceedings
        .rescores()
        .first()
        .map(|rescore| rescore.outcome.clone());
    first.or_else(|| proceedings.claimed.as_ref().map(|(outcome, _)| outcome.clone()))
}
