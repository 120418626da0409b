//! `quorate artifact`: the files behind the ids.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use quorate_artifacts::store::ArtifactInfo;
use quorate_artifacts::{Mode, Store, StoreError};
use quorate_coordinator::exchange::ARTIFACT_BOUND;
use quorate_core::digest::ArtifactId;

use super::coordinator::QUOTA_GIB;
use super::peer::Reach;
use super::{Failure, Global, lookup};
use crate::config::Config;
use crate::home::Home;
use crate::output::{is_watched, json, line, say};

/// Add, fetch, verify and list artifacts.
#[derive(Debug, Subcommand)]
pub(crate) enum Artifact {
    /// Add a folder or a file and print its id
    Add {
        /// The folder or file
        path: PathBuf,
    },
    /// Fetch an artifact from a coordinator or whoever has it
    Get(Get),
    /// Read artifacts and check every byte
    Verify {
        /// The artifact's id or the beginning of it; left out, all are checked
        id: Option<String>,
    },
    /// List what is here
    Ls,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The artifact's id
    id: ArtifactId,
    /// Unpack it into this new or empty folder
    dir: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

impl Artifact {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Add { path } => add(global, &path),
            Self::Get(get) => get.run(global).await,
            Self::Verify { id } => verify(global, id.as_deref()),
            Self::Ls => ls(global),
        }
    }
}

/// How many bytes of artifacts a home may hold.
pub(super) fn quota(home: &Home) -> anyhow::Result<u64> {
    Ok(Config::read(home)?
        .quota_gib
        .unwrap_or(QUOTA_GIB)
        .saturating_mul(1 << 30))
}

/// Opens a home's artifacts. One process at a time has them.
pub(super) fn open_store(home: &Home) -> anyhow::Result<Arc<Store>> {
    Store::open(&home.artifacts(), quota(home)?).map_err(|error| match error {
        StoreError::Busy(path) => anyhow!(
            "a quorate process that runs in this home has its artifacts ({}) open: stop it, or pass another --home",
            path.display()
        ),
        other => other.into(),
    })
}

fn add(global: &Global, path: &Path) -> anyhow::Result<()> {
    let store = open_store(&global.home()?)?;
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spinner = spinner(&format!("adding {}", path.display()));
    let added = if metadata.is_dir() {
        store.add_dir(path, ARTIFACT_BOUND)
    } else {
        add_file(&store, path)
    };
    spinner.finish_and_clear();
    let id = added.with_context(|| format!("{} was not added", path.display()))?;
    store.pin(id, "added")?;
    if global.json {
        return json(&serde_json::json!({ "artifact": id }));
    }
    line(id.to_string());
    Ok(())
}

/// A single file is an artifact with one path: the file's name.
fn add_file(store: &Arc<Store>, path: &Path) -> Result<ArtifactId, StoreError> {
    let io = |source| StoreError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| io(io::Error::other("its name is no UTF-8 text")))?;
    let mut file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut draft = store.draft(ARTIFACT_BOUND);
    draft.add(name, Mode::Plain, size, &mut file)?;
    draft.commit()
}

impl Get {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        let home = global.home()?;
        if let Some(dir) = &self.dir {
            // Better said before the bytes travel than after.
            require_empty(dir)?;
        }
        let store = open_store(&home)?;
        if !store.has(self.id) {
            let peer = self
                .reach
                .join_any(&self.reach.some(&Config::read(&home)?)?)
                .await?;
            let fetched = peer.fetch(&store, self.id, &[], "fetched").await;
            peer.leave().await;
            fetched?;
        }
        if let Some(dir) = &self.dir {
            store.unpack(self.id, dir)?;
        }
        let manifest = store.manifest(self.id)?;
        let (files, bytes) = (manifest.files().len(), manifest.total_size());
        if global.json {
            return json(
                &serde_json::json!({ "artifact": self.id, "files": files, "bytes": bytes, "dir": self.dir }),
            );
        }
        let place = self.dir.map_or_else(
            || "among this home's artifacts".to_owned(),
            |dir| format!("in {}", dir.display()),
        );
        line(format!("{}: {files} file(s), {bytes} bytes, {place}", self.id));
        Ok(())
    }
}

fn require_empty(dir: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot use {}", dir.display())),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!("{} is not empty: name a new or an empty folder", dir.display()),
        },
    }
}

fn verify(global: &Global, id: Option<&str>) -> anyhow::Result<()> {
    let store = open_store(&global.home()?)?;
    let mut chosen: Vec<ArtifactId> = store.list()?.into_iter().map(|info| info.id).collect();
    if let Some(prefix) = id {
        chosen = vec![lookup::unique("artifact", prefix, chosen.into_iter().map(|id| (id, ())))?.0];
    }
    let mut damaged = Vec::new();
    for id in &chosen {
        match store.verify(*id) {
            Ok(()) => {}
            Err(error @ StoreError::BadBlob { .. }) => damaged.push((*id, error.to_string())),
            Err(error) => return Err(error.into()),
        }
    }
    if global.json {
        let bad: Vec<_> = damaged
            .iter()
            .map(|(id, why)| serde_json::json!({ "artifact": id, "why": why }))
            .collect();
        json(&serde_json::json!({ "checked": chosen.len(), "damaged": bad }))?;
    } else {
        line(format!(
            "{} artifact(s) checked, {} damaged",
            chosen.len(),
            damaged.len()
        ));
    }
    if damaged.is_empty() {
        return Ok(());
    }
    let whys: Vec<String> = damaged.into_iter().map(|(_, why)| why).collect();
    Err(anyhow!(whys.join("; ")).context(Failure::Check))
}

fn ls(global: &Global) -> anyhow::Result<()> {
    let store = open_store(&global.home()?)?;
    let (artifacts, usage) = (store.list()?, store.usage());
    if global.json {
        let list: Vec<_> = artifacts.iter().map(as_json).collect();
        return json(&serde_json::json!({ "artifacts": list, "stored": usage.stored, "quota": usage.quota }));
    }
    for info in &artifacts {
        let whole = if info.complete { "" } else { "incomplete  " };
        line(format!(
            "{}  {:>6} files  {:>14} bytes  {whole}{}",
            info.id,
            info.files,
            info.bytes,
            info.pins.join(", ")
        ));
    }
    say(format!(
        "{} artifact(s), {} of {} MiB used",
        artifacts.len(),
        usage.stored >> 20,
        usage.quota >> 20
    ));
    Ok(())
}

fn as_json(info: &ArtifactInfo) -> serde_json::Value {
    let used = info.last_used.duration_since(UNIX_EPOCH).unwrap_or_default();
    serde_json::json!({
        "artifact": info.id, "files": info.files, "bytes": info.bytes, "complete": info.complete,
        "last_used": u64::try_from(used.as_millis()).unwrap_or(u64::MAX), "pins": info.pins,
    })
}

fn spinner(doing: &str) -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(doing.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_store_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().to_owned()).unwrap();
        let _held = open_store(&home).unwrap();
        let error = open_store(&home).unwrap_err().to_string();
        assert!(error.contains("stop it, or pass another --home"), "{error}");
    }

    #[test]
    fn a_file_is_an_artifact_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let store = open_store(&home).unwrap();
        let file = folder.path().join("a.txt");
        std::fs::write(&file, "text").unwrap();
        let id = add_file(&store, &file).unwrap();
        store.unpack(id, &folder.path().join("out")).unwrap();
        assert_eq!(
            std::fs::read_to_string(folder.path().join("out/a.txt")).unwrap(),
            "text"
        );
    }

    #[test]
    fn only_new_and_empty_folders_are_unpacked_into() {
        let folder = tempfile::tempdir().unwrap();
        assert!(require_empty(&folder.path().join("new")).is_ok());
        assert!(require_empty(folder.path()).is_ok());
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(require_empty(folder.path()).is_err());
    }
}
