//! What a command needs that runs containers by itself: a store, a container backend, a core.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum as _;
use quorate_artifacts::{Store, StoreError};
use quorate_containers::{Backend, Runtime};
use quorate_core::digest::ArtifactId;
use quorate_core::score::Outcome;
use quorate_core::task::Image;
use quorate_tasks::workshop::Preparation;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::cli::BackendChoice;
use crate::cli::artifact::quota;
use crate::cli::node::interrupted;
use crate::config::Config;
use crate::home::Home;
use crate::output::say;
use crate::runner::{Attempt, Attempted, RunError, Runner, Scoring};
use crate::slots::{Slot, Slots, shared_folder};
use crate::volunteer::with_causes;

/// A store, and the folder that goes with it if it is a temporary one.
#[derive(Debug)]
pub(crate) struct Artifacts {
    pub(crate) store: Arc<Store>,
    _scratch: Option<TempDir>,
}

impl From<Arc<Store>> for Artifacts {
    fn from(store: Arc<Store>) -> Self {
        Self {
            store,
            _scratch: None,
        }
    }
}

/// The home's artifacts, or a temporary store where a running node has those.
pub(crate) fn open_artifacts(home: &Home) -> anyhow::Result<Artifacts> {
    match Store::open(&home.artifacts(), quota(home)?) {
        Ok(store) => Ok(Artifacts {
            store,
            _scratch: None,
        }),
        Err(StoreError::Busy(_)) => {
            let scratch = scratch(home)?;
            let store = Store::open(scratch.path(), quota(home)?)?;
            Ok(Artifacts {
                store,
                _scratch: Some(scratch),
            })
        }
        Err(error) => Err(error.into()),
    }
}

fn scratch(home: &Home) -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("command-")
        .tempdir_in(home.scratch())
        .context("cannot make a temporary folder in the home")
}

/// A container backend, checked, with a runner and this host's cores.
#[derive(Debug)]
pub(crate) struct Workbench {
    runtime: Arc<dyn Runtime>,
    runner: Runner,
    slots: Slots,
    artifacts: Artifacts,
    _scratch: TempDir,
}

impl Workbench {
    /// Chooses and checks a backend. Its owner is this command's own, so a node that runs in the
    /// same home is not disturbed.
    pub(crate) async fn open(
        home: &Home,
        config: &Config,
        backend: Option<BackendChoice>,
        artifacts: Artifacts,
    ) -> anyhow::Result<Self> {
        let choice = match (backend, config.backend.as_deref()) {
            (Some(choice), _) => choice,
            (None, Some(text)) => BackendChoice::from_str(text, true).map_err(|_| {
                anyhow!("`backend = \"{text}\"` in config.toml: use auto, docker or embedded")
            })?,
            (None, None) => BackendChoice::Auto,
        };
        let scratch = scratch(home)?;
        let runs = scratch.path().join("runs");
        std::fs::create_dir(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
        let owner = format!("{:016x}", rand::random::<u64>()).parse()?;
        let containers = scratch.path().join("containers");
        let runtime =
            quorate_containers::select(choice.into(), owner, containers, config.images(home)).await?;
        if let Some(why) = runtime.check().await?.refusal() {
            bail!("this host cannot run containers safely: {why}. `quorate doctor` says more");
        }
        let runner = Runner::new(Arc::clone(&runtime), Arc::clone(&artifacts.store), runs);
        let slots = Slots::new(&shared_folder())?;
        Ok(Self {
            runtime,
            runner,
            slots,
            artifacts,
            _scratch: scratch,
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.runner.backend()
    }

    /// Where it finds artifacts and puts them.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.artifacts.store
    }

    /// How many cores can be measured on at once.
    pub(crate) fn cores(&self) -> usize {
        self.slots.count()
    }

    /// The artifact that has to be fetched before this image can be used here, if one has to.
    pub(crate) async fn missing_image(&self, image: &Image) -> anyhow::Result<Option<ArtifactId>> {
        Ok(self.runner.missing_image(image).await?)
    }

    /// Runs a task's preparation.
    pub(crate) async fn prepare(&self, preparation: &Preparation) -> anyhow::Result<()> {
        self.ready(&preparation.image).await?;
        let prepared =
            self.on_a_core(|slot, stop| async move { self.runner.prepare(preparation, &slot, &stop).await });
        prepared.await.map(|(done, _)| done)
    }

    /// Makes an attempt; says how long it took once it had its core.
    pub(crate) async fn attempt(&self, attempt: Attempt<'_>) -> anyhow::Result<(Attempted, Duration)> {
        self.ready(&attempt.spec.image).await?;
        self.on_a_core(|slot, stop| async move { self.runner.attempt(attempt, &slot, &stop).await })
            .await
    }

    /// Scores on a core that nobody else measures on; says how long it took there.
    pub(crate) async fn score(&self, scoring: Scoring<'_>) -> anyhow::Result<(Outcome, Duration)> {
        self.ready(&scoring.spec.image).await?;
        self.on_a_core(|slot, stop| async move { self.runner.score(scoring, &slot, &stop).await })
            .await
    }

    async fn ready(&self, image: &Image) -> anyhow::Result<()> {
        if let Some(artifact) = self.runner.missing_image(image).await? {
            if !self.store().has(artifact) {
                bail!("the image {artifact} is neither on this host nor among the home's artifacts");
            }
            self.runner.import_image(image).await?;
        }
        Ok(())
    }

    /// Does `work` on a core, and times it. Ctrl-C stops its container.
    async fn on_a_core<T, W, F>(&self, work: W) -> anyhow::Result<(T, Duration)>
    where
        W: FnOnce(Slot, CancellationToken) -> F,
        F: Future<Output = Result<T, RunError>>,
    {
        let stop = CancellationToken::new();
        let slot = tokio::select! {
            slot = self.slots.acquire() => slot?,
            signal = interrupted() => {
                signal?;
                bail!("stopped");
            }
        };
        let began = Instant::now();
        let work = work(slot, stop.clone());
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Ok((done?, began.elapsed())),
            signal = interrupted() => signal?,
        }
        say("Stopping the container …");
        stop.cancel();
        Ok((work.await?, began.elapsed()))
    }

    /// Removes whatever the runs left: nobody else sweeps for this owner.
    pub(crate) async fn clear(&self) {
        if let Err(error) = self.runtime.sweep().await {
            tracing::warn!(error = with_causes(&error), "something of the runs may be left");
        }
    }
}
