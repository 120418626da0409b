//! What a backend offers, and how a container ends.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error as ThisError;
use tokio::sync::{mpsc, oneshot};

use crate::digest::ImageDigest;
use crate::export::Exported;
use crate::report::{Backend, Report};
use crate::spec::Spec;

/// What can go wrong around a container. What goes wrong inside one is an [`End`].
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The spec cannot be honoured as it stands.
    #[error("the container spec's `{field}` is unusable: {why}")]
    Spec {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// This version, or this host, cannot do it.
    #[error("{what} cannot be had here: {why}")]
    Unsupported {
        /// What was wanted.
        what: &'static str,
        /// Why not, and what to do.
        why: String,
    },
    /// Another live runtime works for the same owner.
    #[error("another running node owns `{owner}`; stop it, or use another home (lock: {})", lock.display())]
    Locked {
        /// The owner.
        owner: String,
        /// The file that is locked.
        lock: PathBuf,
    },
    /// A limit without which nothing untrusted may run.
    #[error("refusing to run: this host cannot enforce {what}: {why}")]
    Unenforceable {
        /// The limit.
        what: &'static str,
        /// Why not, and what to do.
        why: String,
    },
    /// An image layout is not what it should be, or not what was asked for.
    #[error("the image is refused: {why}")]
    BadImage {
        /// What is wrong with it.
        why: String,
    },
    /// The spec's image is not there.
    #[error("the image {digest} is not on this host; import it first")]
    NoImage {
        /// The image.
        digest: ImageDigest,
    },
    /// An image cannot be removed now.
    #[error("the image {digest} is in use; remove it once its containers have ended")]
    ImageInUse {
        /// The image.
        digest: ImageDigest,
    },
    /// The engine refused or broke off.
    #[error("the container engine failed at {doing}")]
    Engine {
        /// What was being done.
        doing: String,
        /// The engine's answer.
        #[source]
        source: bollard::errors::Error,
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
    /// The helper process reported a failure, or died.
    #[error("the container's helper failed at {doing}: {why}")]
    Helper {
        /// What it was doing.
        doing: String,
        /// What it said.
        why: String,
    },
    /// The container is gone already.
    #[error("the container has ended")]
    Ended,
    /// A killed container did not go away.
    #[error("the container did not die within {} s of being killed; a process in it may hang in the kernel", after.as_secs())]
    Stuck {
        /// How long was waited.
        after: Duration,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// For `map_err`: an engine's error with what was being done.
    pub(crate) fn engine(doing: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Engine { doing, source }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code. A program that cannot be started counts as 126 or 127.
    Exited(i32),
    /// By a signal. The docker backend takes a code of 128 + n for signal n.
    Signalled(i32),
    /// The kernel killed one of its processes at the memory limit, and it did not exit with 0.
    OutOfMemory,
    /// It ran into its wall time.
    TimedOut,
    /// It wrote more than its output limit. What fits is kept.
    OutputLimit,
    /// It was stopped through [`Control::stop`], or its handle was dropped.
    Stopped,
}

/// What is known about a container that has ended and been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How the command ended.
    pub end: End,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// From start to end of the command.
    pub wall: Duration,
    /// CPU time, where the backend can tell.
    pub cpu: Option<Duration>,
    /// Most memory in use at once, where the backend can tell.
    pub peak_memory: Option<u64>,
    /// What came out of the workspace, where the spec asked for it.
    pub export: Option<Exported>,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Containers, or control groups with their processes.
    pub containers: usize,
    /// Volumes.
    pub volumes: usize,
    /// Scratch folders, and images that were never imported whole.
    pub folders: usize,
}

/// Something that runs containers.
#[async_trait]
pub trait Runtime: Send + Sync + Debug {
    /// Which backend this is.
    fn backend(&self) -> Backend;

    /// Runs a probe and says what this host guarantees.
    ///
    /// # Errors
    /// Where not even a probe can run; a guarantee that does not hold is no error but in the report.
    async fn check(&self) -> Result<Report, Error>;

    /// Starts a container. It runs until its command ends, a limit bites or it is stopped; dropping
    /// the handle stops and removes it.
    ///
    /// # Errors
    /// Where the spec is unusable or the host cannot enforce it; nothing is left behind then.
    async fn start(&self, spec: Spec) -> Result<Box<dyn Container>, Error>;

    /// Whether an image has been imported.
    ///
    /// # Errors
    /// Where that cannot be told.
    async fn has_image(&self, digest: &ImageDigest) -> Result<bool, Error>;

    /// Imports an image from an OCI image layout, unless it is there. The layout may be hostile:
    /// every byte is checked against `digest`, and every entry against the rules for images.
    ///
    /// # Errors
    /// [`Error::BadImage`] where the layout breaks a rule; nothing is left behind then.
    async fn import_image(&self, layout: &Path, digest: &ImageDigest) -> Result<(), Error>;

    /// Removes an image; one that is not there is fine.
    ///
    /// # Errors
    /// [`Error::ImageInUse`] while a container runs on it.
    async fn remove_image(&self, digest: &ImageDigest) -> Result<(), Error>;

    /// Removes whatever an earlier, dead runtime of this owner left. Called at the node's start.
    ///
    /// # Errors
    /// Where something cannot be removed.
    async fn sweep(&self) -> Result<Swept, Error>;
}

/// A running container.
#[async_trait]
pub trait Container: Send + Debug {
    /// Waits for the end. The workspace is exported and everything removed when this returns.
    /// Cancelling the wait loses nothing; it can be called again.
    ///
    /// # Errors
    /// Where the container could not be watched, exported or removed; [`Error::Ended`] where the
    /// result was handed out before.
    async fn wait(&mut self) -> Result<Finished, Error>;

    /// A handle for pausing and stopping from elsewhere while this one waits.
    fn control(&self) -> Control;
}

/// What a [`Control`] asks the container's task to do.
#[derive(Debug)]
pub(crate) enum Request {
    Pause(oneshot::Sender<Result<(), Error>>),
    Resume(oneshot::Sender<Result<(), Error>>),
    Stop(oneshot::Sender<Result<(), Error>>),
}

/// Pauses, resumes and stops a container; takes effect within two seconds.
#[derive(Debug, Clone)]
pub struct Control {
    pub(crate) requests: mpsc::Sender<Request>,
}

impl Control {
    /// Freezes every process in the container.
    ///
    /// # Errors
    /// [`Error::Ended`], or what the backend says.
    pub async fn pause(&self) -> Result<(), Error> {
        self.ask(Request::Pause).await
    }

    /// Lets the processes go on.
    ///
    /// # Errors
    /// [`Error::Ended`], or what the backend says.
    pub async fn resume(&self) -> Result<(), Error> {
        self.ask(Request::Resume).await
    }

    /// Kills every process. The workspace is still exported. A container that has ended is fine.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn stop(&self) -> Result<(), Error> {
        match self.ask(Request::Stop).await {
            Err(Error::Ended) => Ok(()),
            other => other,
        }
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Request,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }
}
