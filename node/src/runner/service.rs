//! The task's service: a socket in the agent's container that answers what the bundle lets it ask.
//!
//! Each request is one line of JSON and runs the bundle's command in a container of its own, which sees the
//! scorer's files; the agent's does not. So whatever a service enforces, it enforces out of the agent's reach.
//! Requests are answered one after the other, bounded in size and number, and kept for the artifact.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_containers::{End, Mount, Spec, Workspace};
use quorate_core::digest::BundleId;
use quorate_core::task::TaskSpec;
use quorate_core::text::Note;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{
    RunError, Runner, Sight, Stage, WORK_FILES, container_image, create, end_text, limits, run_name, tail,
    write,
};

/// Where the container sees the folder with the socket.
const FOLDER: &str = "/service";
const SOCKET: &str = "socket";

/// A request's line and a reply's, each.
const MAX_LINE: u64 = 16 << 10;
/// Requests of one attempt. What is kept of them is bounded thereby.
const MAX_REQUESTS: usize = 256;

/// A running service. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Service {
    log: Arc<Mutex<Vec<Value>>>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// What answers: the bundle's command on the attempt's own core.
struct Answerer {
    runner: Runner,
    spec: TaskSpec,
    command: Vec<Note>,
    stage: Stage,
    core: u32,
    log: Arc<Mutex<Vec<Value>>>,
    stop: CancellationToken,
}

impl Service {
    /// Starts the service of `spec`, if it has one, with its socket in the folder `service` of `stage`.
    pub(super) async fn start(
        runner: &Runner,
        spec: &TaskSpec,
        bundle: BundleId,
        stage: &Stage,
        core: u32,
    ) -> Result<Option<(Self, Mount)>, RunError> {
        let Some(command) = spec.service.clone() else {
            return Ok(None);
        };
        let folder = stage.path("service");
        let listener = listen(&folder).map_err(|source| RunError::Io {
            path: folder.clone(),
            source,
        })?;
        let (log, stop) = (Arc::default(), CancellationToken::new());
        let answerer = Answerer {
            stage: runner.stage(bundle, None, None, Sight::All).await?,
            runner: runner.clone(),
            spec: spec.clone(),
            command,
            core,
            log: Arc::clone(&log),
            stop: stop.clone(),
        };
        let service = Self {
            log,
            stop,
            task: AbortOnDropHandle::new(tokio::spawn(answerer.serve(listener))),
        };
        let mount = Mount {
            source: folder,
            target: FOLDER.to_owned(),
        };
        Ok(Some((service, mount)))
    }

    /// What the agent finds in its environment.
    pub(super) fn variable() -> (String, String) {
        ("QUORATE_SERVICE".to_owned(), format!("{FOLDER}/{SOCKET}"))
    }

    /// Ends the service; says what was asked and answered, one JSON object a line.
    pub(super) async fn finish(self) -> String {
        self.stop.cancel();
        let _ = self.task.await;
        let log = self.log.lock().await;
        log.iter().map(|entry| format!("{entry}\n")).collect()
    }
}

/// A socket that every user may connect to: the container's is none of the host's.
fn listen(folder: &PathBuf) -> std::io::Result<UnixListener> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(SOCKET);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

impl Answerer {
    async fn serve(self, listener: UnixListener) {
        loop {
            let connection = tokio::select! {
                connection = listener.accept() => connection,
                () = self.stop.cancelled() => return,
            };
            let Ok((connection, _)) = connection else {
                tracing::warn!(task = self.spec.label(), "the task's service accepts no more");
                return;
            };
            tokio::select! {
                () = self.attend(connection) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Answers one connection's requests until it closes or misbehaves.
    async fn attend(&self, connection: UnixStream) {
        let (reader, mut writer) = connection.into_split();
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await;
            if !matches!(read, Ok(count) if count > 0) {
                return;
            }
            let whole = line.ends_with(b"\n");
            let reply = if whole {
                self.answer(&line).await
            } else {
                refusal("a request is one line of at most 16 KiB")
            };
            if writer.write_all(format!("{reply}\n").as_bytes()).await.is_err() || !whole {
                return;
            }
        }
    }

    async fn answer(&self, line: &[u8]) -> Value {
        let Ok(request) = serde_json::from_slice::<Value>(line) else {
            return refusal("a request is one JSON object");
        };
        if self.log.lock().await.len() >= MAX_REQUESTS {
            return refusal("an attempt may ask 256 times");
        }
        let reply = match self.run(line).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::warn!(
                    error = crate::volunteer::with_causes(&error),
                    "the task's service failed"
                );
                refusal("the service failed on this host")
            }
        };
        let entry = json!({ "request": request, "reply": reply });
        self.log.lock().await.push(entry);
        reply
    }

    /// Runs the command on one request.
    async fn run(&self, line: &[u8]) -> Result<Value, RunError> {
        let asked = Stage::new(&self.runner.scratch)?;
        let work = asked.path("work");
        create(&work)?;
        write(&work.join("request"), line)?;
        // The shell feeds the request to the command, which is a program of the bundle's own.
        let words = self.command.iter().map(ToString::to_string);
        let shell = ["/bin/sh", "-c", "exec \"$@\" < /work/request", "sh"].map(str::to_owned);
        let spec = Spec {
            name: run_name("service"),
            image: container_image(&self.spec.image)?,
            command: shell.into_iter().chain(words).collect(),
            env: Vec::new(),
            mounts: vec![self.stage.mount("task")],
            workspace: Workspace {
                initial: Some(work),
                export: None,
                bytes: u64::from(self.spec.scoring.disk_mib) << 20,
                files: WORK_FILES,
            },
            limits: limits(&self.spec.scoring, self.core),
            devices: Vec::new(),
        };
        let finished = self.runner.run(spec, &self.stop).await?;
        let reply = (finished.end == End::Exited(0) && finished.stdout.len() as u64 <= MAX_LINE)
            .then(|| serde_json::from_slice(&finished.stdout).ok())
            .flatten();
        reply.ok_or_else(|| RunError::Scorer {
            how: end_text(finished.end),
            said: tail(&finished.stderr),
            source: None,
        })
    }
}

fn refusal(why: &str) -> Value {
    json!({ "error": why })
}
