//! The one task behind every running container: output, wall time, requests and the end.
//!
//! A backend hands in a [`Job`], which can be killed, paused and waited for, and a stream of output.
//! Everything that both backends must decide alike is decided here.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::export::Exported;
use crate::runtime::{Container, Control, End, Error, Finished, Request};
use crate::spec::Limits;

/// A killed process that is still there after this is stuck in the kernel.
const DEATH: Duration = Duration::from_secs(20);
/// What was written before the end is in a pipe already; this only guards against a lost peer.
const DRAIN: Duration = Duration::from_secs(5);

/// Which pipe a piece of output came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipe {
    Stdout,
    Stderr,
}

pub(crate) type Output = BoxStream<'static, io::Result<(Pipe, Bytes)>>;

/// How the command itself ended, before causes are weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) out_of_memory: bool,
    pub(crate) cpu: Option<Duration>,
    pub(crate) peak_memory: Option<u64>,
}

/// A started container, as far as supervision is concerned.
#[async_trait]
pub(crate) trait Job: Send + 'static {
    /// Resolves once no process is left. Cancelling it loses nothing.
    async fn ended(&mut self) -> Result<Ended, Error>;
    /// Kills every process, paused or not.
    async fn kill(&mut self) -> Result<(), Error>;
    async fn pause(&mut self) -> Result<(), Error>;
    async fn resume(&mut self) -> Result<(), Error>;
    /// Exports the workspace and removes everything. Called exactly once, whatever happened.
    async fn finish(self: Box<Self>) -> Result<Option<Exported>, Error>;
}

/// Runs `job` in a task of its own and returns its handle.
pub(crate) fn spawn(job: Box<dyn Job>, output: Output, limits: &Limits) -> Box<dyn Container> {
    // Requests are answered one by one and each asker waits, so a small queue never fills for long.
    let (sender, requests) = mpsc::channel(8);
    let dropped = CancellationToken::new();
    let (result, finished) = oneshot::channel();
    let task = Task {
        requests,
        dropped: dropped.clone(),
        output: Some(output),
        collected: Collected::new(limits.output_bytes),
        cause: None,
        started: Instant::now(),
        wall: limits.wall,
    };
    tokio::spawn(async move {
        let outcome = task.run(job).await;
        if let Err(outcome) = result.send(outcome) {
            tracing::debug!(?outcome, "nobody waits for this container's result");
        }
    });
    let control = Control { requests: sender };
    Box::new(Handle {
        finished,
        control,
        _drop: Arc::new(dropped.drop_guard()),
    })
}

#[derive(Debug)]
struct Handle {
    finished: oneshot::Receiver<Result<Finished, Error>>,
    control: Control,
    _drop: Arc<DropGuard>,
}

#[async_trait]
impl Container for Handle {
    async fn wait(&mut self) -> Result<Finished, Error> {
        if self.finished.is_terminated() {
            return Err(Error::Ended);
        }
        (&mut self.finished).await.map_err(|_| Error::Ended)?
    }

    fn control(&self) -> Control {
        self.control.clone()
    }
}

struct Task {
    requests: mpsc::Receiver<Request>,
    dropped: CancellationToken,
    output: Option<Output>,
    collected: Collected,
    cause: Option<End>,
    started: Instant,
    wall: Duration,
}

impl Task {
    async fn run(mut self, mut job: Box<dyn Job>) -> Result<Finished, Error> {
        let ended = self.watch(&mut *job).await;
        let wall = self.started.elapsed();
        if ended.is_ok() {
            self.drain().await;
        }
        // Whatever happened, what can be exported is, and everything is removed. Nobody reads the
        // output any more, so its connection goes first.
        self.output = None;
        let export = job.finish().await;
        let ended = ended?;
        Ok(Finished {
            end: self.verdict(&ended),
            stdout: self.collected.stdout,
            stderr: self.collected.stderr,
            wall,
            cpu: ended.cpu,
            peak_memory: ended.peak_memory,
            export: export?,
        })
    }

    async fn watch(&mut self, job: &mut dyn Job) -> Result<Ended, Error> {
        let deadline = tokio::time::Instant::from_std(self.started) + self.wall;
        let mut death = None;
        loop {
            let alive = death.is_none();
            let kill = tokio::select! {
                ended = job.ended() => return ended,
                () = sleep_until(death.unwrap_or(deadline)) => {
                    if !alive {
                        return Err(Error::Stuck { after: DEATH });
                    }
                    Some(End::TimedOut)
                }
                () = self.dropped.cancelled(), if alive => Some(End::Stopped),
                piece = next(&mut self.output), if self.output.is_some() => {
                    self.take(piece);
                    (alive && self.collected.overflowed).then_some(End::OutputLimit)
                }
                Some(request) = self.requests.recv() => match request {
                    Request::Pause(reply) => answer(reply, self.during(job.pause()).await),
                    Request::Resume(reply) => answer(reply, self.during(job.resume()).await),
                    Request::Stop(reply) => {
                        let killed = self.during(job.kill()).await;
                        if killed.is_ok() && alive {
                            self.cause = Some(End::Stopped);
                            death = Some(tokio::time::Instant::now() + DEATH);
                        }
                        answer(reply, killed)
                    }
                },
            };
            if let Some(cause) = kill {
                self.cause = Some(cause);
                death = Some(tokio::time::Instant::now() + DEATH);
                self.during(job.kill()).await?;
            }
        }
    }

    /// Goes on reading output while a request is carried out: an engine that cannot pass it on may
    /// hold the request up.
    async fn during<T>(&mut self, act: impl Future<Output = T>) -> T {
        let mut act = std::pin::pin!(act);
        loop {
            tokio::select! {
                done = &mut act => return done,
                piece = next(&mut self.output), if self.output.is_some() => self.take(piece),
            }
        }
    }

    fn take(&mut self, piece: Option<io::Result<(Pipe, Bytes)>>) {
        match piece {
            Some(Ok((pipe, bytes))) => self.collected.add(pipe, &bytes),
            Some(Err(error)) => {
                tracing::warn!(%error, "a container's output broke off");
                self.output = None;
            }
            None => self.output = None,
        }
    }

    async fn drain(&mut self) {
        let all = async {
            while self.output.is_some() {
                let piece = next(&mut self.output).await;
                self.take(piece);
            }
        };
        if timeout(DRAIN, all).await.is_err() {
            tracing::warn!("a dead container's output did not end");
        }
        if self.collected.overflowed && self.cause.is_none() {
            self.cause = Some(End::OutputLimit);
        }
    }

    fn verdict(&self, ended: &Ended) -> End {
        match self.cause {
            Some(cause) => cause,
            None if ended.out_of_memory && ended.end != End::Exited(0) => End::OutOfMemory,
            None => ended.end,
        }
    }
}

async fn next(output: &mut Option<Output>) -> Option<io::Result<(Pipe, Bytes)>> {
    match output {
        Some(output) => output.next().await,
        None => None,
    }
}

fn answer(reply: oneshot::Sender<Result<(), Error>>, result: Result<(), Error>) -> Option<End> {
    if reply.send(result).is_err() {
        tracing::debug!("a container's control went away before its answer");
    }
    None
}

/// Output kept up to a bound on both pipes together.
struct Collected {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    room: usize,
    overflowed: bool,
}

impl Collected {
    fn new(limit: u64) -> Self {
        let room = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            room,
            overflowed: false,
        }
    }

    fn add(&mut self, pipe: Pipe, bytes: &[u8]) {
        let kept = bytes.get(..self.room).unwrap_or(bytes);
        self.overflowed |= kept.len() < bytes.len();
        self.room -= kept.len();
        match pipe {
            Pipe::Stdout => self.stdout.extend_from_slice(kept),
            Pipe::Stderr => self.stderr.extend_from_slice(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_up_to_the_bound_and_not_a_byte_more() {
        let mut collected = Collected::new(5);
        collected.add(Pipe::Stdout, b"abc");
        collected.add(Pipe::Stderr, b"de");
        assert!(!collected.overflowed, "exactly full is within the limit");
        collected.add(Pipe::Stdout, b"f");
        assert!(collected.overflowed);
        assert_eq!(
            (&collected.stdout[..], &collected.stderr[..]),
            (&b"abc"[..], &b"de"[..])
        );
    }
}
