//! Running attempts and scorings in containers: from artifacts to artifacts and outcomes.
//!
//! The layout inside is the same for every backend: the working folder `/work`; `/task` with the
//! instructions, the start files, shared modules and public data; `/agent` with the agent. The scorer is there
//! for scorings, and for agents where the task lets them score themselves; the reference solution for scorings,
//! and for agents that say they submit it. Everything on the host lives in one scratch folder per run,
//! removed with it.

mod images;
mod service;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quorate_artifacts::{Limits as Bound, Store, StoreError};
use quorate_containers::{End, Error as ContainerError, Finished, Limits, Mount, Runtime, Spec, Workspace};
use quorate_core::Digest;
use quorate_core::digest::{AgentId, ArtifactId, BundleId};
use quorate_core::record::Usage;
use quorate_core::score::Outcome;
use quorate_core::task::{self, TaskSpec};
use quorate_core::text::Note;
use quorate_tasks::agent::{Setting, open_agent};
use quorate_tasks::handin::{HandInError, collect};
use quorate_tasks::scoring::{ScorerError, parse};
use quorate_tasks::workshop::Preparation;
use tempfile::TempDir;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::images::container_image;
use self::service::Service;
use crate::slots::Slot;

/// Why a run could not be made. None of these says anything about the artifact.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    /// The container failed.
    #[error("the container failed")]
    Container(#[from] ContainerError),
    /// An artifact could not be unpacked or kept.
    #[error("an artifact could not be used")]
    Store(#[from] StoreError),
    /// The bundle's or agent's files are not what they should be.
    #[error("the bundle or agent cannot be used")]
    Content(#[from] quorate_tasks::OpenError),
    /// The scorer gave no outcome on this host.
    #[error("the scorer gave no outcome here ({how}): {said}")]
    Scorer {
        /// How it ended.
        how: String,
        /// What it wrote to standard error, shortened.
        said: String,
        /// What is wrong with its output, if that was read.
        source: Option<ScorerError>,
    },
    /// A task's files could not be prepared.
    #[error("the preparation failed ({how}): {said}")]
    Preparation {
        /// How it ended.
        how: String,
        /// What it wrote to standard error, shortened.
        said: String,
    },
    /// The run was stopped by this node.
    #[error("the run was stopped")]
    Stopped,
    /// The operating system refused.
    #[error("cannot prepare {}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// An attempt could not be kept.
    #[error("{} has {free_mib} MiB left: this node takes no attempts until there are {ROOM_MIB}", path.display())]
    NoRoom {
        /// The folder of the runs.
        path: PathBuf,
        /// What is left on its disk.
        free_mib: u64,
    },
    /// A task of the program died.
    #[error("a task of this program died")]
    Died(#[from] tokio::task::JoinError),
}

/// What must be free on the disk before a lease is taken: the databases stop writing below that.
const ROOM_MIB: u64 = 32;

/// What an attempt came to.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// It left an artifact.
    HandedIn {
        /// The artifact.
        artifact: ArtifactId,
        /// What it used.
        usage: Usage,
    },
    /// It left none.
    Failed {
        /// Why.
        note: Note,
    },
}

/// What to attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// The task's terms.
    pub(crate) spec: &'a TaskSpec,
    /// The task's files.
    pub(crate) bundle: BundleId,
    /// The agent.
    pub(crate) agent: AgentId,
    /// The agent's randomness.
    pub(crate) seed: Digest,
}

/// What to score.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scoring<'a> {
    /// The task's terms.
    pub(crate) spec: &'a TaskSpec,
    /// The task's files.
    pub(crate) bundle: BundleId,
    /// The artifact of the attempt.
    pub(crate) artifact: ArtifactId,
    /// The seed of the hidden inputs.
    pub(crate) seed: Digest,
}

/// Runs containers for one node.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    runtime: Arc<dyn Runtime>,
    store: Arc<Store>,
    scratch: PathBuf,
}

/// What of a bundle a container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Everything.
    All,
    /// What an agent may see.
    Agent {
        /// The scorer too: it may score itself.
        scorer: bool,
        /// The reference solution too: it says that it submits it.
        reference: bool,
    },
}

/// Folders of one run, removed with it.
#[derive(Debug)]
struct Stage {
    folder: TempDir,
}

/// Files of a workspace: far more than any task here leaves, few enough to copy in seconds.
const WORK_FILES: u64 = 10_000;

/// `/tmp` of every container.
const TMP_BYTES: u64 = 64 << 20;

/// The setting by which an agent says that it submits the reference solution.
const NEEDS_REFERENCE: &str = "needs-reference";

impl Runner {
    /// A runner that keeps its folders below `scratch`.
    pub(crate) fn new(runtime: Arc<dyn Runtime>, store: Arc<Store>, scratch: PathBuf) -> Self {
        Self {
            runtime,
            store,
            scratch,
        }
    }

    /// Which backend runs the containers.
    pub(crate) fn backend(&self) -> quorate_containers::Backend {
        self.runtime.backend()
    }

    /// Makes sure that the disk has room for an attempt and what is to be remembered of it.
    pub(crate) fn check_room(&self) -> Result<(), RunError> {
        let path = || self.scratch.clone();
        let disk = rustix::fs::statvfs(&self.scratch).map_err(|errno| RunError::Io {
            path: path(),
            source: errno.into(),
        })?;
        let free_mib = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
        if free_mib < ROOM_MIB {
            Err(RunError::NoRoom {
                path: path(),
                free_mib,
            })
        } else {
            Ok(())
        }
    }

    /// Makes an attempt on the core that `slot` holds.
    pub(crate) async fn attempt(
        &self,
        attempt: Attempt<'_>,
        slot: &Slot,
        stop: &CancellationToken,
    ) -> Result<Attempted, RunError> {
        let agent = open_agent(&self.store, attempt.agent)?;
        let reference = agent
            .settings
            .iter()
            .any(|(name, value)| name.as_str() == NEEDS_REFERENCE && *value == Setting::Flag(true));
        let sight = Sight::Agent {
            scorer: attempt.spec.self_score.is_some(),
            reference,
        };
        let stage = self
            .stage(attempt.bundle, Some(attempt.agent), None, sight)
            .await?;
        let seed = attempt.seed.to_string();
        let mut env = vec![
            ("QUORATE_TIER".to_owned(), attempt.spec.tier.to_string()),
            (
                "QUORATE_SECONDS".to_owned(),
                attempt.spec.attempt.seconds.to_string(),
            ),
            ("QUORATE_SEED".to_owned(), seed),
            ("QUORATE_TASK".to_owned(), "/task".to_owned()),
        ];
        if reference {
            env.push(("QUORATE_REFERENCE".to_owned(), "/task/reference".to_owned()));
        }
        if let Some(command) = &attempt.spec.self_score {
            let words: Vec<&str> = command.iter().map(Note::as_str).collect();
            env.push(("QUORATE_SCORE".to_owned(), serde_json::json!(words).to_string()));
        }
        for (name, value) in &agent.settings {
            let name = name.as_str().to_uppercase().replace(['-', '.'], "_");
            env.push((format!("QUORATE_SETTING_{name}"), setting_text(value)));
        }
        let mut mounts = vec![stage.mount("task"), stage.mount("agent")];
        let service = Service::start(self, attempt.spec, attempt.bundle, &stage, slot.core()).await?;
        let service = service.map(|(service, mount)| {
            mounts.push(mount);
            env.push(Service::variable());
            service
        });
        let spec = Spec {
            name: run_name("attempt"),
            image: container_image(&attempt.spec.image)?,
            command: agent.command.iter().map(ToString::to_string).collect(),
            env,
            mounts,
            workspace: Workspace {
                initial: Some(stage.path("work")),
                export: Some(stage.path("left")),
                bytes: u64::from(attempt.spec.attempt.disk_mib) << 20,
                files: WORK_FILES,
            },
            limits: limits(&attempt.spec.attempt, slot.core()),
            devices: Vec::new(),
        };
        let finished = self.run(spec, stop).await;
        let asked = match service {
            Some(service) => Some(service.finish().await),
            None => None,
        };
        let (runner, task, finished) = (self.clone(), attempt.spec.clone(), finished?);
        tokio::task::spawn_blocking(move || runner.hand_in(&stage, &task, &finished, asked.as_deref()))
            .await?
    }

    /// Scores an artifact on the core that `slot` holds.
    ///
    /// Where the scorer gives no outcome, the start solution is scored on the same core: if that
    /// works, it was the artifact that kept the scorer from its end, and that is an outcome. So an
    /// artifact cannot make honest verifiers look absent by killing their scorers.
    pub(crate) async fn score(
        &self,
        scoring: Scoring<'_>,
        slot: &Slot,
        stop: &CancellationToken,
    ) -> Result<Outcome, RunError> {
        match self
            .score_files(scoring, Some(scoring.artifact), slot, stop)
            .await
        {
            Err(RunError::Scorer { how, said, source }) => {
                match self.score_files(scoring, None, slot, stop).await {
                    Ok(Outcome::Valid { .. }) => {
                        let reason =
                            Note::lossy(&format!("the scorer gave no outcome for this artifact ({how})"));
                        Ok(Outcome::Invalid { reason })
                    }
                    Err(RunError::Stopped) => Err(RunError::Stopped),
                    _ => Err(RunError::Scorer { how, said, source }),
                }
            }
            other => other,
        }
    }

    /// Runs a task's preparation on the core that `slot` holds; what it leaves lies in the folder that it names.
    pub(crate) async fn prepare(
        &self,
        preparation: &Preparation,
        slot: &Slot,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let spec = Spec {
            name: run_name("prepare"),
            image: container_image(&preparation.image)?,
            command: preparation.command.clone(),
            env: Vec::new(),
            mounts: vec![Mount {
                source: preparation.task.clone(),
                target: "/task".to_owned(),
            }],
            workspace: Workspace {
                initial: None,
                export: Some(preparation.out.clone()),
                bytes: u64::from(preparation.limits.disk_mib) << 20,
                files: WORK_FILES,
            },
            limits: limits(&preparation.limits, slot.core()),
            devices: Vec::new(),
        };
        let finished = self.run(spec, stop).await?;
        if finished.end == End::Exited(0) {
            return Ok(());
        }
        Err(RunError::Preparation {
            how: end_text(finished.end),
            said: tail(&finished.stderr),
        })
    }

    /// Scores an artifact's files, or the start files.
    async fn score_files(
        &self,
        scoring: Scoring<'_>,
        artifact: Option<ArtifactId>,
        slot: &Slot,
        stop: &CancellationToken,
    ) -> Result<Outcome, RunError> {
        let stage = self.stage(scoring.bundle, None, artifact, Sight::All).await?;
        let seed = scoring.seed.to_string();
        write(&stage.path("work").join(SEED_FILE), seed.as_bytes())?;
        let fill = |word: &Note| {
            word.as_str()
                .replace("{seed}", &seed)
                .replace("{seed-file}", SEED_PATH)
        };
        let command = scoring.spec.scorer.iter().map(fill).collect();
        let spec = Spec {
            name: run_name("scoring"),
            image: container_image(&scoring.spec.image)?,
            command,
            env: Vec::new(),
            mounts: vec![stage.mount("task")],
            workspace: Workspace {
                initial: Some(stage.path("work")),
                export: None,
                bytes: u64::from(scoring.spec.scoring.disk_mib) << 20,
                files: WORK_FILES,
            },
            limits: limits(&scoring.spec.scoring, slot.core()),
            devices: Vec::new(),
        };
        let finished = self.run(spec, stop).await?;
        read_outcome(scoring.spec, &finished)
    }

    async fn run(&self, spec: Spec, stop: &CancellationToken) -> Result<Finished, RunError> {
        let mut container = self.runtime.start(spec).await?;
        let control = container.control();
        let mut asked = false;
        let wait = container.wait();
        tokio::pin!(wait);
        loop {
            tokio::select! {
                finished = &mut wait => {
                    let finished = finished?;
                    return if finished.end == End::Stopped { Err(RunError::Stopped) } else { Ok(finished) };
                }
                () = stop.cancelled(), if !asked => {
                    asked = true;
                    control.stop().await?;
                }
            }
        }
    }

    /// Lays out the folders that the container sees.
    async fn stage(
        &self,
        bundle: BundleId,
        agent: Option<AgentId>,
        artifact: Option<ArtifactId>,
        sight: Sight,
    ) -> Result<Stage, RunError> {
        let (store, scratch) = (Arc::clone(&self.store), self.scratch.clone());
        tokio::task::spawn_blocking(move || {
            let stage = Stage::new(&scratch)?;
            let (task, work) = (stage.path("task"), stage.path("work"));
            store.unpack(ArtifactId(bundle.0), &task)?;
            match artifact {
                None => copy_tree(&task.join("start"), &work)?,
                Some(artifact) => {
                    let all = stage.path("artifact");
                    store.unpack(artifact, &all)?;
                    let files = all.join(FILES);
                    match fs::rename(&files, &work) {
                        // Whoever hands in nothing is scored for nothing.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&work)?,
                        renamed => renamed.map_err(|source| RunError::Io { path: files, source })?,
                    }
                }
            }
            let hidden = match sight {
                Sight::All => [None, None],
                Sight::Agent { scorer, reference } => {
                    [(!scorer).then_some("scorer"), (!reference).then_some("reference")]
                }
            };
            for path in hidden.into_iter().flatten().map(|name| task.join(name)) {
                fs::remove_dir_all(&path).map_err(|source| RunError::Io { path, source })?;
            }
            if let Some(agent) = agent {
                store.unpack(ArtifactId(agent.0), &stage.path("agent"))?;
            }
            Ok(stage)
        })
        .await?
    }

    /// Makes the artifact of what an attempt left: declared files, transcript, usage, and what it asked the
    /// task's service.
    fn hand_in(
        &self,
        stage: &Stage,
        spec: &TaskSpec,
        finished: &Finished,
        asked: Option<&str>,
    ) -> Result<Attempted, RunError> {
        let made = stage.path("made");
        let bytes = u64::from(spec.attempt.disk_mib) << 20;
        let bound = Bound {
            files: usize::try_from(WORK_FILES).unwrap_or(usize::MAX),
            bytes,
        };
        create(&made)?;
        match collect(&stage.path("left"), &spec.artifact, &made.join(FILES), bound) {
            Ok(_) => {}
            Err(HandInError::Defect(defect)) => {
                let said = tail(&finished.stderr);
                let note = Note::lossy(&format!("{}; {defect}; {said}", end_text(finished.end)));
                return Ok(Attempted::Failed { note });
            }
            Err(error) => {
                return Err(RunError::Io {
                    path: made,
                    source: io::Error::other(error),
                });
            }
        }
        let usage = Usage {
            wall_ms: millis(finished.wall),
            cpu_ms: finished.cpu.map(millis),
            peak_memory: finished.peak_memory,
        };
        let usage_text = serde_json::json!({ "usage": usage, "end": end_text(finished.end) }).to_string();
        write(&made.join("transcript.txt"), &finished.stdout)?;
        write(&made.join("errors.txt"), &finished.stderr)?;
        write(&made.join("usage.json"), usage_text.as_bytes())?;
        if let Some(asked) = asked {
            write(&made.join("service.jsonl"), asked.as_bytes())?;
        }
        let asked = asked.map_or(0, str::len) as u64;
        let bound = Bound {
            files: bound.files + 4,
            bytes: bytes + (u64::from(spec.attempt.output_kib) << 10) + asked + 4096,
        };
        Ok(Attempted::HandedIn {
            artifact: self.store.add_dir(&made, bound)?,
            usage,
        })
    }
}

/// Where the scorer finds its seed. It removes the file before it runs anything of the submission.
const SEED_FILE: &str = ".scoring-seed";

/// The same inside the container.
const SEED_PATH: &str = "/work/.scoring-seed";

/// The folder of an artifact that holds the declared files.
const FILES: &str = "files";

impl Stage {
    fn new(scratch: &Path) -> Result<Self, RunError> {
        let error = |source| RunError::Io {
            path: scratch.to_owned(),
            source,
        };
        Ok(Self {
            folder: tempfile::Builder::new()
                .prefix("run-")
                .tempdir_in(scratch)
                .map_err(error)?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount(&self, name: &str) -> Mount {
        Mount {
            source: self.path(name),
            target: format!("/{name}"),
        }
    }
}

/// An outcome is read only from a scorer that ended by itself. A scorer that ran out of time or
/// memory leaves none: whether that is the artifact's doing or this host's cannot be told here.
fn read_outcome(spec: &TaskSpec, finished: &Finished) -> Result<Outcome, RunError> {
    let failed = |source| RunError::Scorer {
        how: end_text(finished.end),
        said: tail(&finished.stderr),
        source,
    };
    if finished.end != End::Exited(0) {
        return Err(failed(None));
    }
    parse(&finished.stdout, &spec.scale, &spec.agreement)
        .map(|scoring| scoring.outcome)
        .map_err(|error| failed(Some(error)))
}

fn limits(limits: &task::Limits, core: u32) -> Limits {
    let one_core = limits.millicpus <= 1000;
    Limits {
        memory_bytes: u64::from(limits.memory_mib) << 20,
        processes: limits.processes,
        millicpus: limits.millicpus,
        cpuset: one_core.then_some(core),
        open_files: u64::from(limits.open_files),
        output_bytes: u64::from(limits.output_kib) << 10,
        wall: Duration::from_secs(u64::from(limits.seconds)),
        tmp_bytes: TMP_BYTES,
    }
}

fn end_text(end: End) -> String {
    match end {
        End::Exited(code) => format!("exit code {code}"),
        End::Signalled(signal) => format!("killed by signal {signal}"),
        End::OutOfMemory => "out of memory".to_owned(),
        End::TimedOut => "time budget used up".to_owned(),
        End::OutputLimit => "too much output".to_owned(),
        End::Stopped => "stopped".to_owned(),
    }
}

fn setting_text(value: &Setting) -> String {
    match value {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Integer(number) => number.to_string(),
        Setting::Number(number) => number.get().to_string(),
        Setting::Text(text) => text.to_string(),
    }
}

/// The last words of an output.
fn tail(output: &[u8]) -> String {
    let start = output.len().saturating_sub(300);
    String::from_utf8_lossy(output.get(start..).unwrap_or_default())
        .trim()
        .to_owned()
}

fn run_name(what: &str) -> String {
    format!("{what}-{:08x}", rand::random::<u32>())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn create(path: &Path) -> Result<(), RunError> {
    fs::create_dir_all(path).map_err(|source| RunError::Io {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    fs::write(path, bytes).map_err(|source| RunError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Copies a tree that this program unpacked itself: plain files and folders.
fn copy_tree(from: &Path, to: &Path) -> Result<(), RunError> {
    let error = |source| RunError::Io {
        path: from.to_owned(),
        source,
    };
    create(to)?;
    for entry in fs::read_dir(from).map_err(error)? {
        let entry = entry.map_err(error)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(error)?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(error)?;
        }
    }
    Ok(())
}
