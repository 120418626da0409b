//! A full disk: nothing acknowledged is lost, the log still opens for reading, and writing goes on
//! once there is room.
//!
//! The test starts itself again in a mount namespace of its own with a small file system.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use quorate_core::Keypair;
use quorate_ledger::{Log, LogError, StoreError, VerifierKey};

const SMALL_DISK: &str = "QUORATE_LEDGER_SMALL_DISK";

fn key() -> VerifierKey {
    VerifierKey::new(
        "log.example/full".parse().unwrap(),
        Keypair::from_secret([2; 32]).public(),
    )
}

fn batch(from: u64) -> Vec<Vec<u8>> {
    (from..from + 10).map(|i| i.to_be_bytes().repeat(600)).collect()
}

fn is_full(error: &LogError) -> bool {
    matches!(error, LogError::Store(StoreError::DiskFull { .. }))
}

/// Writes until not one byte more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for block in [4096, 1] {
        while file.write_all(&vec![7; block]).is_ok() {}
    }
}

fn on_a_small_disk(disk: &Path) {
    let home = disk.join("log");
    let mut log = Log::open_dir(&home, key()).unwrap();
    let error = loop {
        match log.append_batch(&batch(log.size())) {
            Ok(_) => (),
            Err(error) => break error,
        }
    };
    assert!(is_full(&error), "{error:?}");
    let (size, root) = (log.size(), log.root());
    assert!(size > 100);
    assert_eq!(
        log.entry(size - 1).unwrap(),
        batch(size - 10)[9],
        "reading goes on"
    );
    assert!(matches!(log.append_batch(&batch(size)), Err(LogError::Failed)));
    drop(log);

    let filler = disk.join("filler");
    fill(&filler);
    for _ in 0..2 {
        let mut log = Log::open_dir(&home, key()).unwrap();
        assert_eq!((log.size(), log.root()), (size, root), "opens on a full disk");
        assert!(!home.join("db/ballast").exists(), "at the ballast's expense");
        let refused = log.append_batch(&batch(size)).unwrap_err();
        assert!(is_full(&refused), "no write without ballast: {refused:?}");
    }
    fs::remove_file(&filler).unwrap();
    // The database itself takes so much of so small a disk that the ballast needs a larger one.
    remount(disk, "96m");
    let mut log = Log::open_dir(&home, key()).unwrap();
    assert!(home.join("db/ballast").exists());
    log.append_batch(&batch(size)).unwrap();
    assert_eq!(log.size(), size + 10);
}

fn remount(disk: &Path, size: &str) {
    let done = Command::new("mount")
        .args(["-o", &format!("remount,size={size}")])
        .arg(disk)
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn a_full_disk_costs_no_acknowledged_entry() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        on_a_small_disk(Path::new(&disk));
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=32m none \"$1\" || exit 77; exec \"$2\" --exact a_full_disk_costs_no_acknowledged_entry --nocapture";
    let done = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .env(SMALL_DISK, disk.path())
        .output();
    let no_mounts = |code| matches!(code, Some(1 | 77));
    match done {
        Ok(output) if output.status.success() => (),
        Ok(output) if !no_mounts(output.status.code()) => {
            panic!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        }
        other => println!("SKIPPED: this host gives no private mount: {other:?}"),
    }
}
