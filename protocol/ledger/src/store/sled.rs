//! The sled engine: one folder with sled's files, a lock and a ballast file.
//!
//! Every value carries a format number and a checksum over its key and bytes, so a value that sled
//! hands back damaged, or under another key, is noticed here.
//!
//! sled 0.34 cannot *open* a database on a full disk. The ballast is room set aside for that: it is
//! given up when opening finds the disk full, and no write is accepted until it could be laid down
//! again. sled also panics on some damage; those panics end here as [`StoreError::Damaged`].

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Batch, Pair, Scan, Store, StoreError};

const FORMAT: u8 = 1;
const CHECKSUM: usize = 8;
/// sled needs one or two segments of half a MiB to open; the rest lets a clean-up of the log finish.
const BALLAST: u64 = 16 << 20;
/// sled's own default is a GiB, which a node that lends GPUs cannot spare.
const CACHE: u64 = 64 << 20;
/// How long a closed database may take to let go of its file; milliseconds were seen.
const PREVIOUS: Duration = Duration::from_secs(10);

/// A store in a folder on disk.
pub struct SledStore {
    /// Dropped first: sled must be closed before the lock is let go.
    db: sled::Db,
    path: PathBuf,
    ballast: bool,
    failed: bool,
    _lock: File,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the database in the folder `path`, which is made where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::DiskFull`], [`StoreError::Damaged`] or
    /// [`StoreError::Io`]; each says what to do.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let lock = lock(&path)?;
        await_previous(&path)?;
        let ballast = path.join("ballast");
        let db = match open_sled(&path) {
            Err(StoreError::DiskFull { .. }) if ballast.exists() => {
                tracing::warn!(path = %path.display(), "disk full: giving up the ballast file to open the database");
                fs::remove_file(&ballast).map_err(|source| refused(&path, source))?;
                open_sled(&path)
            }
            other => other,
        }?;
        let mut store = Self {
            db,
            path,
            ballast: false,
            failed: false,
            _lock: lock,
        };
        if let Err(error) = store.lay_ballast() {
            tracing::warn!(path = %store.path.display(), %error, "the database is open for reading only");
        }
        Ok(store)
    }

    /// Makes sure that the ballast is there, in real bytes: a sparse file would hold no room.
    fn lay_ballast(&mut self) -> Result<(), StoreError> {
        let path = self.path.join("ballast");
        if !fs::metadata(&path).is_ok_and(|meta| meta.len() == BALLAST)
            && let Err(source) = write_ballast(&path)
        {
            // A partial ballast would take the room that the next attempt to open needs.
            let _ = fs::remove_file(&path);
            return Err(refused(&self.path, source));
        }
        self.ballast = true;
        Ok(())
    }

    /// The engine below the checksums.
    #[cfg(test)]
    pub(crate) const fn raw(&self) -> &sled::Db {
        &self.db
    }

    fn may_write(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed {
                path: self.path.clone(),
            });
        }
        if self.ballast { Ok(()) } else { self.lay_ballast() }
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = guarded(&self.path, || self.db.get(key))?;
        found.map(|framed| unframe(key, &framed)).transpose()
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Scan<'a> {
        let mut inner = self.db.scan_prefix(prefix);
        let mut broken = false;
        Box::new(std::iter::from_fn(move || {
            if broken {
                return None;
            }
            let item: Result<Pair, StoreError> = match guarded(&self.path, || inner.next().transpose()) {
                Ok(pair) => pair.map(|(key, framed)| Ok((key.to_vec(), unframe(&key, &framed)?)))?,
                Err(error) => {
                    // The engine itself is in trouble: there is no next pair to be had.
                    broken = true;
                    Err(error)
                }
            };
            Some(item)
        }))
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.may_write()?;
        let mut inner = sled::Batch::default();
        for (key, value) in batch.into_pairs() {
            let framed = frame(&key, &value);
            inner.insert(key, framed);
        }
        let done = guarded(&self.path, || self.db.apply_batch(inner));
        self.failed = done.is_err();
        done
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed {
                path: self.path.clone(),
            });
        }
        let done = guarded(&self.path, || self.db.flush().map(drop));
        self.failed = done.is_err();
        done
    }
}

/// Takes the folder's lock, so that a second opener gets a clear answer.
fn lock(path: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(path).map_err(|source| refused(path, source))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(|source| refused(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(refused(path, source)),
    }
}

/// Waits until sled has let go of its file. Its background threads may outlive a closed database by
/// some milliseconds, within this process; other openers are kept out by our own lock.
fn await_previous(path: &Path) -> Result<(), StoreError> {
    let Ok(file) = File::open(path.join("sled").join("db")) else {
        return Ok(());
    };
    let deadline = Instant::now() + PREVIOUS;
    while let Err(error) = file.try_lock() {
        if let TryLockError::Error(source) = error {
            return Err(refused(path, source));
        }
        if Instant::now() > deadline {
            return Err(StoreError::Locked {
                path: path.to_owned(),
            });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(path.join("sled"))
        .cache_capacity(CACHE)
        // Durability is the caller's explicit flush; a timer would only add unordered writes.
        .flush_every_ms(None);
    guarded(path, || config.open())
}

fn write_ballast(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    // Incompressible, or a compressing file system would set nothing aside.
    let mut noise = blake3::Hasher::new().update(b"ballast").finalize_xof();
    let mut block = vec![0; 1 << 16];
    for _ in 0..BALLAST / (1 << 16) {
        noise.fill(&mut block);
        file.write_all(&block)?;
    }
    file.sync_all()
}

/// Runs one call into sled and turns its errors and panics into ours.
fn guarded<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    let damaged = |reason: String| StoreError::Damaged {
        path: path.to_owned(),
        reason,
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) => match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Err(damaged(source.to_string())),
            _ => Err(refused(path, source)),
        },
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panic) => Err(damaged(
            panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "the engine panicked".to_owned()),
        )),
    }
}

fn refused(path: &Path, source: io::Error) -> StoreError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull {
            path,
            need_mib: (2 * BALLAST) >> 20,
        },
        _ => StoreError::Io { path, source },
    }
}

/// The first byte is the format; the checksum covers it, so that a flipped format byte reads as
/// damage and not as a newer version. Every later format keeps these nine bytes.
fn checksum(format: u8, key: &[u8], value: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&[format])
        .update(&(key.len() as u64).to_le_bytes())
        .update(key)
        .update(value);
    let mut short = [0; CHECKSUM];
    hasher.finalize_xof().fill(&mut short);
    short
}

fn frame(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&[FORMAT][..], &checksum(FORMAT, key, value), value].concat()
}

fn unframe(key: &[u8], framed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let corrupt = || StoreError::Corrupt { key: key.to_vec() };
    let (&format, rest) = framed.split_first().ok_or_else(corrupt)?;
    let (sum, value) = rest.split_first_chunk::<CHECKSUM>().ok_or_else(corrupt)?;
    if *sum != checksum(format, key, value) {
        return Err(corrupt());
    }
    if format != FORMAT {
        return Err(StoreError::Version {
            key: key.to_vec(),
            found: format,
        });
    }
    Ok(value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_value_or_a_value_under_another_key_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        for key in ["a", "b", "c"] {
            batch.put(key, "value");
        }
        store.write(batch).unwrap();
        let good = store.db.get("a").unwrap().unwrap();
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 1;
            store.db.insert("a", bad).unwrap();
            assert!(
                matches!(store.get(b"a"), Err(StoreError::Corrupt { key }) if key == b"a"),
                "byte {at}"
            );
        }
        store.db.insert("a", store.db.get("b").unwrap().unwrap()).unwrap();
        assert!(store.get(b"a").is_err(), "the value of another key");
        store.db.insert("a", &good[..4]).unwrap();
        let scanned: Vec<_> = store.scan(b"").map(|pair| pair.map(|(key, _)| key)).collect();
        assert!(
            matches!(&scanned[..], [Err(_), Ok(b), Ok(c)] if b == b"b" && c == b"c"),
            "the others are still there"
        );

        let newer = [&[2][..], &checksum(2, b"a", b"v"), b"v"].concat();
        store.db.insert("a", newer).unwrap();
        assert!(matches!(
            store.get(b"a"),
            Err(StoreError::Version { found: 2, .. })
        ));
    }
}
