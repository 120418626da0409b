//! A party's folder: keys, ledgers, artifacts, and the lock that says who uses it.
//!
//! Everything Quorate keeps lives below one folder. Keys rest as PKCS#8 PEM with mode 0600; a key
//! file that others can read is refused, not used. Long-running commands hold the lock; commands
//! that only read do without it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use quorate_core::identity::IdentityError;
use quorate_core::{Digest, Keypair, PublicKey};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

/// What can be wrong with a home.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum HomeError {
    /// No folder was named and the platform has none.
    #[error("no home folder: pass --home DIR or set QUORATE_HOME")]
    Nowhere,
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The key does not exist yet.
    #[error("there is no {role} key in {}: run `quorate init` first", home.display())]
    NoKey {
        /// Which key.
        role: &'static str,
        /// The home.
        home: PathBuf,
    },
    /// Others can read the key.
    #[error("{} can be read by others (mode {mode:o}): run `chmod 600` on it, or make a new key", path.display())]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is no key.
    #[error("{} is damaged", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IdentityError,
    },
    /// Another process uses the home.
    #[error("{} is in use by another quorate process: stop it, or pass another --home", home.display())]
    InUse {
        /// The home.
        home: PathBuf,
    },
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyRole {
    /// The node's, its identity on the network.
    Node,
    /// The operator's, who answers for nodes.
    Operator,
    /// The coordinator's, which signs a log.
    Coordinator,
}

impl KeyRole {
    /// Every role.
    pub(crate) const ALL: [Self; 3] = [Self::Node, Self::Operator, Self::Coordinator];

    /// Its one name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Operator => "operator",
            Self::Coordinator => "coordinator",
        }
    }
}

/// A home folder.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Held while a long-running command uses the home.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

impl Home {
    /// The home at `root`, made if it is not there.
    pub(crate) fn open(root: PathBuf) -> Result<Self, HomeError> {
        let root = std::path::absolute(&root).map_err(|source| HomeError::Io { path: root, source })?;
        let home = Self { root };
        for folder in [home.root.clone(), home.root.join("keys"), home.scratch()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|source| HomeError::Io { path: folder, source })?;
        }
        Ok(home)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Artifacts.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// What a node must remember over a crash.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// What a node cosigned as a witness.
    pub(crate) fn witness(&self) -> PathBuf {
        self.root.join("witness")
    }

    /// Short-lived files.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The socket by which commands talk to the running process.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// All ledgers.
    pub(crate) fn ledgers(&self) -> PathBuf {
        self.root.join("ledgers")
    }

    /// One ledger, by the key of the coordinator that writes it.
    pub(crate) fn ledger(&self, key: &PublicKey) -> PathBuf {
        self.ledgers().join(key.to_string())
    }

    /// Takes the home for this process.
    pub(crate) fn lock(&self) -> Result<HomeLock, HomeError> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| HomeError::Io { path, source })?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| HomeError::InUse {
            home: self.root.clone(),
        })?;
        Ok(HomeLock { _file: file })
    }

    /// The short text that marks this home's containers.
    pub(crate) fn owner(&self) -> String {
        Digest::of(self.root.as_os_str().as_encoded_bytes()).short()
    }

    fn key_path(&self, role: KeyRole) -> PathBuf {
        self.root.join("keys").join(format!("{}.pem", role.name()))
    }

    /// The key of a role.
    pub(crate) fn key(&self, role: KeyRole) -> Result<Keypair, HomeError> {
        let path = self.key_path(role);
        let io = |source| HomeError::Io {
            path: path.clone(),
            source,
        };
        let metadata = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HomeError::NoKey {
                    role: role.name(),
                    home: self.root.clone(),
                });
            }
            other => other.map_err(io)?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(HomeError::OpenKey { path, mode });
        }
        // A PEM file of an Ed25519 key has about 120 bytes.
        if metadata.len() > 4096 {
            return Err(HomeError::BadKey {
                path,
                source: IdentityError::PrivateKey,
            });
        }
        let pem = fs::read_to_string(&path).map_err(io)?;
        Keypair::from_pem(&pem).map_err(|source| HomeError::BadKey { path, source })
    }

    /// The key of a role, made if there is none. Says whether it was made.
    pub(crate) fn ensure_key(&self, role: KeyRole) -> Result<(Keypair, bool), HomeError> {
        match self.key(role) {
            Err(HomeError::NoKey { .. }) => self.make_key(role).map(|key| (key, true)),
            other => other.map(|key| (key, false)),
        }
    }

    fn make_key(&self, role: KeyRole) -> Result<Keypair, HomeError> {
        let path = self.key_path(role);
        let io = |source| HomeError::Io {
            path: path.clone(),
            source,
        };
        let key = Keypair::generate(&mut rand::rng());
        let pem = key.to_pem().map_err(|source| HomeError::BadKey {
            path: path.clone(),
            source,
        })?;
        // Never over an existing file: a lost key cannot be brought back.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        file.write_all(pem.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        Ok(key)
    }
}

/// The home that command line and environment name, else the platform's data folder.
pub(crate) fn default_root() -> Result<PathBuf, HomeError> {
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|data| data.join("quorate")).ok_or(HomeError::Nowhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_private_made_once_and_refused_when_open() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        assert!(matches!(home.key(KeyRole::Node), Err(HomeError::NoKey { .. })));
        let (key, made) = home.ensure_key(KeyRole::Node).unwrap();
        assert!(made);
        let (again, made) = home.ensure_key(KeyRole::Node).unwrap();
        assert_eq!((again.public(), made), (key.public(), false));

        let path = home.key_path(KeyRole::Node);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(home.key(KeyRole::Node), Err(HomeError::OpenKey { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key").unwrap();
        assert!(
            matches!(home.ensure_key(KeyRole::Node), Err(HomeError::BadKey { .. })),
            "never replaced"
        );
    }

    #[test]
    fn one_process_uses_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().to_owned()).unwrap();
        let lock = home.lock().unwrap();
        assert!(matches!(home.lock(), Err(HomeError::InUse { .. })));
        drop(lock);
        assert!(home.lock().is_ok());
    }
}
