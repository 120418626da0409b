//! The node's side of a helper.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout, Command as Program, Stdio};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::select;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::cgroup;
use super::helper::{ARGUMENT, UNENFORCEABLE};
use super::protocol::{Command, Event, LINE_MAX, Order, Status};
use crate::export::Exported;
use crate::ownership::Live;
use crate::runtime::{Container, End, Error};
use crate::spec::Spec;
use crate::supervise::{self, Ended, Job, Output, Pipe};

/// A helper answers commands at once; freezing may take it a second and a half.
const ANSWER: Duration = Duration::from_secs(3);
/// For a helper that is killed to be gone, its container with it.
const DEATH: Duration = Duration::from_secs(10);

/// Starts a helper and hands its container to supervision.
pub(super) async fn start(
    folder: PathBuf,
    live: Live,
    image: Option<PathBuf>,
    spec: Spec,
) -> Result<Box<dyn Container>, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(Error::io("making a socket"))?;
    let helper = spawn(theirs).await?;
    let output = output(helper.stdout, helper.stderr).map_err(Error::io("reading output"))?;
    let stream = ours
        .set_nonblocking(true)
        .and_then(|()| tokio::net::UnixStream::from_std(ours))
        .map_err(Error::io("talking to the helper"))?;
    let (reader, writer) = stream.into_split();
    let mut job = Running {
        ended: false,
        commands: Some(writer),
        events: Events {
            reader: BufReader::new(reader),
            line: Vec::new(),
        },
        waiting: VecDeque::new(),
        pidfd: helper.pidfd,
        gone: helper.gone,
        folder: folder.clone(),
        live,
    };
    let limits = spec.limits.clone();
    let parent = i32::try_from(std::process::id()).unwrap_or(-1);
    let order = Order {
        parent,
        name: job.live.full().to_owned(),
        folder,
        image,
        spec,
    };
    match job.begin(&order).await {
        Ok(()) => Ok(supervise::spawn(Box::new(job), output, &limits)),
        Err(error) => {
            if let Err(error) = job.discard().await {
                tracing::warn!(%error, "a container that did not start left something behind");
            }
            Err(error)
        }
    }
}

struct Helper {
    stdout: ChildStdout,
    stderr: ChildStderr,
    pidfd: OwnedFd,
    gone: oneshot::Receiver<()>,
}

/// Starts the helper from a thread that outlives it: it dies with the thread that started it.
async fn spawn(socket: UnixStream) -> Result<Helper, Error> {
    let (tell, told) = oneshot::channel();
    let run = move || {
        let spawned = || -> io::Result<_> {
            let mut child = Program::new("/proc/self/exe")
                .arg(ARGUMENT)
                .env_clear()
                .current_dir("/")
                .stdin(OwnedFd::from(socket))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
            let (stdout, stderr) = child
                .stdout
                .take()
                .zip(child.stderr.take())
                .ok_or(io::ErrorKind::BrokenPipe)?;
            Ok((child, stdout, stderr, pidfd))
        };
        match spawned() {
            Ok((mut child, stdout, stderr, pidfd)) => {
                let (dead, gone) = oneshot::channel();
                // Nobody listening is as good as everybody knowing.
                let _ = tell.send(Ok(Helper {
                    stdout,
                    stderr,
                    pidfd,
                    gone,
                }));
                let _ = child.wait();
                let _ = dead.send(());
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    };
    thread::Builder::new()
        .name("container-helper".into())
        .spawn(run)
        .map_err(Error::io("starting a thread"))?;
    let lost = |_| Error::Helper {
        doing: "starting".into(),
        why: "its thread died".into(),
    };
    told.await
        .map_err(lost)?
        .map_err(Error::io("starting the container's helper"))
}

fn output(stdout: ChildStdout, stderr: ChildStderr) -> io::Result<Output> {
    let stdout = ReaderStream::new(tokio::process::ChildStdout::from_std(stdout)?);
    let stderr = ReaderStream::new(tokio::process::ChildStderr::from_std(stderr)?);
    let tag = |pipe| move |piece: io::Result<bytes::Bytes>| piece.map(|bytes| (pipe, bytes));
    Ok(select(stdout.map(tag(Pipe::Stdout)), stderr.map(tag(Pipe::Stderr))).boxed())
}

/// The helper's lines. Cancelling a read keeps what was read.
struct Events {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
}

impl Events {
    async fn next(&mut self) -> Result<Event, Error> {
        let room = LINE_MAX.saturating_sub(self.line.len()) as u64;
        let mut bounded = (&mut self.reader).take(room);
        let read = bounded.read_until(b'\n', &mut self.line).await;
        read.map_err(Error::io("listening to the helper"))?;
        if self.line.last() != Some(&b'\n') {
            let why =
                "it died: out of memory, or `main` does not begin with `helper_main_if_requested`".to_owned();
            return Err(Error::Helper {
                doing: "running a container".into(),
                why,
            });
        }
        let event = serde_json::from_slice(&self.line);
        self.line.clear();
        event.map_err(|error| Error::Io {
            doing: "reading the helper's line".into(),
            source: error.into(),
        })
    }
}

struct Running {
    /// Whether the helper said that no process is left.
    ended: bool,
    /// Gone once closed, which tells the helper to kill and leave.
    commands: Option<OwnedWriteHalf>,
    events: Events,
    /// Events that came while an answer was awaited.
    waiting: VecDeque<Event>,
    pidfd: OwnedFd,
    gone: oneshot::Receiver<()>,
    folder: PathBuf,
    live: Live,
}

impl Running {
    async fn begin(&mut self, order: &Order) -> Result<(), Error> {
        self.send(order).await?;
        match self.events.next().await? {
            Event::Started => Ok(()),
            Event::Failed { doing, why } if doing == UNENFORCEABLE => Err(Error::Unenforceable {
                what: UNENFORCEABLE,
                why,
            }),
            Event::Failed { doing, why } => Err(Error::Helper { doing, why }),
            other => Err(out_of_turn(&other)),
        }
    }

    async fn send<T: serde::Serialize>(&mut self, value: &T) -> Result<(), Error> {
        let mut line = Vec::new();
        super::protocol::write(&mut line, value).map_err(Error::io("packing an order"))?;
        let Some(commands) = &mut self.commands else {
            return Err(Error::Ended);
        };
        commands
            .write_all(&line)
            .await
            .map_err(Error::io("ordering the helper"))
    }

    /// Has the helper carry out a command.
    async fn ask(&mut self, command: Command) -> Result<(), Error> {
        let ended = |event: &Event| matches!(event, Event::Ended { .. });
        match self.exchange(command).await {
            // It went before it read the command: the container ended by itself meanwhile.
            Err(_) if self.ended || self.waiting.iter().any(ended) => match command {
                Command::Kill => Ok(()),
                Command::Pause | Command::Resume => Err(Error::Ended),
            },
            other => other,
        }
    }

    /// Sends a command and waits for its answer; what else arrives is kept.
    async fn exchange(&mut self, command: Command) -> Result<(), Error> {
        let sent = self.send(&command).await;
        let answer = async {
            loop {
                match self.events.next().await? {
                    Event::Done(done) => return Ok(done),
                    other => self.waiting.push_back(other),
                }
            }
        };
        let doing = || format!("{command:?}");
        match timeout(ANSWER, answer).await {
            Ok(Ok(done)) => done.map_err(|why| Error::Helper { doing: doing(), why }),
            Ok(Err(error)) => Err(sent.err().unwrap_or(error)),
            Err(_) => Err(Error::Helper {
                doing: doing(),
                why: "it does not answer".into(),
            }),
        }
    }

    async fn event(&mut self) -> Result<Event, Error> {
        match self.waiting.pop_front() {
            Some(event) => Ok(event),
            None => self.events.next().await,
        }
    }

    /// Lets the helper exit, or makes it, and removes what it may have left: whatever was mounted
    /// over the folder goes with the helper, and so does the container.
    async fn discard(&mut self) -> Result<(), Error> {
        self.commands = None;
        if timeout(ANSWER, &mut self.gone).await.is_err() {
            // A helper that is gone in the meantime is what is wanted.
            let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
            if timeout(DEATH, &mut self.gone).await.is_err() {
                return Err(Error::Stuck { after: DEATH });
            }
        }
        let (folder, name) = (self.folder.clone(), self.live.full().to_owned());
        let clear = move || {
            cgroup::discard(&name)?;
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        tokio::task::spawn_blocking(clear)
            .await
            .map_err(|error| Error::Helper {
                doing: "clearing up".into(),
                why: error.to_string(),
            })?
            .map_err(Error::io(
                "removing a container's scratch folder and control group",
            ))
    }

    /// The helper's last word.
    async fn last(&mut self) -> Result<Option<Exported>, Error> {
        loop {
            match self.event().await? {
                Event::Finished { export, removed } => {
                    let failed = |doing: &str| {
                        let doing = doing.to_owned();
                        move |why| Error::Helper { doing, why }
                    };
                    removed.map_err(failed("clearing up"))?;
                    return export.map_err(failed("exporting the workspace"));
                }
                // Answers that came too late for whoever asked.
                Event::Done(_) => {}
                other => return Err(out_of_turn(&other)),
            }
        }
    }
}

#[async_trait]
impl Job for Running {
    async fn ended(&mut self) -> Result<Ended, Error> {
        let event = self.event().await?;
        let Event::Ended {
            status,
            out_of_memory,
            cpu_nanoseconds,
            peak_memory,
        } = event
        else {
            return Err(out_of_turn(&event));
        };
        self.ended = true;
        let end = match status {
            Status::Exited(code) => End::Exited(code),
            Status::Signalled(signal) => End::Signalled(signal),
            Status::Refused(why) => {
                return Err(Error::Helper {
                    doing: "protecting the first process".into(),
                    why,
                });
            }
        };
        let cpu = cpu_nanoseconds.map(Duration::from_nanos);
        Ok(Ended {
            end,
            out_of_memory,
            cpu,
            peak_memory,
        })
    }

    async fn kill(&mut self) -> Result<(), Error> {
        self.ask(Command::Kill).await
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.ask(Command::Pause).await
    }

    async fn resume(&mut self) -> Result<(), Error> {
        self.ask(Command::Resume).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Option<Exported>, Error> {
        // A container that did not end cannot be exported; its helper is not waited for.
        let last = if self.ended { self.last().await } else { Ok(None) };
        let discarded = self.discard().await;
        let exported = last?;
        discarded.map(|()| exported)
    }
}

fn out_of_turn(event: &Event) -> Error {
    Error::Helper {
        doing: "keeping to the protocol".into(),
        why: format!("it sent {event:?}"),
    }
}
