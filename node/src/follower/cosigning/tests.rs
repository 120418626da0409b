//! What a copy cosigns, what it keeps as cosigned by others, and what it refuses of a coordinator.

use quorate_core::record::{Coordinator, DeviceClass, Enrollment, EnrollmentPolicy, Host};
use quorate_core::text::{Note, Timestamp};
use quorate_core::vrf::VrfSecret;
use quorate_core::{History, Keypair, Record};
use quorate_ledger::{Log, MemoryStore, Replica, VerifierKey, Witness};

use super::*;

fn coordinator() -> Keypair {
    Keypair::from_secret([1; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new("test/log".parse().unwrap(), coordinator().public())
}

fn node(n: u8) -> Keypair {
    Keypair::from_secret([100 + n; 32])
}

/// The entries of a log that asks for two witnesses and enrolls nodes 1 to `nodes`, each at `at`.
fn entries(nodes: u8, at: u64) -> Vec<Vec<u8>> {
    let first = Record::Coordinator(Coordinator {
        origin: "test/log".parse().unwrap(),
        key: coordinator().public(),
        vrf_key: VrfSecret::from_seed([2; 32]).public(),
        enrollment: EnrollmentPolicy::Open,
        witness_quorum: 2,
        at: Timestamp(1),
    });
    let enrollment = |n: u8| {
        let operator = Keypair::from_secret([200 + n; 32]);
        let record = Record::Enrollment(Enrollment {
            origin: "test/log".parse().unwrap(),
            node: node(n).node_id(),
            operator: operator.public(),
            name: format!("operator-{n}").parse().unwrap(),
            host: Host {
                device: DeviceClass("cpu".parse().unwrap()),
                processor: Note::lossy("processor"),
                fingerprint: Note::lossy("fingerprint"),
            },
            at: Timestamp(at),
        });
        record.sign(&[&operator, &node(n)]).unwrap()
    };
    std::iter::once(first.sign(&[&coordinator()]).unwrap())
        .chain((1..=nodes).map(enrollment))
        .map(|envelope| envelope.bytes().to_vec())
        .collect()
}

/// The coordinator's own log.
fn log(entries: &[Vec<u8>]) -> (Log<MemoryStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), folder.path(), key()).unwrap();
    log.append_batch(entries).unwrap();
    (log, folder)
}

fn signed(entries: &[Vec<u8>]) -> SignedCheckpoint {
    log(entries).0.head().sign(&coordinator()).unwrap()
}

fn cosigned_by(entries: &[Vec<u8>], nodes: &[Keypair]) -> SignedCheckpoint {
    let (log, _folder) = log(entries);
    let checkpoint = log.head().sign(&coordinator()).unwrap();
    nodes.iter().fold(checkpoint, |checkpoint, node| {
        let mut witness = Witness::new(MemoryStore::default(), node.clone());
        witness.trust(key()).unwrap();
        let line = witness.cosign(&log, &checkpoint, now().0 / 1000).unwrap();
        checkpoint.with_signature(&line).unwrap()
    })
}

/// A node's copy of a log.
fn copy_of(entries: &[Vec<u8>]) -> (Copy, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open_dir(folder.path(), key()).unwrap();
    let mut copy = Copy {
        replica: Replica::new(log),
        history: History::replay(entries.iter().map(Vec::as_slice)).unwrap(),
        asked: Asked::default(),
    };
    let offered = copy
        .replica
        .offer(entries, signed(entries).as_bytes(), |_, _| Ok::<_, RuleError>(()));
    offered.unwrap();
    (copy, folder)
}

fn page(candidate: Option<&SignedCheckpoint>, cosigned: Option<&SignedCheckpoint>) -> Page {
    let bytes = |checkpoint: Option<&SignedCheckpoint>| {
        checkpoint.map(|one| one.as_bytes().to_vec()).unwrap_or_default()
    };
    Page {
        entries: Vec::new(),
        checkpoint: Vec::new(),
        proof: Vec::new(),
        candidate: bytes(candidate),
        cosigned: bytes(cosigned),
    }
}

fn witnessing(folder: &tempfile::TempDir) -> Witnessing {
    Witnessing::new(folder.path().join("witness"), node(1))
}

#[test]
fn only_what_the_log_s_quorum_cosigned_is_kept_as_cosigned() {
    let entries = entries(2, 5);
    let (mut copy, _folder) = copy_of(&entries);
    for too_few in [
        cosigned_by(&entries, &[]),
        cosigned_by(&entries, &[node(1)]),
        cosigned_by(&entries, &[node(1), node(9)]),
        cosigned_by(&entries, &[node(1), node(1)]),
    ] {
        copy.note(&page(None, Some(&too_few)));
        assert_eq!(copy.replica.log().cosigned(), None);
    }
    let enough = cosigned_by(&entries, &[node(1), node(2)]);
    let foreign = enough.checkpoint().sign(&node(9)).unwrap();
    copy.note(&page(None, Some(&foreign)));
    assert_eq!(copy.replica.log().cosigned(), None);
    copy.note(&page(None, Some(&enough)));
    assert_eq!(copy.replica.log().cosigned(), Some(&enough));
    let smaller = cosigned_by(&entries, &[node(2), node(1)]);
    copy.note(&page(None, Some(&smaller)));
    assert_eq!(
        copy.replica.log().cosigned(),
        Some(&enough),
        "no more lines: no news"
    );
}

#[test]
fn a_candidate_is_cosigned_once_the_copy_has_its_entries() {
    let entries = entries(3, 5);
    let (mut copy, folder) = copy_of(&entries[..3]);
    let witness = witnessing(&folder);
    assert!(copy.cosign(&witness).unwrap().is_none(), "nobody asked");
    copy.note(&page(Some(&signed(&entries)), None));
    assert!(copy.cosign(&witness).unwrap().is_none(), "an entry is missing");
    let candidate = signed(&entries[..3]);
    copy.note(&page(Some(&candidate), None));
    let (size, line) = copy.cosign(&witness).unwrap().unwrap();
    assert_eq!(size, 3);
    let text = String::from_utf8(line).unwrap();
    let line = quorate_ledger::SignatureLine::parse(text.trim_end()).unwrap();
    let backing = Backing::of(
        &candidate.with_signature(&line).unwrap(),
        copy.history.as_ref().unwrap(),
        now(),
    );
    assert_eq!(backing.unwrap().operators.len(), 1);
    copy.note(&page(Some(&candidate.with_signature(&line).unwrap()), None));
    assert!(copy.cosign(&witness).unwrap().is_none(), "it bears the line");
    copy.note(&page(Some(&candidate), None));
    assert!(
        copy.cosign(&witness).unwrap().is_some(),
        "the coordinator lost the line"
    );
    copy.asked.done = Some((3, Instant::now()));
    assert!(copy.cosign(&witness).unwrap().is_none(), "it was taken just now");
}

#[test]
fn a_candidate_of_another_log_is_proof_of_a_fork_and_not_cosigned() {
    let (mut copy, folder) = copy_of(&entries(2, 5));
    let witness = witnessing(&folder);
    copy.note(&page(Some(&signed(&entries(2, 6))), None));
    match copy.cosign(&witness) {
        Err(CosignError::Copy(ReplicaError::Fork(fork))) => assert!(fork.is_proved(&key())),
        other => panic!("{other:?}"),
    }
    assert!(
        !folder.path().join("witness").exists(),
        "the witness was not even asked"
    );
}

#[test]
fn what_the_witness_remembers_proves_a_fork_that_a_fresh_copy_cannot_see() {
    let (mut copy, folder) = copy_of(&entries(2, 5));
    let witness = witnessing(&folder);
    copy.note(&page(Some(&signed(&entries(2, 5))), None));
    copy.cosign(&witness).unwrap().unwrap();
    // The copy was set aside and fetched anew, and the coordinator shows another log now.
    let other = entries(3, 6);
    let (mut fresh, _fresh) = copy_of(&other);
    fresh.note(&page(Some(&signed(&other)), None));
    match fresh.cosign(&witness) {
        Err(CosignError::Witness(error)) => assert!(error.fork().unwrap().is_proved(&key())),
        other => panic!("{other:?}"),
    }
}
