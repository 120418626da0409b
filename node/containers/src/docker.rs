//! Containers through an engine's socket: Docker Engine, or Podman's Docker API.
//!
//! One run is two containers and a volume. The volume is a sized tmpfs; the *keeper*, which runs
//! nothing but `sleep`, holds it mounted, and the workspace is filled and read through it. The
//! *worker* runs the command as its only business, so that a kill takes every process at once, its
//! limits are the command's alone, and its end says whether memory ran out. (Running the command
//! inside the keeper would leave no way to kill it: the engine cannot kill an exec, and a container
//! at its process limit admits no further one.)
//!
//! Everything bears the owner as a label; [`Runtime::sweep`] removes what a dead run left.

mod image;
mod import;
mod job;
mod memory;
mod pieces;
mod settings;
mod workspace;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error as EngineError;
use bollard::models::SystemInfo;
use bollard::query_parameters as query;
use tokio::sync::Mutex;

use crate::digest::ImageDigest;
use crate::facts::{Facts, probe};
use crate::host;
use crate::ownership::Claim;
use crate::report::{Backend, Component, Promise, Report};
use crate::runtime::{Container, Error, Runtime, Swept};
use crate::spec::{Image, Spec};

/// Filling a workspace is one request, however large the content.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The label that names the owner.
const LABEL: &str = "quorate.owner";

/// Runs containers through an engine's socket.
#[derive(Debug)]
pub struct Docker {
    engine: bollard::Docker,
    claim: Arc<Claim>,
    importing: Mutex<()>,
}

impl Docker {
    /// Connects to the engine at `DOCKER_HOST`, Docker's socket or Podman's, and makes the host
    /// image's skeleton there.
    pub(crate) async fn connect(claim: Arc<Claim>) -> Result<Self, Error> {
        let engine = bollard::Docker::connect_with_unix_defaults()
            .or_else(|_| bollard::Docker::connect_with_podman_defaults())
            .map_err(Error::engine("finding the engine's socket"))?
            .with_timeout(TIMEOUT)
            .negotiate_version()
            .await
            .map_err(Error::engine("agreeing on an API version"))?;
        if let Some(why) = host::unfit() {
            return Err(Error::Unsupported {
                what: "the host image",
                why,
            });
        }
        image::ensure(&engine).await?;
        Ok(Self {
            engine,
            claim,
            importing: Mutex::default(),
        })
    }
}

#[async_trait]
impl Runtime for Docker {
    fn backend(&self) -> Backend {
        Backend::Docker
    }

    async fn check(&self) -> Result<Report, Error> {
        let info = self
            .engine
            .info()
            .await
            .map_err(Error::engine("asking what it can do"))?;
        let version = self
            .engine
            .version()
            .await
            .map_err(Error::engine("asking its version"))?;
        let facts = match self.start(probe()).await?.wait().await? {
            finished if finished.stdout.is_empty() => {
                let why = String::from_utf8_lossy(&finished.stderr).into_owned();
                return Err(Error::Unsupported {
                    what: "a probe container",
                    why,
                });
            }
            finished => Facts::read(&finished.stdout),
        };
        let components = version.components.unwrap_or_default();
        let components = components
            .into_iter()
            .map(|part| Component {
                name: part.name,
                version: part.version,
            })
            .collect();
        let api = version.api_version.unwrap_or_default();
        let engine = format!(
            "engine {}, API {api}",
            info.server_version.clone().unwrap_or_default()
        );
        let wrong = |promise| facts.wrong(promise).or_else(|| lacks(&info, promise));
        Ok(Report::new(Backend::Docker, engine, components, wrong))
    }

    async fn start(&self, spec: Spec) -> Result<Box<dyn Container>, Error> {
        spec.check()?;
        if let Image::Oci { digest } = &spec.image
            && !self.has_image(digest).await?
        {
            let digest = digest.clone();
            return Err(Error::NoImage { digest });
        }
        let live = self.claim.enter(&spec.name)?;
        let owner = self.claim.owner().to_string();
        let engine = self.engine.clone();
        // In a task of its own, so that a caller who stops waiting leaves nothing half made.
        let task = tokio::spawn(async move { job::start(engine, owner, live, spec).await });
        task.await.map_err(|error| Error::Helper {
            doing: "starting a container".into(),
            why: error.to_string(),
        })?
    }

    async fn has_image(&self, digest: &ImageDigest) -> Result<bool, Error> {
        import::has(&self.engine, digest).await
    }

    async fn import_image(&self, layout: &Path, digest: &ImageDigest) -> Result<(), Error> {
        // One at a time: the engine would keep the same image twice, one of them without a name.
        let _alone = self.importing.lock().await;
        if self.has_image(digest).await? {
            return Ok(());
        }
        import::import(&self.engine, layout, digest).await
    }

    async fn remove_image(&self, digest: &ImageDigest) -> Result<(), Error> {
        import::remove(&self.engine, digest).await
    }

    async fn sweep(&self) -> Result<Swept, Error> {
        let filters = std::collections::HashMap::from([(
            "label".to_owned(),
            vec![format!("{LABEL}={}", self.claim.owner())],
        )]);
        let mut swept = Swept::default();
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let containers = self.engine.list_containers(Some(options)).await;
        for container in containers.map_err(Error::engine("listing containers"))? {
            let names = container.names.unwrap_or_default();
            // The engine's names begin with a slash, and the keeper's ends with a suffix.
            let full = names.first().map_or("", |name| settings::base_name(name));
            let Some(id) = container.id.filter(|_| !self.claim.is_live(full)) else {
                continue;
            };
            remove_container(&self.engine, &id).await?;
            swept.containers += 1;
        }
        let options = query::ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let volumes = self.engine.list_volumes(Some(options)).await;
        let volumes = volumes.map_err(Error::engine("listing volumes"))?.volumes;
        for volume in volumes.unwrap_or_default() {
            if !self.claim.is_live(&volume.name) {
                remove_volume(&self.engine, &volume.name).await?;
                swept.volumes += 1;
            }
        }
        Ok(swept)
    }
}

/// What the engine says it cannot do, of what does not show from inside a container.
fn lacks(info: &SystemInfo, promise: Promise) -> Option<String> {
    let (can, what) = match promise {
        Promise::Memory => (info.memory_limit, "memory limits"),
        Promise::NoSwap => (info.swap_limit, "swap limits"),
        Promise::Processes => (info.pids_limit, "process limits"),
        Promise::Cpu => (info.cpu_cfs_quota, "CPU quotas"),
        Promise::Cpuset => (info.cpu_set, "CPU sets"),
        Promise::Pause => (info.memory_limit, "control groups"),
        _ => return None,
    };
    (can != Some(true)).then(|| {
        format!("the engine has no {what}; enable that cgroup controller, or run the engine as root")
    })
}

/// Force-removes a container; one that is gone already is fine.
async fn remove_container(engine: &bollard::Docker, name: &str) -> Result<(), Error> {
    let options = query::RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    gone(engine.remove_container(name, Some(options)).await)
        .map_err(Error::engine(format!("removing container {name}")))
}

/// Removes a volume; one that is gone already is fine.
async fn remove_volume(engine: &bollard::Docker, name: &str) -> Result<(), Error> {
    let options = query::RemoveVolumeOptionsBuilder::default().force(true).build();
    gone(engine.remove_volume(name, Some(options)).await)
        .map_err(Error::engine(format!("removing volume {name}")))
}

fn gone(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        other => other,
    }
}
