//! A home's configuration: defaults, then `config.toml`, then flags and environment.

use std::fs;
use std::io;
use std::path::PathBuf;

use quorate_core::record::EnrollmentPolicy;
use quorate_core::text::Name;
use serde::Deserialize;
use thiserror::Error;

use crate::home::Home;

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The operating system refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// It is not what is expected.
    #[error("{} is wrong", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

/// `config.toml` in the home. Everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// What the operator calls itself.
    pub(crate) name: Option<Name>,
    /// Addresses to listen on.
    pub(crate) listen: Vec<String>,
    /// Addresses under which others reach this party, where it cannot know them itself.
    pub(crate) external: Vec<String>,
    /// Coordinators to work for, as addresses that end in `/p2p/ID`.
    pub(crate) coordinators: Vec<String>,
    /// `auto`, `docker` or `embedded`.
    pub(crate) backend: Option<String>,
    /// Who may enroll in the log that a coordinator begins in this home.
    pub(crate) enrollment: Option<EnrollmentPolicy>,
    /// Disk for artifacts, in GiB.
    pub(crate) quota_gib: Option<u64>,
    /// Where the embedded backend keeps images. Nodes of one machine may share the folder.
    pub(crate) images: Option<PathBuf>,
    /// Whether to find peers on the local network.
    pub(crate) mdns: bool,
}

impl Config {
    /// The folder of images.
    pub(crate) fn images(&self, home: &Home) -> PathBuf {
        self.images.clone().unwrap_or_else(|| home.root().join("images"))
    }

    /// Reads the home's file, if there is one.
    pub(crate) fn read(home: &Home) -> Result<Self, ConfigError> {
        let path = home.root().join("config.toml");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(|source| ConfigError::Io {
                path: path.clone(),
                source,
            })?,
        };
        toml::from_str(&text).map_err(|source| ConfigError::Toml {
            path,
            source: Box::new(source),
        })
    }
}
