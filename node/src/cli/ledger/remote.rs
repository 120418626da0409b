//! Fetching an export of a log from any static web server, to be audited like a folder.
//!
//! What is fetched and how much of it follows from the checkpoint, which is verified first: one file for each
//! tile and bundle that a tree of that size has, none longer than it can be. Nothing else is believed here;
//! the audit finds what was altered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use quorate_ledger::checkpoint::MAX_CHECKPOINT;
use quorate_ledger::files::bundle::MAX_BUNDLE;
use quorate_ledger::tree::{TILE_WIDTH, Tile};
use quorate_ledger::{CheckpointError, SignedCheckpoint, VerifierKey};
use tempfile::TempDir;
use thiserror::Error;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::cli::Failure;
use crate::home::Home;

/// Bytes of one log at most. Larger ones travel better as a folder.
const MOST: u64 = 16 << 30;
/// How often a file is asked for.
const TRIES: u32 = 3;
/// How long to wait before the second try; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(10);
/// How long one file may take.
const ONE_FILE: Duration = Duration::from_secs(120);
const REDIRECTS: u32 = 3;

/// Why an export could not be fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
enum RemoteError {
    /// The server has no such file.
    #[error("{url} is not there: it is no export of a log, or not a whole one")]
    Missing {
        /// Which file.
        url: String,
    },
    /// The server sent more than the file can have.
    #[error("{url} is longer than the {most} bytes that it can have: the server sends something else")]
    TooLong {
        /// Which file.
        url: String,
        /// How much is allowed.
        most: u64,
    },
    /// The log is larger than is fetched this way.
    #[error("the log is larger than {MOST} bytes: copy its export by other means, and give the folder")]
    TooLarge,
    /// The server answered with a failure.
    #[error("the server answered {status} for {url}")]
    Status {
        /// Which file.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server could not be reached, or broke off, each time.
    #[error("cannot fetch {url}, tried {TRIES} times")]
    Transport {
        /// Which file.
        url: String,
        /// What happened the last time.
        source: Box<ureq::Error>,
    },
    /// The checkpoint there is not this log's.
    #[error("the checkpoint at {url} cannot be trusted")]
    Checkpoint {
        /// Which file.
        url: String,
        /// What is wrong.
        source: CheckpointError,
    },
    /// A file could not be stored.
    #[error("cannot write {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl RemoteError {
    /// Whether the server was reached and what it serves is not what it should be.
    const fn is_finding(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::TooLong { .. } | Self::Checkpoint { .. }
        )
    }
}

/// Where an export is: in a folder, or, fetched, in a temporary one that goes when this is dropped.
#[derive(Debug)]
pub(super) enum Source {
    /// The folder that was named.
    Folder(PathBuf),
    /// What was fetched.
    Fetched(TempDir),
}

impl Source {
    /// The export of the log that `key` names at `from`, fetched if that is an address.
    pub(super) fn bring(home: &Home, from: &Path, key: &VerifierKey) -> anyhow::Result<Self> {
        let Some(url) = from.to_str().filter(|from| is_url(from)) else {
            return Ok(Self::Folder(from.to_owned()));
        };
        let folder = tempfile::tempdir_in(home.scratch()).context("cannot make a temporary folder")?;
        match fetch(url, key, folder.path()) {
            Ok(()) => Ok(Self::Fetched(folder)),
            Err(error) if error.is_finding() => Err(anyhow::Error::new(error).context(Failure::Check)),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Fetched(folder) => folder.path(),
        }
    }
}

fn is_url(from: &str) -> bool {
    from.starts_with("http://") || from.starts_with("https://")
}

/// Fetches the export at `url` of the log that `key` names into the folder `into`.
fn fetch(url: &str, key: &VerifierKey, into: &Path) -> Result<(), RemoteError> {
    let mut mirror = Mirror {
        agent: agent(),
        base: url.trim_end_matches('/'),
        into,
        left: MOST,
    };
    let checkpoint = mirror.checkpoint(key)?;
    for tile in Tile::all(checkpoint.size()) {
        mirror.tile(tile, &Tile::path, tile.width * 32, TILE_WIDTH * 32)?;
        if tile.level == 0 {
            mirror.tile(tile, &Tile::entries_path, MAX_BUNDLE, MAX_BUNDLE)?;
        }
    }
    Ok(())
}

fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT))
        .timeout_per_call(Some(ONE_FILE))
        .max_redirects(REDIRECTS)
        .http_status_as_error(false)
        .user_agent(concat!("quorate/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

struct Mirror<'a> {
    agent: Agent,
    base: &'a str,
    into: &'a Path,
    /// Bytes that may still be fetched.
    left: u64,
}

impl Mirror<'_> {
    /// The checkpoint, verified. First the cosigned one, where there is one: it must not be the newer of the two.
    fn checkpoint(&mut self, key: &VerifierKey) -> Result<SignedCheckpoint, RemoteError> {
        let most = MAX_CHECKPOINT as u64;
        match self.get("checkpoint.cosigned", most) {
            Ok(bytes) => self.store("checkpoint.cosigned", &bytes)?,
            Err(RemoteError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let bytes = self.get("checkpoint", most)?;
        self.store("checkpoint", &bytes)?;
        SignedCheckpoint::open(&bytes, key).map_err(|source| RemoteError::Checkpoint {
            url: self.url("checkpoint"),
            source,
        })
    }

    /// A tile or the bundle below it. The partial one may have been replaced by the full one meanwhile.
    fn tile(
        &mut self,
        tile: Tile,
        path: &dyn Fn(&Tile) -> String,
        most: u64,
        most_of_full: u64,
    ) -> Result<(), RemoteError> {
        let full = Tile {
            width: TILE_WIDTH,
            ..tile
        };
        let (mut path, full) = (path(&tile), path(&full));
        let mut got = self.get(&path, most);
        if matches!(got, Err(RemoteError::Missing { .. })) && path != full {
            got = self.get(&full, most_of_full);
            path = full;
        }
        self.store(&path, &got?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A file of at most `most` bytes, asked for again where the server fails or breaks off.
    fn get(&mut self, path: &str, most: u64) -> Result<Vec<u8>, RemoteError> {
        let url = self.url(path);
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.get_once(&url, most) {
                Err(RemoteError::Transport { .. }) => {}
                Err(RemoteError::Status { status, .. }) if status >= 500 || status == 429 => {}
                other => return other,
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        self.get_once(&url, most)
    }

    fn get_once(&mut self, url: &str, most: u64) -> Result<Vec<u8>, RemoteError> {
        let broken = |error| match error {
            ureq::Error::BodyExceedsLimit(_) => RemoteError::TooLong {
                url: url.to_owned(),
                most,
            },
            error => RemoteError::Transport {
                url: url.to_owned(),
                source: Box::new(error),
            },
        };
        let mut response = self.agent.get(url).call().map_err(broken)?;
        match response.status().as_u16() {
            200 => {}
            404 | 410 => return Err(RemoteError::Missing { url: url.to_owned() }),
            status => {
                return Err(RemoteError::Status {
                    url: url.to_owned(),
                    status,
                });
            }
        }
        // One byte more than is allowed is enough to know.
        let body = response.body_mut().with_config().limit(most + 1).read_to_vec();
        let body = body.map_err(broken)?;
        let length = body.len() as u64;
        if length > most {
            return Err(RemoteError::TooLong {
                url: url.to_owned(),
                most,
            });
        }
        self.left = self.left.checked_sub(length).ok_or(RemoteError::TooLarge)?;
        Ok(body)
    }

    fn store(&self, path: &str, bytes: &[u8]) -> Result<(), RemoteError> {
        let path = self.into.join(path);
        let folder = path.parent().unwrap_or(self.into);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|source| RemoteError::Io { path, source })
    }
}

#[cfg(test)]
mod tests;
