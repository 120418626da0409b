//! A process is killed while it appends. What it had acknowledged is still there, in whole batches.
//!
//! The test starts itself again as the process that dies.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use quorate_core::Keypair;
use quorate_ledger::{Log, VerifierKey, audit_directory, audit_store};

const CHILD: &str = "QUORATE_LEDGER_CRASH_CHILD";
const ROUNDS: u64 = 24;
/// Large enough for a kill to fall between the writes of one batch.
const BATCH: u64 = 7;

fn keypair() -> Keypair {
    Keypair::from_secret([2; 32])
}

fn key() -> VerifierKey {
    VerifierKey::new("log.example/crash".parse().unwrap(), keypair().public())
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index} ")
        .repeat(20 + usize::try_from(index % 50).unwrap())
        .into_bytes()
}

/// Appends for ever; says on standard output what is acknowledged and what is signed.
fn append_until_killed(home: &Path) {
    let mut log = Log::open_dir(home, key()).unwrap();
    println!("open {}", log.size());
    loop {
        let next = log.size();
        let batch: Vec<_> = (next..next + BATCH).map(entry).collect();
        let indices = log.append_batch(&batch).unwrap();
        assert_eq!(indices, (next..next + BATCH).collect::<Vec<_>>());
        println!("acknowledged {}", log.size());
        if (log.size() / BATCH).is_multiple_of(5) {
            log.sign_checkpoint(&keypair()).unwrap();
            println!("signed {}", log.size());
        }
    }
}

/// Starts the appender, lets it get through `lines` lines and then `pause` more, and kills it.
/// Returns the last sizes that it acknowledged and signed.
fn run_and_kill(home: &Path, lines: u64, pause: Duration) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_acknowledged_entry_is_lost", "--nocapture"])
        .env(CHILD, home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut acknowledged, mut signed, mut seen) = (0, 0, 0);
    let mut line = String::new();
    // What was printed before the kill is still in the pipe after it, and counts as well.
    while output.read_line(&mut line).unwrap() > 0 {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["acknowledged", size] => acknowledged = size.parse().unwrap(),
            ["signed", size] => signed = size.parse().unwrap(),
            _ => (),
        }
        seen += 1;
        line.clear();
        if seen == lines {
            std::thread::sleep(pause);
            // SIGKILL: nothing in the process runs after it.
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    (acknowledged, signed)
}

#[test]
fn no_acknowledged_entry_is_lost() {
    if let Some(home) = std::env::var_os(CHILD) {
        append_until_killed(Path::new(&home));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut acknowledged_before = 0;
    for round in 0..ROUNDS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The pause is the moment of the kill within an append, not a wait for anything.
        let pause = Duration::from_micros((random >> 40) % 6000);
        let (acknowledged, signed) = run_and_kill(folder.path(), 8 + (random >> 20) % 30, pause);
        assert!(acknowledged > acknowledged_before, "round {round} got on");

        let log = Log::open_dir(folder.path(), key()).unwrap();
        let size = log.size();
        assert!(
            size >= acknowledged,
            "round {round}: {acknowledged} acknowledged, {size} found"
        );
        assert_eq!(
            size % BATCH,
            0,
            "round {round}: a batch is there whole or not at all"
        );
        assert!(log.checkpoint().map_or(0, |checkpoint| checkpoint.size()) >= signed);
        assert_eq!(
            (log.report().rebuilt.as_ref(), log.report().set_aside.as_ref()),
            (None, None)
        );
        for index in 0..size {
            assert_eq!(log.entry(index).unwrap(), entry(index), "round {round}");
        }
        drop(log);
        let store = quorate_ledger::SledStore::open(folder.path().join("db")).unwrap();
        assert_eq!(audit_store(&store, &key()).unwrap().entries, size);
        drop(store);
        if signed > 0 {
            audit_directory(&folder.path().join("files"), &key()).unwrap();
        }
        acknowledged_before = acknowledged;
    }
    println!("{ROUNDS} kills, {acknowledged_before} entries");
}
