//! The publisher's workshop: builds images with the engine at hand, runs preparations in containers, and
//! remembers what came of it, so that packing the same thing again is quick.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow, bail};
use quorate_artifacts::{Limits as Bound, Store};
use quorate_core::Digest;
use quorate_core::digest::ArtifactId;
use quorate_core::task::Image;
use quorate_images::Recipe;
use quorate_tasks::workshop::{Preparation, Workshop, WorkshopError};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::cli::workbench::Workbench;
use crate::home::Home;
use crate::output::say;

/// What an image or a preparation may hold at most.
const BOUND: Bound = Bound {
    files: 10_000,
    bytes: 64 << 30,
};

/// What was made before, by what it was made from.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Made {
    images: BTreeMap<Digest, Image>,
    preparations: BTreeMap<Digest, ArtifactId>,
}

/// A workshop for one home. Its calls block, so they must not be made on an async thread.
#[derive(Debug)]
pub(crate) struct HomeWorkshop {
    bench: Arc<Workbench>,
    store: Arc<Store>,
    file: PathBuf,
    scratch: PathBuf,
    runtime: Handle,
    made: Mutex<Made>,
}

impl HomeWorkshop {
    /// The workshop of `home`, which runs containers on `bench` and keeps what it makes in its store.
    pub(crate) fn open(home: &Home, bench: Arc<Workbench>) -> anyhow::Result<Self> {
        let file = home.root().join("workshop.json");
        let made = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged: remove it", file.display()))?,
            Err(_) => Made::default(),
        };
        Ok(Self {
            store: Arc::clone(bench.store()),
            bench,
            file,
            scratch: home.scratch(),
            runtime: Handle::current(),
            made: Mutex::new(made),
        })
    }

    fn remember(&self, change: impl FnOnce(&mut Made)) -> anyhow::Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut made);
        let new = self.file.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&*made)?).context("cannot write what the workshop made")?;
        fs::rename(&new, &self.file).context("cannot write what the workshop made")
    }

    fn build(&self, containerfile: &Path) -> anyhow::Result<Image> {
        let key = Digest::of(&fs::read(containerfile)?);
        let known = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .images
            .get(&key)
            .copied();
        if let Some(image @ Image::Oci { artifact, .. }) = known
            && self.store.has(artifact)
        {
            return Ok(image);
        }
        say(format!("Building the image of {} …", containerfile.display()));
        let scratch = tempfile::tempdir_in(&self.scratch)?;
        let layout = scratch.path().join("layout");
        let recipe = Recipe {
            containerfile: containerfile.to_owned(),
            ..Recipe::default()
        };
        let mut progress = |line: &str| tracing::info!(line, "building");
        let built = self
            .runtime
            .block_on(quorate_images::build(&recipe, &layout, &mut progress))?;
        let artifact = self.store.add_dir(&layout, BOUND)?;
        self.store.pin(artifact, "image")?;
        let image = Image::Oci {
            artifact,
            manifest: built.digest.parse()?,
        };
        self.remember(|made| {
            made.images.insert(key, image);
        })?;
        Ok(image)
    }

    fn run(&self, preparation: &Preparation) -> anyhow::Result<()> {
        let task = self.store.add_dir(&preparation.task, BOUND)?;
        let terms = serde_json::to_vec(&(task, preparation.image, &preparation.command, preparation.limits))?;
        let key = Digest::of(&terms);
        let known = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .preparations
            .get(&key)
            .copied();
        if let Some(artifact) = known.filter(|artifact| self.store.has(*artifact)) {
            return Ok(self.store.unpack(artifact, &preparation.out)?);
        }
        say(format!("Preparing: {} …", preparation.command.join(" ")));
        self.runtime.block_on(self.bench.prepare(preparation))?;
        let empty = fs::read_dir(&preparation.out).map_or(true, |mut entries| entries.next().is_none());
        if empty {
            bail!("the preparation left nothing");
        }
        let artifact = self.store.add_dir(&preparation.out, BOUND)?;
        self.store.pin(artifact, "prepared")?;
        self.remember(|made| {
            made.preparations.insert(key, artifact);
        })
    }
}

impl Workshop for HomeWorkshop {
    fn image(&self, containerfile: &Path) -> Result<Image, WorkshopError> {
        self.build(containerfile).map_err(|error| WorkshopError {
            doing: format!("cannot build the image of {}", containerfile.display()),
            source: anyhow!(error).into(),
        })
    }

    fn prepare(&self, preparation: &Preparation) -> Result<(), WorkshopError> {
        self.run(preparation).map_err(|error| WorkshopError {
            doing: "cannot prepare the task's files".to_owned(),
            source: anyhow!(error).into(),
        })
    }
}
