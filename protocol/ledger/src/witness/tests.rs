//! Every answer of `tlog-witness`, and that nothing a witness is sent makes it cosign a fork.

use proptest::prelude::*;

use super::*;
use crate::fixture::{key, keypair, memory_log};
use crate::log::Log;
use crate::store::{MemoryStore, Scan, SledStore};

const NOW: u64 = 1_764_000_000;

fn node() -> Keypair {
    Keypair::from_secret([77; 32])
}

fn witness_over<S: Store>(store: S) -> Witness<S> {
    let mut witness = Witness::new(store, node());
    witness.trust(key()).unwrap();
    witness
}

fn witness() -> Witness<MemoryStore> {
    witness_over(MemoryStore::default())
}

/// A log of `total` entries whose first `shared` are the numbered ones, the others this branch's.
fn branch(shared: u64, total: u64, name: &str) -> Log<MemoryStore> {
    let mut log = memory_log(shared.min(total)).log;
    let own: Vec<_> = (shared..total)
        .map(|i| format!("{name} {i}").into_bytes())
        .collect();
    log.append_batch(&own).unwrap();
    log
}

fn signed(log: &Log<MemoryStore>, size: u64) -> SignedCheckpoint {
    let mut head = log.head();
    head.size = size;
    head.root = log.root_at(size).unwrap();
    head.sign(&keypair()).unwrap()
}

fn request(log: &Log<MemoryStore>, old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: log.consistency_proof(old, new).unwrap(),
        checkpoint: signed(log, new),
    }
}

fn assert_cosigned(line: &SignatureLine, checkpoint: &SignedCheckpoint) {
    let cosigned = checkpoint.with_signature(line).unwrap();
    let found = cosigned
        .cosignatures(&[WitnessKey::of(node().node_id())], NOW)
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].at, NOW);
}

#[test]
fn a_log_that_only_grows_is_cosigned_at_every_step() {
    let log = memory_log(300).log;
    let mut witness = witness();
    let mut old = 0;
    for size in [0, 1, 2, 2, 7, 256, 300, 300] {
        let request = request(&log, old, size);
        let line = witness.add_checkpoint(&request, NOW).unwrap();
        assert_cosigned(&line, &request.checkpoint);
        assert_eq!(witness.latest(key().origin()).unwrap(), Some(request.checkpoint));
        old = size;
    }
}

#[test]
fn every_refusal_has_the_status_of_the_specification_and_changes_nothing() {
    let log = memory_log(20).log;
    let mut witness = witness();
    witness.add_checkpoint(&request(&log, 0, 7), NOW).unwrap();
    let good = request(&log, 7, 12);
    let changed = |change: &dyn Fn(&mut AddCheckpoint)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let stranger = Keypair::from_secret([1; 32]);
    let other_origin = |request: &mut AddCheckpoint| {
        let mut head = request.checkpoint.checkpoint().clone();
        head.origin = "log.example/two".parse().unwrap();
        request.checkpoint = head.sign(&keypair()).unwrap();
    };
    let cases = [
        (404, changed(&other_origin)),
        (
            403,
            changed(&|r| r.checkpoint = r.checkpoint.checkpoint().sign(&stranger).unwrap()),
        ),
        (400, changed(&|r| r.old = 13)),
        (409, changed(&|r| r.old = 0)),
        (409, request(&log, 6, 12)),
        (409, request(&log, 8, 12)),
        (409, request(&log, 3, 5)),
        (409, request(&branch(2, 7, "other"), 7, 7)),
        (422, changed(&|r| r.proof.clear())),
        (422, changed(&|r| r.proof.push(TreeHash::empty()))),
        (422, request(&branch(2, 12, "other"), 7, 12)),
    ];
    for (case, (status, request)) in cases.into_iter().enumerate() {
        let error = witness.add_checkpoint(&request, NOW).unwrap_err();
        assert_eq!(error.status(), status, "case {case}: {error}");
        assert_eq!(witness.latest(key().origin()).unwrap().unwrap().size(), 7);
    }
    let error = witness.add_checkpoint(&request(&log, 0, 12), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::Conflict { known: 7 }), "{error}");
    witness.add_checkpoint(&good, NOW).unwrap();
}

#[test]
fn a_first_checkpoint_needs_no_proof_and_takes_none() {
    let log = memory_log(5).log;
    let mut first = request(&log, 0, 5);
    first.proof.push(TreeHash::empty());
    assert_eq!(witness().add_checkpoint(&first, NOW).unwrap_err().status(), 422);
    let mut empty = log.head();
    (empty.size, empty.root) = (0, TreeHash::leaf(b"not the root of nothing"));
    let request = AddCheckpoint {
        old: 0,
        proof: Vec::new(),
        checkpoint: empty.sign(&keypair()).unwrap(),
    };
    assert_eq!(witness().add_checkpoint(&request, NOW).unwrap_err().status(), 409);
}

#[test]
fn contradictions_are_kept_as_proofs_that_anyone_can_check() {
    let honest = memory_log(20).log;
    let mut witness = witness();
    witness.add_checkpoint(&request(&honest, 0, 7), NOW).unwrap();
    let other = branch(2, 12, "other");
    for request in [request(&other, 7, 7), request(&other, 7, 12)] {
        let error = witness.add_checkpoint(&request, NOW).unwrap_err();
        let fork = error.fork().expect("both checkpoints are signed");
        let (read, _) = Fork::parse(fork.to_text(&key()).as_bytes()).unwrap();
        assert!(read.is_proved(&key()));
        assert_eq!(read.theirs, request.checkpoint);
    }
    let mut wrong = request(&honest, 7, 12);
    wrong.proof[0] = TreeHash::empty();
    let error = witness.add_checkpoint(&wrong, NOW).unwrap_err();
    assert!(error.fork().is_none(), "a false proof accuses nobody");
}

#[test]
fn a_copy_of_the_other_branch_proves_the_fork_at_every_size() {
    // Where a witness stands at a power of two the proof alone does not say what the tree begins with.
    for stood in [3, 4, 7, 8] {
        let mut witness = witness();
        witness
            .add_checkpoint(&request(&memory_log(20).log, 0, stood), NOW)
            .unwrap();
        let copy = branch(2, 12, "other");
        let error = witness.cosign(&copy, &signed(&copy, 11), NOW).unwrap_err();
        assert_eq!(error.status(), 422);
        assert!(error.fork().unwrap().is_proved(&key()), "stood at {stood}");
    }
}

#[test]
fn a_copy_is_cosigned_from_wherever_the_witness_stands() {
    let copy = memory_log(20).log;
    let mut witness = witness();
    for size in [1, 8, 8, 20] {
        let checkpoint = signed(&copy, size);
        assert_cosigned(&witness.cosign(&copy, &checkpoint, NOW).unwrap(), &checkpoint);
    }
    let behind = witness.cosign(&copy, &signed(&copy, 8), NOW).unwrap_err();
    assert!(matches!(behind, WitnessError::Conflict { known: 20 }));
    let ahead = signed(&memory_log(30).log, 30);
    assert!(matches!(
        witness.cosign(&copy, &ahead, NOW),
        Err(WitnessError::Log(_))
    ));
}

#[test]
fn of_two_requests_from_one_size_the_later_cannot_roll_the_earlier_back() {
    let log = memory_log(20).log;
    let mut witness = witness();
    let (small, large) = (request(&log, 0, 5), request(&log, 0, 9));
    witness.add_checkpoint(&large, NOW).unwrap();
    let error = witness.add_checkpoint(&small, NOW).unwrap_err();
    assert!(matches!(error, WitnessError::Conflict { known: 9 }));
    assert_eq!(witness.latest(key().origin()).unwrap().unwrap().size(), 9);
}

#[test]
fn what_was_cosigned_is_remembered_when_the_answer_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let log = memory_log(20).log;
    let open = || witness_over(SledStore::open(folder.path().join("db")).unwrap());
    // The process dies after the checkpoint is written down: nobody ever sees the line.
    let _ = open().add_checkpoint(&request(&log, 0, 9), NOW).unwrap();
    let mut witness = open();
    let error = witness.add_checkpoint(&request(&log, 0, 9), NOW).unwrap_err();
    assert!(matches!(error, WitnessError::Conflict { known: 9 }));
    let again = request(&log, 9, 9);
    assert_cosigned(&witness.add_checkpoint(&again, NOW).unwrap(), &again.checkpoint);
}

/// A store that cannot make anything durable.
struct Full(MemoryStore);

impl Store for Full {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Scan<'a> {
        self.0.scan(prefix)
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.0.write(batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Failed { path: "here".into() })
    }
}

#[test]
fn nothing_is_cosigned_that_could_not_be_kept() {
    let log = memory_log(20).log;
    let mut witness = witness_over(Full(MemoryStore::default()));
    let refused = witness.add_checkpoint(&request(&log, 0, 9), NOW);
    assert!(matches!(refused, Err(WitnessError::Store(_))));
}

#[test]
fn a_name_belongs_to_the_log_that_had_it_first() {
    let log = memory_log(5).log;
    let other = VerifierKey::new(key().origin().clone(), Keypair::from_secret([6; 32]).public());
    let mut first = witness();
    assert!(matches!(
        first.trust(other.clone()),
        Err(WitnessError::OriginTaken { .. })
    ));
    first.add_checkpoint(&request(&log, 0, 5), NOW).unwrap();
    let mut restarted = Witness::new(first.store, node());
    assert!(matches!(
        restarted.trust(other),
        Err(WitnessError::OriginTaken { .. })
    ));
    restarted.trust(key()).unwrap();
}

#[test]
fn requests_read_back_and_sloppy_ones_are_refused() {
    let log = memory_log(300).log;
    for (old, new) in [(0, 300), (77, 300), (300, 300)] {
        let request = request(&log, old, new);
        assert_eq!(AddCheckpoint::parse(&request.to_bytes()).unwrap(), request);
    }
    let text = String::from_utf8(request(&log, 77, 300).to_bytes()).unwrap();
    let hash = format!("{}\n", TreeHash::empty());
    for bad in [
        text.replacen("old 77", "old 077", 1),
        text.replacen("old 77", "old  77", 1),
        text.replacen("old 77", "77", 1),
        text.replacen("old 77", "old 18446744073709551616", 1),
        text.replacen("old 77\n", &format!("old 77\n{}", hash.repeat(64)), 1),
        text.replacen("old 77\n", "old 77\nhash\n", 1),
        text.replacen("old 77\n", "old 77\r\n", 1),
        text.replacen("\n\n", "\n", 1),
        text.split_once("\n\n").unwrap().0.to_owned(),
        text.clone() + &"x".repeat(MAX_ADD_CHECKPOINT),
    ] {
        assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

/// What is sent: which branch, from and to which size, and how it is spoilt.
type Step = (usize, u64, u64, bool, Option<usize>);

proptest! {
    #[test]
    fn no_order_of_requests_makes_it_cosign_two_inconsistent_trees(
        shared in 0_u64..30,
        steps in proptest::collection::vec((0_usize..3, 0_u64..40, 0_u64..40, any::<bool>(), proptest::option::of(0_usize..6)), 1..40),
    ) {
        let branches = [branch(40, 40, ""), branch(shared, 40, "second"), branch(shared / 2, 40, "third")];
        let mut witness = witness();
        let mut cosigned: Vec<SignedCheckpoint> = Vec::new();
        for (which, old, grow, honest_old, spoil) in steps as Vec<Step> {
            let log = &branches[which];
            let stood = cosigned.last().map_or(0, SignedCheckpoint::size);
            let old = if honest_old { stood } else { old };
            let new = (old + grow).min(40);
            let mut asked = request(log, old.min(new), new);
            if let Some(hash) = spoil.and_then(|at| asked.proof.get_mut(at)) {
                *hash = TreeHash::leaf(hash.as_bytes());
            }
            match witness.add_checkpoint(&asked, NOW) {
                Ok(_) => cosigned.push(asked.checkpoint),
                Err(error) => if let Some(fork) = error.fork() {
                    prop_assert!(fork.is_proved(&key()));
                },
            }
        }
        for (earlier, later) in cosigned.iter().zip(cosigned.iter().skip(1)) {
            prop_assert!(earlier.size() <= later.size());
        }
        if let Some(last) = cosigned.last() {
            let log = branches.iter().find(|log| log.root_at(last.size()).unwrap() == *last.root()).unwrap();
            for earlier in &cosigned {
                prop_assert_eq!(log.root_at(earlier.size()).unwrap(), *earlier.root());
            }
        }
    }

    #[test]
    fn garbage_requests_never_panic(text in "(old [0-9]{0,22}\n)?([A-Za-z0-9+/=]{0,50}\n){0,3}\n?[a-z\n]{0,40}") {
        prop_assert!(AddCheckpoint::parse(text.as_bytes()).is_err());
    }
}
