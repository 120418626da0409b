//! The engine's part: building the Containerfile and handing out the finished file system.
//!
//! Everything made for a build bears one label that no other build has, and is removed by it, whether
//! the build came off or not. An image goes without its ancestors, which are the build cache.

use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use bollard::body_full;
use bollard::errors::Error as EngineError;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateContainerOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};
use futures::TryStreamExt as _;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::context;
use crate::error::Error;
use crate::layout::Platform;
use crate::log::Log;
use crate::recipe::{Plan, Recipe};

/// The engine answers at once, but reads the whole context first.
const TIMEOUT: Duration = Duration::from_secs(600);
const LABEL: &str = "quorate.build";
/// More than any image this is made for, unpacked.
const EXPORT_MAX: u64 = 64 << 30;
/// Predefined in every Containerfile, and no part of the image or of the cache's keys.
const PROXIES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

/// A connection to the engine, for one build.
pub(crate) struct Engine {
    docker: bollard::Docker,
    /// The label's value.
    build: String,
}

impl Engine {
    /// Connects to the engine at `DOCKER_HOST`, Docker's socket or Podman's.
    pub(crate) async fn connect() -> Result<Self, Error> {
        let docker = bollard::Docker::connect_with_unix_defaults()
            .or_else(|_| bollard::Docker::connect_with_podman_defaults())
            .map_err(Error::engine("finding its socket"))?
            .with_timeout(TIMEOUT)
            .negotiate_version()
            .await
            .map_err(Error::engine("agreeing on an API version"))?;
        let build = format!("{:016x}", rand::random::<u64>());
        Ok(Self { docker, build })
    }

    /// Builds, and writes the finished file system into `archive` as a tar.
    pub(crate) async fn build_and_export(
        &self,
        recipe: &Recipe,
        plan: &Plan,
        archive: File,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(File, Platform), Error> {
        let exported = async {
            self.build(recipe, plan, progress).await?;
            let image = self.image().await?;
            let platform = self.platform(&image).await?;
            Ok((self.export(&image, archive).await?, platform))
        };
        let exported = exported.await;
        let removed = self
            .remove_all()
            .await
            .map_err(Error::engine("removing what the build left"));
        // The first failure is the one to tell.
        exported.and_then(|exported| removed.map(|()| exported))
    }

    async fn build(
        &self,
        recipe: &Recipe,
        plan: &Plan,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let proxies = PROXIES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let mut args: HashMap<String, String> = proxies.collect();
        args.extend(recipe.args.clone());
        let options = BuildImageOptionsBuilder::default()
            .dockerfile(context::CONTAINERFILE)
            .buildargs(&args)
            .labels(&self.labels())
            .networkmode(if recipe.host_network { "host" } else { "default" })
            .nocache(recipe.fresh)
            .rm(true)
            .forcerm(true)
            .build();
        let context = context::pack(recipe, plan)?;
        let mut pieces = self
            .docker
            .build_image(options, None, Some(body_full(context.into())));
        let mut log = Log::new(progress);
        loop {
            let why = match pieces.try_next().await {
                Ok(None) => return Ok(()),
                Ok(Some(piece)) => {
                    if let Some(text) = piece.stream.or(piece.status) {
                        log.push(&text);
                    }
                    match piece.error_detail {
                        None => continue,
                        Some(detail) => detail.message.unwrap_or_default(),
                    }
                }
                Err(EngineError::DockerStreamError { error }) => error,
                Err(error) => return Err(Error::engine("building")(error)),
            };
            return Err(Error::Step { why, log: log.end() });
        }
    }

    /// The finished image: the one that bears this build's label.
    async fn image(&self) -> Result<String, Error> {
        let mut images = self.images().await.map_err(Error::engine("listing images"))?;
        images
            .pop()
            .ok_or_else(|| Error::answer("it reports a finished build, but has no such image"))
    }

    async fn platform(&self, image: &str) -> Result<Platform, Error> {
        let details = self.docker.inspect_image(image).await;
        let details = details.map_err(Error::engine("describing the image"))?;
        let word = |word: Option<String>| {
            word.filter(|word| {
                !word.is_empty() && word.len() < 32 && word.bytes().all(|b| b.is_ascii_alphanumeric())
            })
            .ok_or_else(|| Error::answer("the image has no architecture or operating system"))
        };
        Ok(Platform {
            architecture: word(details.architecture)?,
            os: word(details.os)?,
        })
    }

    async fn export(&self, image: &str, archive: File) -> Result<File, Error> {
        let container = ContainerCreateBody {
            image: Some(image.to_owned()),
            // Never started; but an image without a command must be given one.
            cmd: Some(vec!["-".into()]),
            labels: Some(self.labels()),
            network_disabled: Some(true),
            host_config: Some(HostConfig {
                network_mode: Some("none".into()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let container = self
            .docker
            .create_container(None::<CreateContainerOptions>, container)
            .await;
        let container = container
            .map_err(Error::engine("making a container of the image"))?
            .id;
        let writing = || Error::io("writing the exported file system");
        let mut out = BufWriter::new(tokio::fs::File::from_std(archive));
        let mut left = EXPORT_MAX;
        let mut pieces = self.docker.export_container(&container);
        while let Some(piece) = pieces
            .try_next()
            .await
            .map_err(Error::engine("exporting the image"))?
        {
            left = left.checked_sub(piece.len() as u64).ok_or_else(|| {
                Error::answer(format!("the file system has more than {} GiB", EXPORT_MAX >> 30))
            })?;
            out.write_all(&piece).await.map_err(writing())?;
        }
        out.flush().await.map_err(writing())?;
        Ok(out.into_inner().into_std().await)
    }

    async fn images(&self) -> Result<Vec<String>, EngineError> {
        let options = ListImagesOptionsBuilder::default()
            .filters(&self.filter())
            .build();
        let images = self.docker.list_images(Some(options)).await?;
        Ok(images.into_iter().map(|image| image.id).collect())
    }

    async fn remove_all(&self) -> Result<(), EngineError> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&self.filter())
            .build();
        for container in self.docker.list_containers(Some(options)).await? {
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            self.docker
                .remove_container(&container.id.unwrap_or_default(), Some(options))
                .await?;
        }
        for image in self.images().await? {
            let options = RemoveImageOptionsBuilder::default().noprune(true).build();
            self.docker.remove_image(&image, Some(options), None).await?;
        }
        Ok(())
    }

    fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(LABEL.to_owned(), self.build.clone())])
    }

    fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{LABEL}={}", self.build)])])
    }
}
