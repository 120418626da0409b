//! Why an image could not be built or read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an image could not be built or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The Containerfile cannot be used.
    #[error("the Containerfile `{}` cannot be built: {why}", path.display())]
    Containerfile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The build context cannot be used.
    #[error("the build context's `{}` cannot be sent: {why}", path.display())]
    Context {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The engine refused or broke off.
    #[error("the container engine failed at {doing}; check that Docker or Podman is running and may be used")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The engine's answer.
        #[source]
        source: bollard::errors::Error,
    },
    /// A step of the Containerfile failed.
    #[error("a build step failed: {why}\n{log}\nCorrect the step, or what it fetches, and build again.")]
    Step {
        /// What the engine says of it.
        why: String,
        /// The last lines of the build's log.
        log: String,
    },
    /// The engine's answer makes no image.
    #[error("the engine's answer is unusable: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// The layout is incomplete or damaged.
    #[error("`{}` is no whole OCI image layout of one layer: {why}; build it again", path.display())]
    Layout {
        /// The layout.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A system call failed.
    #[error("failed at {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn engine(doing: &'static str) -> impl FnOnce(bollard::errors::Error) -> Self {
        move |source| Self::Engine { doing, source }
    }

    pub(crate) fn answer(why: impl Into<String>) -> Self {
        Self::Answer { why: why.into() }
    }
}
