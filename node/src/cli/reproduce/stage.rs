//! What a scoring on this machine needs: the ledger, a store, a container backend, a core.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum as _;
use quorate_artifacts::{Store, StoreError};
use quorate_containers::{Backend, Runtime};
use quorate_core::score::Outcome;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::cli::BackendChoice;
use crate::cli::artifact::quota;
use crate::cli::ledger::{followed, is_held};
use crate::cli::node::interrupted;
use crate::cli::peer::Peer;
use crate::config::Config;
use crate::follower::Follower;
use crate::home::Home;
use crate::output::say;
use crate::runner::{Runner, Scoring};
use crate::slots::{Slots, shared_folder};
use crate::volunteer::with_causes;

/// Brings the home's copy of the coordinator's log up to date, unless a running node does that.
pub(super) async fn sync(home: &Home, peer: &Peer) -> anyhow::Result<()> {
    match Follower::open(home.clone(), peer.network().clone(), peer.coordinator()).await {
        Ok(follower) => {
            follower.sync().await.map_err(followed)?;
            Ok(())
        }
        Err(error) if is_held(&error) => Ok(()),
        Err(error) => Err(followed(error)),
    }
}

/// A store, and the folder that goes with it if it is a temporary one.
pub(super) struct Artifacts {
    pub(super) store: Arc<Store>,
    _scratch: Option<TempDir>,
}

/// The home's artifacts, or a temporary store where a running node has those.
pub(super) fn open_artifacts(home: &Home) -> anyhow::Result<Artifacts> {
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
        .prefix("reproduce-")
        .tempdir_in(home.scratch())
        .context("cannot make a temporary folder in the home")
}

/// Ready to score.
pub(super) struct Here {
    runtime: Arc<dyn Runtime>,
    runner: Runner,
    slots: Slots,
    _scratch: TempDir,
    _artifacts: Artifacts,
}

impl Here {
    /// Chooses and checks a backend. Its owner is this command's own, so a node that runs in the
    /// same home is not disturbed.
    pub(super) async fn prepare(
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
        let runtime =
            quorate_containers::select(choice.into(), owner, scratch.path().join("containers")).await?;
        if let Some(why) = runtime.check().await?.refusal() {
            bail!("this host cannot run containers safely: {why}. `quorate doctor` says more");
        }
        let runner = Runner::new(Arc::clone(&runtime), Arc::clone(&artifacts.store), runs);
        let slots = Slots::new(&shared_folder())?;
        Ok(Self {
            runtime,
            runner,
            slots,
            _scratch: scratch,
            _artifacts: artifacts,
        })
    }

    pub(super) fn backend(&self) -> Backend {
        self.runner.backend()
    }

    /// Scores on a core that nobody else measures on. Ctrl-C stops the container.
    pub(super) async fn score(&self, scoring: Scoring<'_>) -> anyhow::Result<Outcome> {
        let stop = CancellationToken::new();
        let work = async {
            let slot = tokio::select! {
                slot = self.slots.acquire() => slot?,
                () = stop.cancelled() => bail!("stopped"),
            };
            Ok(self.runner.score(scoring, &slot, &stop).await?)
        };
        tokio::pin!(work);
        tokio::select! {
            outcome = &mut work => return outcome,
            signal = interrupted() => signal?,
        }
        say("Stopping the container …");
        stop.cancel();
        work.await
    }

    /// Removes whatever the runs left: nobody else sweeps for this owner.
    pub(super) async fn clear(self) {
        if let Err(error) = self.runtime.sweep().await {
            tracing::warn!(
                error = with_causes(&error),
                "something of the scoring may be left"
            );
        }
    }
}
