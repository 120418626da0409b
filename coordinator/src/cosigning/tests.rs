//! Who counts, once each, and which checkpoint nodes meet on.

use quorate_core::Keypair;
use quorate_core::{Envelope, History};
use quorate_ledger::checkpoint::MAX_CLOCK_LEAD;
use quorate_ledger::{Log, MemoryStore, VerifierKey, Witness};

use super::*;
use crate::desk::Charter;
use crate::desk::tests::{START, enrollment, keys, node, origin};

fn key() -> VerifierKey {
    VerifierKey::new(origin().as_str().parse().unwrap(), keys().signing().public())
}

/// A log whose entries enroll nodes, with what it comes to.
struct World {
    log: Log<MemoryStore>,
    entries: Vec<Vec<u8>>,
    _folder: tempfile::TempDir,
}

impl World {
    /// Asks for `quorum` witnesses; nodes 1 to `nodes` are enrolled, each of its own operator.
    fn new(quorum: u8, nodes: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let charter = Charter {
            witness_quorum: quorum,
            ..origin().into()
        };
        let genesis = keys().genesis(charter, START).unwrap();
        let mut world = Self {
            log: Log::open(MemoryStore::default(), &folder.path().join("files"), key()).unwrap(),
            entries: Vec::new(),
            _folder: folder,
        };
        world.append(genesis.bytes().to_vec());
        for n in 1..=nodes {
            world.append(enrollment(n, START));
        }
        world
    }

    fn append(&mut self, entry: Vec<u8>) {
        self.log.append_batch(&[&entry]).unwrap();
        self.entries.push(entry);
    }

    fn history(&self) -> History {
        History::replay(self.entries.iter().map(Vec::as_slice))
            .unwrap()
            .unwrap()
    }

    fn head(&self) -> SignedCheckpoint {
        self.log.head().sign(keys().signing()).unwrap()
    }

    fn line(&self, by: &Keypair, checkpoint: &SignedCheckpoint, at: u64) -> Vec<u8> {
        let mut witness = Witness::new(MemoryStore::default(), by.clone());
        witness.trust(key()).unwrap();
        let line = witness.cosign(&self.log, checkpoint, at).unwrap();
        line.to_string().into_bytes()
    }

    fn vote(&self, cosigning: &mut Cosigning, n: u8) -> Result<Option<SignedCheckpoint>, CosignError> {
        let candidate = cosigning.candidate().unwrap().clone();
        let line = self.line(&node(n), &candidate, START.0 / 1000);
        let vote = Vote {
            node: node(n).node_id(),
            size: candidate.size(),
            line: &line,
        };
        cosigning.count(vote, None, &self.history(), START)
    }

    fn proposed(&self) -> Cosigning {
        let mut cosigning = Cosigning::default();
        cosigning.propose(&self.head(), 0, &self.history(), START);
        cosigning
    }
}

#[test]
fn a_checkpoint_counts_when_as_many_operators_cosigned_as_the_log_asks_for() {
    let world = World::new(2, 3);
    let mut cosigning = world.proposed();
    assert_eq!(world.vote(&mut cosigning, 1).unwrap(), None);
    assert_eq!(
        world.vote(&mut cosigning, 1).unwrap(),
        None,
        "one operator, one vote"
    );
    let cosigned = world.vote(&mut cosigning, 3).unwrap().expect("two operators");
    assert_eq!(cosigning.candidate(), None, "the next one's turn");
    cosigned.verify(&key()).unwrap();
    let backing = Backing::of(&cosigned, &world.history(), START).unwrap();
    assert!(backing.is_quorum());
    let names: Vec<_> = backing.operators.values().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"operator-1") && names.contains(&"operator-3"));
}

#[test]
fn a_late_cosignature_is_added_to_what_has_its_quorum() {
    let world = World::new(1, 2);
    let mut cosigning = world.proposed();
    let first = world.vote(&mut cosigning, 1).unwrap().unwrap();
    let line = world.line(&node(2), &first, START.0 / 1000);
    let vote = Vote {
        node: node(2).node_id(),
        size: first.size(),
        line: &line,
    };
    let both = cosigning
        .count(vote, Some(&first), &world.history(), START)
        .unwrap()
        .unwrap();
    assert_eq!(
        Backing::of(&both, &world.history(), START)
            .unwrap()
            .operators
            .len(),
        2
    );
}

#[test]
fn a_candidate_stays_until_its_quorum_or_until_patience_ends() {
    let mut world = World::new(2, 2);
    let mut cosigning = world.proposed();
    world.append(enrollment(3, START));
    let history = world.history();
    let size = |cosigning: &Cosigning| cosigning.candidate().map(SignedCheckpoint::size);
    let soon = START.after(PATIENCE - Duration::from_millis(1));
    cosigning.propose(&world.head(), 0, &history, soon);
    assert_eq!(size(&cosigning), Some(3), "nodes still meet on it");
    cosigning.propose(&world.head(), 0, &history, START.after(PATIENCE));
    assert_eq!(size(&cosigning), Some(4));
    cosigning.propose(&world.head(), 0, &history, START.after(PATIENCE * 9));
    assert_eq!(size(&cosigning), Some(4), "the log has not grown");
}

#[test]
fn nothing_is_proposed_that_cannot_count() {
    for (quorum, nodes) in [(0, 3), (2, 1), (1, 0)] {
        let world = World::new(quorum, nodes);
        assert_eq!(
            world.proposed().candidate(),
            None,
            "{nodes} nodes, quorum {quorum}"
        );
    }
    let world = World::new(1, 1);
    let mut cosigning = Cosigning::default();
    cosigning.propose(&world.head(), 2, &world.history(), START);
    assert_eq!(cosigning.candidate(), None, "that size has its quorum already");
}

#[test]
fn lines_of_others_and_of_other_checkpoints_are_refused_with_the_reason() {
    let mut world = World::new(2, 2);
    let candidate = world.head();
    let mut cosigning = world.proposed();
    // Enrolled after the candidate: its own entries do not say who that is.
    world.append(enrollment(3, START));
    let (history, now) = (world.history(), START.0 / 1000);
    let line = |n: u8| world.line(&node(n), &candidate, now);
    let mut refusal = |sender: u8, size, line: &[u8]| {
        let vote = Vote {
            node: node(sender).node_id(),
            size,
            line,
        };
        cosigning.count(vote, None, &history, START).unwrap_err()
    };
    assert!(matches!(
        refusal(1, 2, &line(1)),
        CosignError::NotWanted { size: 2 }
    ));
    assert!(matches!(refusal(3, 3, &line(3)), CosignError::Stranger { .. }));
    assert!(matches!(refusal(9, 3, &line(9)), CosignError::Stranger { .. }));
    assert!(matches!(refusal(1, 3, &line(2)), CosignError::NotYours { .. }));
    assert!(matches!(refusal(1, 3, b"garbage"), CosignError::Line(_)));
    assert!(matches!(
        refusal(1, 3, &[b'x'; 600]),
        CosignError::TooLong { size: 600 }
    ));
    let early = world.line(&node(1), &candidate, now + MAX_CLOCK_LEAD + 9);
    assert!(matches!(refusal(1, 3, &early), CosignError::Line(_)));
    let of_head = world.line(&node(1), &world.head(), now);
    assert!(
        matches!(refusal(1, 3, &of_head), CosignError::Line(_)),
        "a true line of another size"
    );
    assert_eq!(cosigning.candidate(), Some(&candidate), "nothing was counted");
}

#[test]
fn two_nodes_of_one_operator_are_one_witness() {
    let mut world = World::new(2, 1);
    // Node 2 joins under operator 1.
    let operator = Keypair::from_secret([201; 32]);
    let mut record = match quorate_core::Record::read(&Envelope::decode(&enrollment(2, START)).unwrap()) {
        Ok(quorate_core::Record::Enrollment(record)) => record,
        other => panic!("{other:?}"),
    };
    record.operator = operator.public();
    let signed = quorate_core::Record::Enrollment(record)
        .sign(&[&operator, &node(2)])
        .unwrap();
    world.append(signed.bytes().to_vec());
    world.append(enrollment(3, START));
    let mut cosigning = world.proposed();
    for n in [1, 2] {
        assert_eq!(world.vote(&mut cosigning, n).unwrap(), None, "node {n}");
    }
    assert!(world.vote(&mut cosigning, 3).unwrap().is_some());
}
