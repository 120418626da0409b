//! Processor cores as devices: one timed container on a core at a time, over all nodes of a host.
//!
//! A slot is a lock file in a folder that every node of the host shares, so that scorings of
//! different nodes do not disturb each other's clocks. The kernel releases a dead process's locks.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

/// How often a waiting node looks for a free core. Far below a scoring's length.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Cores could not be counted or locked.
#[derive(Debug, Error)]
#[error("cannot lock processor cores in {}", path.display())]
pub(crate) struct SlotError {
    path: PathBuf,
    source: io::Error,
}

/// The cores this process may use.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    folder: PathBuf,
    cores: Vec<u32>,
}

/// A core, held until dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _file: File,
    core: u32,
}

impl Slot {
    /// Which core.
    pub(crate) const fn core(&self) -> u32 {
        self.core
    }
}

impl Slots {
    /// The cores that the scheduler allows this process, locked through files in `folder`.
    pub(crate) fn new(folder: &Path) -> Result<Self, SlotError> {
        let error = |source| SlotError {
            path: folder.to_owned(),
            source,
        };
        let allowed = rustix::thread::sched_getaffinity(None).map_err(|errno| error(errno.into()))?;
        let cores = (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|core| allowed.is_set(*core))
            .filter_map(|core| u32::try_from(core).ok())
            .collect();
        std::fs::create_dir_all(folder).map_err(error)?;
        // Nodes of several users share the folder. Whoever may not change its mode finds it set.
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777));
        Ok(Self {
            folder: folder.to_owned(),
            cores,
        })
    }

    /// How many cores there are.
    pub(crate) fn count(&self) -> usize {
        self.cores.len()
    }

    /// Waits for a free core.
    pub(crate) async fn acquire(&self) -> Result<Slot, SlotError> {
        loop {
            if let Some(slot) = self.try_acquire()? {
                return Ok(slot);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn try_acquire(&self) -> Result<Option<Slot>, SlotError> {
        for core in &self.cores {
            let path = self.folder.join(format!("core-{core}"));
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o666)
                .open(&path)
                .map_err(|source| SlotError { path, source })?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok(Some(Slot {
                    _file: file,
                    core: *core,
                }));
            }
        }
        Ok(None)
    }
}

/// The folder that the nodes of this host share.
pub(crate) fn shared_folder() -> PathBuf {
    std::env::temp_dir().join("quorate-cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_core_is_held_by_one_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let slots = Slots::new(folder.path()).unwrap();
        let mut held = Vec::new();
        for _ in 0..slots.count() {
            held.push(slots.acquire().await.unwrap());
        }
        assert!(slots.try_acquire().unwrap().is_none());
        let freed = held.pop().unwrap().core();
        assert_eq!(slots.try_acquire().unwrap().unwrap().core(), freed);
    }
}
