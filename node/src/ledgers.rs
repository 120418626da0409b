//! The ledgers in a home: one folder per coordinator, with the key that its checkpoints are checked
//! against beside it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use quorate_core::text::Origin;
use quorate_core::{NodeId, PublicKey};
use quorate_ledger::{CheckpointError, VerifierKey};
use thiserror::Error;

use crate::home::Home;

/// Why a ledger of the home cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum LedgersError {
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The key file is no key.
    #[error("{} does not hold a ledger's key", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The coordinator now signs under another origin.
    #[error(
        "the coordinator's log is now `{found}`, but this home follows `{held}`: ask its operator; \
         to follow the new one, move {} aside", path.display()
    )]
    OtherOrigin {
        /// What this home follows.
        held: String,
        /// What the coordinator says.
        found: String,
        /// The ledger's folder.
        path: PathBuf,
    },
    /// The home follows no log.
    #[error(
        "there is no ledger in this home: run a node or `quorate ledger sync --coordinator ADDRESS` first"
    )]
    None,
    /// The home follows several logs.
    #[error("this home holds several ledgers; name one with --log: {0}")]
    Several(String),
}

/// A ledger's folder and the key of its checkpoints.
#[derive(Debug, Clone)]
pub(crate) struct LedgerHome {
    /// The folder: `db`, `files` and `log.key` are in it.
    pub(crate) path: PathBuf,
    /// Who signs its checkpoints.
    pub(crate) key: VerifierKey,
}

const KEY_FILE: &str = "log.key";

impl LedgerHome {
    /// The ledger of the coordinator `key` if this home has one.
    pub(crate) fn find(home: &Home, key: &PublicKey) -> Result<Option<Self>, LedgersError> {
        let path = home.ledger(key);
        if path.join(KEY_FILE).exists() {
            Self::read(path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The ledger of the coordinator `key`, begun under `origin` if this home has none.
    pub(crate) fn ensure(home: &Home, key: PublicKey, origin: &Origin) -> Result<Self, LedgersError> {
        if let Some(found) = Self::find(home, &key)? {
            let held = found.key.origin().as_str();
            if held != origin.as_str() {
                let (held, found_origin) = (held.to_owned(), origin.to_string());
                return Err(LedgersError::OtherOrigin {
                    held,
                    found: found_origin,
                    path: found.path,
                });
            }
            return Ok(found);
        }
        let path = home.ledger(&key);
        let file = path.join(KEY_FILE);
        let origin = origin.as_str().parse().map_err(|source| LedgersError::Key {
            path: file.clone(),
            source,
        })?;
        let ledger = Self {
            path,
            key: VerifierKey::new(origin, key),
        };
        write_durably(&file, ledger.key.to_string().as_bytes())
            .map_err(|source| LedgersError::Io { path: file, source })?;
        Ok(ledger)
    }

    /// Every ledger of the home.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>, LedgersError> {
        let folder = home.ledgers();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| LedgersError::Io {
                path: folder.clone(),
                source,
            })?,
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|p| p.join(KEY_FILE).exists())
            .collect();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    /// The one ledger that `name` (a node id, a key, or the beginning of either, or the origin)
    /// means, or the only one.
    pub(crate) fn choose(home: &Home, name: Option<&str>) -> Result<Self, LedgersError> {
        let mut all = Self::all(home)?;
        if let Some(name) = name {
            all.retain(|ledger| {
                let key = ledger.key.public();
                key.to_string().starts_with(name)
                    || NodeId::new(*key).to_string().starts_with(name)
                    || ledger.key.origin().as_str() == name
            });
        }
        match all.len() {
            0 => Err(LedgersError::None),
            1 => all.pop().ok_or(LedgersError::None),
            _ => {
                let names: Vec<String> = all.iter().map(|l| l.key.origin().to_string()).collect();
                Err(LedgersError::Several(names.join(", ")))
            }
        }
    }

    fn read(path: PathBuf) -> Result<Self, LedgersError> {
        let file = path.join(KEY_FILE);
        let text = fs::read_to_string(&file).map_err(|source| LedgersError::Io {
            path: file.clone(),
            source,
        })?;
        let key = text
            .trim_end()
            .parse()
            .map_err(|source| LedgersError::Key { path: file, source })?;
        Ok(Self { path, key })
    }

    /// The plain files of the log, which can be read while another process writes it.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }
}

/// Writes a small file so that after a crash it is there whole or not at all.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}
