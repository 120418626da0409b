//! One stream to one provider: takes jobs from the plan, asks for them, and stores what was verified.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::io::{AsyncWriteExt, BufReader};
use quorate_core::NodeId;

use super::fetch::{FetchOptions, Progress};
use super::plan::{Job, Plan};
use super::provider::Provider;
use super::receive::{Failure, Pace, Sink, read_range, read_size};
use super::wire::Request;
use super::{Connect, Fault, blocking};
use crate::store::{Partial, Partially, Store, StoreError};

/// Blobs up to this size are received in memory and stored whole; longer ones can be resumed.
pub(super) const SMALL: u64 = 1 << 20;
/// How much of a longer blob is gathered before it is written.
const FLUSH: usize = 1 << 20;

/// What all streams of one fetch share.
pub(super) struct Shared<'a, C> {
    pub(super) store: &'a Arc<Store>,
    pub(super) connect: &'a C,
    pub(super) options: &'a FetchOptions,
    pub(super) plan: Plan,
    pub(super) have: AtomicU64,
    pub(super) total: u64,
    pub(super) progress: &'a (dyn Fn(Progress) + Send + Sync),
    pub(super) error: Mutex<Option<StoreError>>,
}

type Stream<C> = BufReader<<C as Connect>::Stream>;

impl<C: Connect> Shared<'_, C> {
    /// Works until the plan is done, the fetch is stopped, or the provider is given up.
    pub(super) async fn run(&self, provider: &Provider) {
        let mut stream = None;
        while let Some(mut jobs) = self.plan.take().await {
            let result = if provider.is_out() {
                Ok(())
            } else {
                self.work(provider, &mut stream, &mut jobs).await
            };
            self.plan.give_back(jobs);
            match result {
                Ok(()) => {}
                Err(Failure::Store(error)) => {
                    self.error
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                    self.plan.stop();
                }
                Err(Failure::Fault(fault)) => {
                    stream = None;
                    if let Some(pause) = provider.strike(fault) {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            if provider.is_out() {
                return;
            }
        }
    }

    /// Asks for all of `jobs` and removes from it what is done.
    async fn work(
        &self,
        provider: &Provider,
        stream: &mut Option<Stream<C>>,
        jobs: &mut VecDeque<Job>,
    ) -> Result<(), Failure> {
        let mut targets = self.open_targets(jobs).await?;
        if jobs.is_empty() {
            return Ok(());
        }
        let mut requests = Vec::new();
        for job in jobs.iter() {
            Request {
                digest: job.digest,
                range: job.range.clone(),
            }
            .encode(&mut requests);
        }
        let pace = self.pace(0);
        let stream = match stream {
            Some(stream) => stream,
            None => stream.insert(open(self.connect, provider.id, &pace).await?),
        };
        pace.step(stream.write_all(&requests)).await?;
        pace.step(stream.flush()).await?;
        while let (Some(job), Some(target)) = (jobs.front_mut(), targets.pop_front()) {
            let pace = self.pace(job.len());
            read_size(stream, job.digest, Some(job.size), &pace).await?;
            match target {
                Target::Memory => self.receive_small(provider, stream, job, &pace).await?,
                Target::File(partial) => self.receive_piece(provider, stream, job, partial, &pace).await?,
            }
            jobs.pop_front();
            self.plan.settle();
        }
        Ok(())
    }

    /// Where each job's bytes go. Jobs for blobs that came another way meanwhile are done at once.
    async fn open_targets(&self, jobs: &mut VecDeque<Job>) -> Result<VecDeque<Target>, StoreError> {
        let mut targets = VecDeque::with_capacity(jobs.len());
        let mut rest = VecDeque::with_capacity(jobs.len());
        while let Some(job) = jobs.front().cloned() {
            let target = if job.size <= SMALL {
                Some(Target::Memory)
            } else {
                let store = Arc::clone(self.store);
                match blocking(move || store.partial(job.digest, job.size)).await? {
                    Partially::Open(partial) => Some(Target::File(partial)),
                    Partially::Here => None,
                }
            };
            let job = jobs.pop_front();
            match target {
                Some(target) => {
                    targets.push_back(target);
                    rest.extend(job);
                }
                None => {
                    if let Some(job) = job {
                        self.plan.done(&job);
                        self.count(None, job.len());
                    }
                    self.plan.settle();
                }
            }
        }
        *jobs = rest;
        Ok(targets)
    }

    async fn receive_small(
        &self,
        provider: &Provider,
        stream: &mut Stream<C>,
        job: &Job,
        pace: &Pace,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        read_range(stream, job.digest, job.size, &job.range, pace, &mut bytes).await?;
        let (store, digest) = (Arc::clone(self.store), job.digest);
        blocking(move || store.add_blob(&digest, &bytes)).await?;
        self.plan.done(job);
        self.count(Some(provider), job.len());
        Ok(())
    }

    async fn receive_piece(
        &self,
        provider: &Provider,
        stream: &mut Stream<C>,
        job: &mut Job,
        partial: Arc<Partial>,
        pace: &Pace,
    ) -> Result<(), Failure> {
        let begin = job.range.start;
        let mut sink = FileSink {
            partial: Arc::clone(&partial),
            buffer: Vec::with_capacity(FLUSH),
            at: begin,
        };
        let received = read_range(stream, job.digest, job.size, &job.range, pace, &mut sink).await;
        // What came before a fault is as good as the rest: it is kept, and not asked for again.
        let flushed = sink.flush().await;
        self.count(Some(provider), sink.at - begin);
        job.range.start = sink.at;
        received?;
        flushed?;
        if self.plan.done(job) {
            let store = Arc::clone(self.store);
            blocking(move || store.finish(&partial)).await?;
        }
        Ok(())
    }

    fn pace(&self, bytes: u64) -> Pace {
        Pace::new(self.options.stall, self.options.min_rate, bytes)
    }

    fn count(&self, provider: Option<&Provider>, bytes: u64) {
        if bytes == 0 {
            return;
        }
        if let Some(provider) = provider {
            provider.brought(bytes);
        }
        let have = self.have.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.progress)(Progress {
            have,
            total: self.total,
        });
    }
}

/// Opens a stream to a provider.
pub(super) async fn open<C: Connect>(connect: &C, provider: NodeId, pace: &Pace) -> Result<Stream<C>, Fault> {
    let stream = pace
        .step(connect.open(provider))
        .await
        .map_err(|fault| match fault {
            Fault::Cut(error) => Fault::Unreachable(error),
            other => other,
        })?;
    Ok(BufReader::with_capacity(64 << 10, stream))
}

enum Target {
    Memory,
    File(Arc<Partial>),
}

/// Gathers verified groups and writes them in larger pieces.
struct FileSink {
    partial: Arc<Partial>,
    buffer: Vec<u8>,
    /// Where the buffer's first byte belongs.
    at: u64,
}

impl FileSink {
    async fn flush(&mut self) -> Result<(), StoreError> {
        let (partial, at) = (Arc::clone(&self.partial), self.at);
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.is_empty() {
            return Ok(());
        }
        self.buffer = blocking(move || partial.write(at, &buffer).map(|()| buffer)).await?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Sink for FileSink {
    async fn take(&mut self, _offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= FLUSH {
            self.flush().await
        } else {
            Ok(())
        }
    }
}
