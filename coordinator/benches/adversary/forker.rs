//! A coordinator that shows two logs: one half of the witnesses sees one first, the other half the other.

use std::fmt::Write as _;

use quorate_core::Keypair;
use quorate_ledger::checkpoint::Checkpoint;
use quorate_ledger::tree::Prover;
use quorate_ledger::witness::{AddCheckpoint, Witness};
use quorate_ledger::{MemoryStore, SignedCheckpoint, TreeHash, VerifierKey};

/// Witnesses, each of an operator of its own.
const WITNESSES: u8 = 20;

/// Entries that both logs share; then they differ.
const SHARED: u8 = 4;

/// Tries every quorum that matters against none to nine dishonest witnesses, who cosign anything.
pub(crate) fn table() -> String {
    let mut text = String::from(
        "| witnesses | dishonest | quorum | cosignatures for either log | both logs reach the quorum | honest witnesses that hold a proof of the fork |\n\
         |---|---|---|---|---|---|\n",
    );
    for dishonest in [0, 2, 4, 6] {
        let (one, other, proofs) = fork(dishonest);
        for (name, quorum) in [
            ("half", WITNESSES / 2),
            ("a majority", WITNESSES / 2 + 1),
            ("two thirds", (2 * WITNESSES).div_ceil(3)),
        ] {
            let both = if one.min(other) >= usize::from(quorum) {
                "yes"
            } else {
                "no"
            };
            writeln!(
                text,
                "| {WITNESSES} | {dishonest} | {quorum}, {name} | {one}, {other} | {both} | {proofs} of {} |",
                WITNESSES - dishonest
            )
            .unwrap();
        }
    }
    text
}

/// Cosignatures for both logs, and how many honest witnesses come away with a proof.
fn fork(dishonest: u8) -> (usize, usize, usize) {
    let key = Keypair::from_secret([66; 32]);
    let log = VerifierKey::new("forker.example/log".parse().unwrap(), key.public());
    let heads = [b"one", b"two"].map(|entry| head(&log, &key, entry));
    let (mut lines, mut proofs) = ([0, 0], 0);
    for n in 0..WITNESSES {
        if n < dishonest {
            // Forgets what it cosigned.
            for (lines, head) in lines.iter_mut().zip(&heads) {
                *lines += usize::from(ask(&mut witness(n, &log), head).is_ok());
            }
            continue;
        }
        let mut witness = witness(n, &log);
        let first = usize::from(n % 2);
        for which in [first, 1 - first] {
            match ask(&mut witness, &heads[which]) {
                Ok(_) => lines[which] += 1,
                Err(error) => proofs += usize::from(error.fork().is_some_and(|fork| fork.is_proved(&log))),
            }
        }
    }
    (lines[0], lines[1], proofs)
}

fn head(log: &VerifierKey, key: &Keypair, last: &[u8]) -> SignedCheckpoint {
    let shared = (0..SHARED).map(|n| TreeHash::leaf(&[n]));
    let tree = Prover::new(shared.chain([TreeHash::leaf(last)]).collect());
    let checkpoint = Checkpoint {
        origin: log.origin().clone(),
        size: tree.size(),
        root: tree.root(),
        extensions: Vec::new(),
    };
    checkpoint.sign(key).unwrap()
}

fn witness(n: u8, log: &VerifierKey) -> Witness<MemoryStore> {
    let mut witness = Witness::new(MemoryStore::default(), Keypair::from_secret([100 + n; 32]));
    witness.trust(log.clone()).unwrap();
    witness
}

/// Asks as a coordinator does that knows what each witness cosigned last.
fn ask(
    witness: &mut Witness<MemoryStore>,
    head: &SignedCheckpoint,
) -> Result<quorate_ledger::SignatureLine, quorate_ledger::witness::WitnessError> {
    let latest = witness.latest(&head.checkpoint().origin)?;
    let request = AddCheckpoint {
        old: latest.map_or(0, |latest| latest.size()),
        proof: Vec::new(),
        checkpoint: head.clone(),
    };
    witness.add_checkpoint(&request, 1_790_000_000)
}
