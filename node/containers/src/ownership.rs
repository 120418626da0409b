//! Whose containers these are.
//!
//! Every container, volume, cgroup and folder carries its owner's name, so several nodes on one
//! host never touch each other's. A locked file proves that at most one runtime per owner lives:
//! whatever else bears the name is left over from a dead one and may be removed.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::runtime::Error;

/// A node home's short name: 4 to 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    /// What every name of this owner's containers begins with.
    pub(crate) fn prefix(&self) -> String {
        // An owner holds no hyphen, so no owner's prefix begins another's.
        format!("quorate-{self}-")
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Owner {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if (4..=32).contains(&text.len()) && text.bytes().all(hex) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Spec {
            field: "owner",
            why: "4 to 32 lower-case hexadecimal digits".into(),
        })
    }
}

/// An owner's claim on this host, and the names of its live containers.
#[derive(Debug)]
pub(crate) struct Claim {
    owner: Owner,
    scratch: PathBuf,
    live: Mutex<HashSet<String>>,
    _lock: File,
}

impl Claim {
    /// Makes `scratch` and takes the owner's lock in it.
    pub(crate) fn take(owner: &Owner, scratch: &Path) -> Result<Arc<Self>, Error> {
        let doing = |what: &str| format!("{what} {}", scratch.display());
        fs::create_dir_all(scratch).map_err(Error::io(doing("making the scratch folder")))?;
        let scratch = fs::canonicalize(scratch).map_err(Error::io(doing("resolving the scratch folder")))?;
        let path = scratch.join(format!("{owner}.lock"));
        let lock = File::create(&path).map_err(Error::io(format!("opening the lock {}", path.display())))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::Locked {
                owner: owner.to_string(),
                lock: path,
            },
            TryLockError::Error(source) => Error::Io {
                doing: "taking the lock".into(),
                source,
            },
        })?;
        let live = Mutex::default();
        Ok(Arc::new(Self {
            owner: owner.clone(),
            scratch,
            live,
            _lock: lock,
        }))
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Registers a container under its full name until the returned guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, name: &str) -> Result<Live, Error> {
        let full = format!("{}{name}", self.owner.prefix());
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if !live.insert(full.clone()) {
            let why = format!("`{name}` is running already");
            return Err(Error::Spec { field: "name", why });
        }
        Ok(Live {
            claim: Arc::clone(self),
            full,
        })
    }

    /// Whether a thing of this full name belongs to a container that is running now.
    pub(crate) fn is_live(&self, full: &str) -> bool {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(full)
    }
}

/// A live container's name.
#[derive(Debug)]
pub(crate) struct Live {
    claim: Arc<Claim>,
    full: String,
}

impl Live {
    pub(crate) fn full(&self) -> &str {
        &self.full
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.claim
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_live_claim_per_owner() {
        let scratch = tempfile::tempdir().unwrap();
        let owner: Owner = "00ff".parse().unwrap();
        let first = Claim::take(&owner, scratch.path()).unwrap();
        let second = Claim::take(&owner, scratch.path());
        assert!(matches!(second, Err(Error::Locked { .. })));
        assert!(Claim::take(&"00fe".parse().unwrap(), scratch.path()).is_ok());
        drop(first);
        assert!(Claim::take(&owner, scratch.path()).is_ok());
    }

    #[test]
    fn a_name_is_live_until_its_guard_goes() {
        let scratch = tempfile::tempdir().unwrap();
        let claim = Claim::take(&"abcd".parse().unwrap(), scratch.path()).unwrap();
        let live = claim.enter("a").unwrap();
        assert!(claim.is_live("quorate-abcd-a"));
        assert!(claim.enter("a").is_err());
        drop(live);
        assert!(!claim.is_live("quorate-abcd-a"));
    }

    #[test]
    fn owners_are_hexadecimal() {
        for text in ["", "abc", "ABCD", "ab-cd", "../..", &"a".repeat(33)] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }
}
