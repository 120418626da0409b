//! One run on an engine: made, watched, taken apart.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::models::ContainerStatsResponse;
use bollard::query_parameters as query;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::settings::{self, Names};
use super::{memory, remove_container, remove_volume, workspace};
use crate::export::Exported;
use crate::ownership::Live;
use crate::runtime::{Container, End, Error};
use crate::spec::{Spec, Workspace};
use crate::supervise::{self, Ended, Job, Output, Pipe};

/// Makes everything, starts the command and hands it to supervision.
pub(super) async fn start(
    engine: bollard::Docker,
    owner: String,
    live: Live,
    spec: Spec,
) -> Result<Box<dyn Container>, Error> {
    let parts = Parts {
        names: Names::new(live.full()),
        engine,
    };
    match parts.make(&owner, &spec).await {
        Ok(output) => {
            let job = Running::new(parts, live, spec.workspace);
            Ok(supervise::spawn(Box::new(job), output, &spec.limits))
        }
        Err(error) => {
            if let Err(error) = parts.remove().await {
                tracing::warn!(%error, "a container that did not start left something behind");
            }
            Err(error)
        }
    }
}

#[derive(Debug)]
struct Parts {
    engine: bollard::Docker,
    names: Names,
}

impl Parts {
    async fn make(&self, owner: &str, spec: &Spec) -> Result<Output, Error> {
        let Self { engine, names } = self;
        let volume = settings::volume(owner, names, spec);
        engine.create_volume(volume).await.map_err(Error::engine(
            "making the workspace, a tmpfs volume of the `local` driver with a size",
        ))?;
        let keeper = async {
            self.create(&names.keeper, settings::keeper(owner, names)).await?;
            self.run(&names.keeper).await?;
            workspace::fill(engine, &names.keeper, &spec.workspace).await
        };
        let worker = self.create(&names.worker, settings::worker(owner, names, spec));
        // Both to their end: a request given up half-way may still be carried out, after cleanup.
        let (keeper, worker) = tokio::join!(keeper, worker);
        keeper.and(worker)?;
        let options = query::AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = engine.attach_container(&names.worker, Some(options)).await;
        let mut attached = attached.map_err(Error::engine("attaching to the command"))?;
        self.run(&names.worker).await?;
        if let Some(late) = settings::late(spec) {
            let updated = engine.update_container(&names.worker, late).await;
            updated.map_err(Error::engine("limiting processes"))?;
        }
        let word = async {
            attached.input.write_all(settings::GO).await?;
            attached.input.shutdown().await
        };
        word.await.map_err(Error::io("giving the word to go"))?;
        Ok(attached
            .output
            .filter_map(|piece| futures::future::ready(sorted(piece)))
            .boxed())
    }

    async fn create(&self, name: &str, body: bollard::models::ContainerCreateBody) -> Result<(), Error> {
        let options = query::CreateContainerOptionsBuilder::default().name(name).build();
        let made = self.engine.create_container(Some(options), body).await;
        let made = made.map_err(Error::engine(format!("making container {name}")))?;
        for warning in made.warnings {
            tracing::warn!(name, warning, "the engine warns");
        }
        Ok(())
    }

    async fn run(&self, name: &str) -> Result<(), Error> {
        self.engine
            .start_container(name, None)
            .await
            .map_err(Error::engine(format!("starting container {name}")))
    }

    /// Removes all of it; tries everything before it reports the first failure.
    async fn remove(&self) -> Result<(), Error> {
        let Self { engine, names } = self;
        let (worker, keeper) = tokio::join!(
            remove_container(engine, &names.worker),
            remove_container(engine, &names.keeper),
        );
        let volume = remove_volume(engine, &names.volume).await;
        worker.and(keeper).and(volume)
    }
}

fn sorted(piece: Result<LogOutput, EngineError>) -> Option<io::Result<(Pipe, bytes::Bytes)>> {
    match piece {
        Ok(LogOutput::StdOut { message }) => Some(Ok((Pipe::Stdout, message))),
        Ok(LogOutput::StdErr { message }) => Some(Ok((Pipe::Stderr, message))),
        Ok(LogOutput::StdIn { .. } | LogOutput::Console { .. }) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
}

/// An engine answers a kill once the container is dead, which may take it ten seconds.
const ANSWER: Duration = Duration::from_secs(20);

/// Events are asked for from well before the command can have started.
const EARLIER: Duration = Duration::from_secs(60);

/// How often the engine is asked what the command uses. It forgets when the command ends, so the
/// last reading is what there is.
const READING: Duration = Duration::from_millis(500);

/// The latest reading of what the command used.
#[derive(Debug, Default, Clone)]
struct Usage {
    cpu: Option<Duration>,
    peak_memory: Option<u64>,
}

impl Usage {
    fn take(&mut self, stats: &ContainerStatsResponse) {
        let cpu = stats
            .cpu_stats
            .as_ref()
            .and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
        if let Some(nanoseconds) = cpu.filter(|used| *used > 0) {
            self.cpu = Some(Duration::from_nanos(nanoseconds));
        }
        if let Some(memory) = &stats.memory_stats {
            self.peak_memory = self.peak_memory.max(memory.max_usage.max(memory.usage));
        }
    }
}

struct Running {
    parts: Parts,
    workspace: Workspace,
    /// Resolves when the worker is no longer running; gone once it has.
    exit: Option<BoxFuture<'static, Result<(), Error>>>,
    usage: Arc<Mutex<Usage>>,
    _readings: AbortOnDropHandle<()>,
    paused: bool,
    killed: bool,
    start: SystemTime,
    _live: Live,
}

impl Running {
    fn new(parts: Parts, live: Live, workspace: Workspace) -> Self {
        let usage = Arc::new(Mutex::new(Usage::default()));
        let readings = tokio::spawn(read(
            parts.engine.clone(),
            parts.names.clone(),
            Arc::clone(&usage),
        ));
        let exit = exit(parts.engine.clone(), parts.names.worker.clone()).boxed();
        let readings = AbortOnDropHandle::new(readings);
        Self {
            parts,
            workspace,
            exit: Some(exit),
            usage,
            _readings: readings,
            paused: false,
            killed: false,
            start: SystemTime::now() - EARLIER,
            _live: live,
        }
    }
}

async fn exit(engine: bollard::Docker, worker: String) -> Result<(), Error> {
    match engine.wait_container(&worker, None).next().await {
        // A code other than zero comes as an error; it is read from the state afterwards.
        None | Some(Ok(_) | Err(EngineError::DockerContainerWaitError { .. })) => Ok(()),
        Some(Err(source)) => Err(Error::Engine {
            doing: "waiting for the command".into(),
            source,
        }),
    }
}

async fn read(engine: bollard::Docker, names: Names, usage: Arc<Mutex<Usage>>) {
    let options = query::StatsOptionsBuilder::default()
        .stream(false)
        .one_shot(true)
        .build();
    while let Some(Ok(stats)) = engine.stats(&names.worker, Some(options.clone())).next().await {
        usage.lock().unwrap_or_else(PoisonError::into_inner).take(&stats);
        tokio::time::sleep(READING).await;
    }
}

#[async_trait]
impl Job for Running {
    async fn ended(&mut self) -> Result<Ended, Error> {
        if let Some(exit) = &mut self.exit {
            let exited = exit.await;
            self.exit = None;
            exited?;
        }
        let Parts { engine, names } = &self.parts;
        let worker = engine.inspect_container(&names.worker, None).await;
        let worker = worker.map_err(Error::engine("reading the command's end"))?;
        let (id, state) = (worker.id.unwrap_or_default(), worker.state.unwrap_or_default());
        let out_of_memory = !self.killed && memory::ran_out(engine, &id, &state, self.start).await;
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Ended {
            end: end(state.exit_code.unwrap_or(-1)),
            out_of_memory,
            cpu: usage.cpu,
            peak_memory: usage.peak_memory,
        })
    }

    async fn kill(&mut self) -> Result<(), Error> {
        self.killed = true;
        let Parts { engine, names } = &self.parts;
        let options = query::KillContainerOptionsBuilder::default()
            .signal("SIGKILL")
            .build();
        let killed = promptly(engine.kill_container(&names.worker, Some(options))).await;
        settled(killed).map_err(Error::engine("killing the command"))?;
        // A frozen process dies when it thaws. Some engines thaw it themselves.
        if std::mem::take(&mut self.paused) {
            let thawed = promptly(engine.unpause_container(&names.worker)).await;
            if let Err(error) = thawed {
                tracing::debug!(%error, "no thaw after a kill");
            }
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        if !self.paused {
            let Parts { engine, names } = &self.parts;
            // On a busy host an engine's runtime may give up on processes that fork as it freezes.
            let mut paused = promptly(engine.pause_container(&names.worker)).await;
            for _ in 0..2 {
                let Err(EngineError::DockerResponseServerError { status_code: 500, .. }) = paused else {
                    break;
                };
                paused = promptly(engine.pause_container(&names.worker)).await;
            }
            paused.map_err(Error::engine("pausing the command"))?;
            self.paused = true;
        }
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), Error> {
        if self.paused {
            let worker = &self.parts.names.worker;
            let resumed = promptly(self.parts.engine.unpause_container(worker)).await;
            resumed.map_err(Error::engine("resuming the command"))?;
            self.paused = false;
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Option<Exported>, Error> {
        // The worker must be dead before its files are read.
        let worker = remove_container(&self.parts.engine, &self.parts.names.worker).await;
        let exported = match worker {
            Ok(()) => workspace::export(&self.parts.engine, &self.parts.names.keeper, &self.workspace).await,
            Err(error) => Err(error),
        };
        let removed = self.parts.remove().await;
        let exported = exported?;
        removed.map(|()| exported)
    }
}

async fn promptly(request: impl Future<Output = Result<(), EngineError>>) -> Result<(), EngineError> {
    timeout(ANSWER, request)
        .await
        .unwrap_or(Err(EngineError::RequestTimeoutError))
}

/// A container that is not running any more needs no killing.
fn settled(result: Result<(), EngineError>) -> Result<(), EngineError> {
    match result {
        Err(EngineError::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(()),
        other => other,
    }
}

/// Shells, and so the init, report signal n as 128 + n.
fn end(code: i64) -> End {
    match i32::try_from(code).unwrap_or(-1) {
        code @ 129..=192 => End::Signalled(code - 128),
        code => End::Exited(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_above_128_are_signals() {
        assert_eq!(end(0), End::Exited(0));
        assert_eq!(end(127), End::Exited(127));
        assert_eq!(end(137), End::Signalled(9));
        assert_eq!(end(255), End::Exited(255));
    }
}
