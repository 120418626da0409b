//! Containers without a daemon: an OCI runtime linked into this program.
//!
//! Starting a container forks, which only a single-threaded process may do. So each container has
//! a *helper*: this program again, with a hidden first argument, before its `main` has made a
//! thread. The helper has a mount namespace of its own; the workspace and the root live in there
//! and cannot outlast it. It dies with the thread that started it, and the container's first
//! process dies with the helper. What a crash can leave is empty control groups and a scratch
//! folder; [`Runtime::sweep`] removes those.

mod bundle;
mod cgroup;
mod helper;
mod images;
mod init;
mod job;
mod protocol;
mod raw;
mod root;
mod unpack;
mod walk;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::digest::ImageDigest;
use crate::facts::{Facts, probe};
use crate::host;
use crate::ownership::Claim;
use crate::report::{Backend, Component, Promise, Report};
use crate::runtime::{Container, Error, Runtime, Swept};
use crate::spec::{Image, Spec};

use images::Images;

pub use helper::helper_main_if_requested;

/// Runs containers by itself.
#[derive(Debug)]
pub struct Embedded {
    claim: Arc<Claim>,
    images: Images,
}

impl Embedded {
    /// Keeps unpacked images in `images`, which other owners may share.
    pub(crate) fn new(claim: Arc<Claim>, images: &Path) -> Result<Self, Error> {
        let images = Images::open(images)?;
        Ok(Self { claim, images })
    }

    /// Where this owner's containers have their folders.
    fn folders(&self) -> PathBuf {
        self.claim
            .scratch()
            .join(format!("embedded-{}", self.claim.owner()))
    }

    /// Where the image lies; `None` for the host's.
    fn image(&self, image: &Image) -> Result<Option<PathBuf>, Error> {
        match image {
            Image::Host => match host::unfit() {
                None => Ok(None),
                Some(why) => Err(Error::Unsupported {
                    what: "the host image",
                    why,
                }),
            },
            Image::Oci { digest } if self.images.has(digest)? => Ok(Some(self.images.path(digest))),
            Image::Oci { digest } => Err(Error::NoImage {
                digest: digest.clone(),
            }),
        }
    }

    /// Does something with the images in a thread that may wait for the disk.
    async fn with_images<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Images) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let images = self.images.clone();
        tokio::task::spawn_blocking(move || act(&images))
            .await
            .map_err(|error| Error::Helper {
                doing: "working on an image".into(),
                why: error.to_string(),
            })?
    }

    /// Runs the probe.
    async fn measure(&self) -> Result<Facts, Error> {
        let finished = self.start(probe()).await?.wait().await?;
        Ok(Facts::read(&finished.stdout))
    }

    /// Tries every limit on a control group of its own, and lists those that did not take.
    fn try_limits(&self) -> Vec<(Promise, String)> {
        let name = format!("{}limits-{}", self.claim.owner().prefix(), std::process::id());
        let limits = probe().limits;
        match cgroup::Group::create(
            &name,
            &crate::Limits {
                cpuset: Some(0),
                ..limits
            },
            &[],
        ) {
            Ok((group, broken)) => {
                if let Err(error) = group.remove() {
                    tracing::warn!(%error, "a probe's control group stayed");
                }
                broken
            }
            Err(why) => [
                Promise::Memory,
                Promise::Processes,
                Promise::Cpu,
                Promise::Cpuset,
                Promise::Pause,
            ]
            .map(|promise| (promise, why.clone()))
            .to_vec(),
        }
    }
}

#[async_trait]
impl Runtime for Embedded {
    fn backend(&self) -> Backend {
        Backend::Embedded
    }

    async fn check(&self) -> Result<Report, Error> {
        let broken = self.try_limits();
        let facts = if broken.iter().any(|(promise, _)| promise.is_vital()) {
            Err("not measured, since nothing may run here".to_owned())
        } else {
            self.measure()
                .await
                .map_err(|error| format!("no probe container could run: {}", chain(&error)))
        };
        let wrong = |promise: Promise| {
            let limit = broken
                .iter()
                .find(|(which, _)| *which == promise)
                .map(|(_, why)| why.clone());
            limit.or_else(|| match &facts {
                Ok(facts) => facts.wrong(promise),
                Err(why) => Some(why.clone()),
            })
        };
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let components = vec![
            Component {
                name: "libcontainer".into(),
                version: "0.7".into(),
            },
            Component {
                name: "linux".into(),
                version: kernel.trim().to_owned(),
            },
        ];
        let engine = format!("built in, {}", cgroup::describe());
        Ok(Report::new(Backend::Embedded, engine, components, wrong))
    }

    async fn start(&self, spec: Spec) -> Result<Box<dyn Container>, Error> {
        spec.check()?;
        let image = self.image(&spec.image)?;
        let live = self.claim.enter(&spec.name)?;
        let folder = self.folders().join(live.full());
        // In a task of its own, so that a caller who stops waiting leaves nothing half made.
        let task = tokio::spawn(async move { job::start(folder, live, image, spec).await });
        task.await.map_err(|error| Error::Helper {
            doing: "starting a container".into(),
            why: error.to_string(),
        })?
    }

    async fn has_image(&self, digest: &ImageDigest) -> Result<bool, Error> {
        let digest = digest.clone();
        self.with_images(move |images| images.has(&digest)).await
    }

    async fn import_image(&self, layout: &Path, digest: &ImageDigest) -> Result<(), Error> {
        let (layout, digest) = (layout.to_owned(), digest.clone());
        self.with_images(move |images| images.import(&layout, &digest))
            .await
    }

    async fn remove_image(&self, digest: &ImageDigest) -> Result<(), Error> {
        let digest = digest.clone();
        self.with_images(move |images| images.remove(&digest)).await
    }

    async fn sweep(&self) -> Result<Swept, Error> {
        let (claim, folders) = (Arc::clone(&self.claim), self.folders());
        let images = self.images.clone();
        let sweep = move || {
            let prefix = claim.owner().prefix();
            let containers = cgroup::sweep(&prefix, |name| claim.is_live(name))
                .map_err(Error::io("removing a dead container's control groups"))?;
            let folders = sweep_folders(&folders, |name| claim.is_live(name))
                .map_err(Error::io("removing a dead container's folder"))?;
            let folders = folders + images.sweep().map_err(Error::io("removing a partial image"))?;
            Ok(Swept {
                containers,
                volumes: 0,
                folders,
            })
        };
        tokio::task::spawn_blocking(sweep)
            .await
            .map_err(|error| Error::Helper {
                doing: "sweeping".into(),
                why: error.to_string(),
            })?
    }
}

fn sweep_folders(folders: &Path, is_live: impl Fn(&str) -> bool) -> io::Result<usize> {
    let entries = match fs::read_dir(folders) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&is_live) {
            fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// An error with its causes, for crossing a process boundary as text.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
