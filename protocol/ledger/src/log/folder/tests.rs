//! A database on disk that is damaged is replaced, and the log in it comes back as it was.

use std::collections::BTreeMap;

use super::*;
use crate::fixture::{key, keypair, numbered};

/// The files of sled's folder by name, without the folder of large values, which stays empty here.
fn snapshot(sled: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(sled)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file());
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// sled's threads may still hold the old files, which no longer matter.
fn restore(sled: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(sled).unwrap();
    fs::create_dir_all(sled.join("blobs")).unwrap();
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn aside(home: &Path) -> usize {
    let names = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("db.damaged-")).count()
}

/// sled answers one flipped byte in its file by refusing to open, or by silently forgetting what came
/// after it. Whatever it does, the log comes back as it was, and stays.
#[test]
fn any_flipped_byte_in_the_engines_file_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let mut log = Log::open_dir(home, key()).unwrap();
    for batch in 0..30 {
        let entries: Vec<_> = (0..20).map(|i| vec![batch; 900 + i]).collect();
        log.append_batch(&entries).unwrap();
    }
    log.sign_checkpoint(&keypair()).unwrap();
    let (size, root) = (log.size(), log.root());
    drop(log);
    let sled = home.join("db/sled");
    // sled's threads hold the lock until they have written what they had to.
    fs::File::open(sled.join("db")).unwrap().lock().unwrap();
    let good = snapshot(&sled);
    let (mut forgot, mut refused) = (0, 0);
    for trial in 0..40 {
        let mut bad = good.clone();
        let bytes = bad.get_mut(&sled.join("db")).unwrap();
        let at = bytes.len() / 40 * trial + trial;
        bytes[at] ^= 0x10;
        restore(&sled, &bad);
        let before = aside(home);
        let log = Log::open_dir(home, key()).unwrap();
        assert_eq!((log.size(), log.root()), (size, root), "byte {at}");
        assert_eq!(
            aside(home) - before,
            usize::from(log.report().rebuilt.is_some()),
            "the evidence is kept"
        );
        match &log.report().rebuilt {
            None => (),
            Some(Finding::Engine { .. }) => refused += 1,
            Some(_) => forgot += 1,
        }
        drop(log);
        // What is appended afterwards sticks. The files as they were are put back for the next trial.
        let kept = tempfile::tempdir_in(home).unwrap();
        copy(&home.join("files"), kept.path());
        let mut again = Log::open_dir(home, key()).unwrap();
        assert_eq!(
            (again.root(), again.report().rebuilt.as_ref()),
            (root, None),
            "byte {at}"
        );
        again.append_batch(&numbered(0..30)).unwrap();
        let longer = again.root();
        drop(again);
        let last = Log::open_dir(home, key()).unwrap();
        assert_eq!(
            (last.root(), last.report().rebuilt.as_ref()),
            (longer, None),
            "byte {at}"
        );
        drop(last);
        fs::remove_dir_all(home.join("files")).unwrap();
        copy(kept.path(), &home.join("files"));
    }
    assert!(
        forgot > 0 && refused > 0,
        "both kinds of damage were met: {forgot} and {refused}"
    );
}

/// A database with 300 entries, 280 of them under a checkpoint, and one entry damaged.
fn damaged(home: &Path, index: u64) -> TreeHash {
    let mut log = Log::open_dir(home, key()).unwrap();
    log.append_batch(&numbered(0..280)).unwrap();
    log.sign_checkpoint(&keypair()).unwrap();
    log.append_batch(&numbered(280..300)).unwrap();
    let root = log.root();
    let raw = log.store.raw();
    let mut value = raw.get(schema::entry_key(index)).unwrap().unwrap().to_vec();
    value[45] ^= 1;
    raw.insert(schema::entry_key(index), value).unwrap();
    root
}

#[test]
fn entries_that_only_the_database_holds_are_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let root = damaged(folder.path(), 270);
    let log = Log::open_dir(folder.path(), key()).unwrap();
    assert_eq!((log.size(), log.root()), (300, root));
    assert!(log.report().set_aside.as_ref().unwrap().exists());
    assert_eq!(log.find(&Digest::of(b"entry 299")).unwrap(), Some(299));
}

#[test]
fn what_no_copy_holds_is_reported_and_nothing_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    damaged(folder.path(), 290);
    for _ in 0..2 {
        let lost = Log::open_dir(folder.path(), key());
        assert!(
            matches!(
                lost,
                Err(LogError::Lost {
                    have: 290,
                    acknowledged: 300,
                    ..
                })
            ),
            "{lost:?}"
        );
    }
    assert_eq!(aside(folder.path()), 1, "the damaged database is kept");
    fs::remove_file(folder.path().join("files/acknowledged")).unwrap();
    assert_eq!(Log::open_dir(folder.path(), key()).unwrap().size(), 290);
}

#[test]
fn an_interrupted_replacement_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let mut log = Log::open_dir(home, key()).unwrap();
    log.append_batch(&numbered(0..5)).unwrap();
    drop(log);
    fs::rename(home.join("db"), home.join("db.fresh")).unwrap();
    assert_eq!(Log::open_dir(home, key()).unwrap().size(), 5);
    fs::create_dir(home.join("db.fresh")).unwrap();
    assert_eq!(
        Log::open_dir(home, key()).unwrap().size(),
        5,
        "half a replacement is ignored"
    );
}
