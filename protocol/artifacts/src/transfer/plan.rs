//! What is still to be fetched, and who fetches what: a queue that gives work out and takes it back.
//!
//! No I/O. Big blobs are cut into pieces, so that several providers work on one; small blobs are handed
//! out many at a time, so that a round trip is paid once for all of them.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_core::Digest;
use tokio::sync::Notify;

/// The most bytes of a blob that one provider is asked for at a time.
pub(super) const PIECE: u64 = 8 << 20;
/// The most requests that are under way on one stream. Together they fit any stream's window.
const REQUESTS: usize = 64;

/// A range of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) digest: Digest,
    /// The size of the whole blob, as the manifest says.
    pub(super) size: u64,
    pub(super) range: Range<u64>,
}

impl Job {
    pub(super) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// The jobs of one fetch.
#[derive(Debug, Default)]
pub(super) struct Plan {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Job>,
    /// How many jobs of each blob are not done.
    left: HashMap<Digest, usize>,
    under_way: usize,
    stopped: bool,
}

impl Plan {
    /// The plan for the missing ranges of some blobs.
    pub(super) fn new(missing: impl IntoIterator<Item = Job>) -> Self {
        let mut inner = Inner::default();
        for Job { digest, size, range } in missing {
            for piece in pieces(range) {
                inner.queue.push_back(Job {
                    digest,
                    size,
                    range: piece,
                });
                *inner.left.entry(digest).or_insert(0) += 1;
            }
        }
        Self {
            inner: Mutex::new(inner),
            changed: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next jobs for one stream. Waits while others have all there is, since they may give it back.
    /// Nothing where everything is done or the fetch was stopped.
    pub(super) async fn take(&self) -> Option<VecDeque<Job>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut inner = self.inner();
                if inner.is_over() {
                    return None;
                }
                let jobs = inner.next();
                if !jobs.is_empty() {
                    return Some(jobs);
                }
            }
            changed.await;
        }
    }

    /// Waits until everything is done or the fetch was stopped.
    pub(super) async fn over(&self) {
        loop {
            let changed = self.changed.notified();
            if self.inner().is_over() {
                return;
            }
            changed.await;
        }
    }

    /// Takes back jobs that were not done. They come first again.
    pub(super) fn give_back(&self, jobs: VecDeque<Job>) {
        let mut inner = self.inner();
        inner.under_way -= jobs.len();
        for job in jobs.into_iter().rev() {
            inner.queue.push_front(job);
        }
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Notes that a job is done, and says whether its blob is complete with it.
    pub(super) fn done(&self, job: &Job) -> bool {
        let mut inner = self.inner();
        let left = inner.left.get_mut(&job.digest).map_or(0, |left| {
            *left -= 1;
            *left
        });
        if left == 0 {
            inner.left.remove(&job.digest);
        }
        left == 0
    }

    /// Notes that nothing more is to be done about a job that [`Plan::take`] gave out.
    pub(super) fn settle(&self) {
        self.inner().under_way -= 1;
        self.changed.notify_waiters();
    }

    /// Ends the fetch for all.
    pub(super) fn stop(&self) {
        self.inner().stopped = true;
        self.changed.notify_waiters();
    }
}

impl Inner {
    fn is_over(&self) -> bool {
        self.stopped || (self.queue.is_empty() && self.under_way == 0)
    }

    fn next(&mut self) -> VecDeque<Job> {
        let mut jobs = VecDeque::new();
        let mut bytes = 0;
        while let Some(job) = self.queue.front() {
            bytes += job.len();
            if !jobs.is_empty() && (bytes > PIECE || jobs.len() >= REQUESTS) {
                break;
            }
            jobs.extend(self.queue.pop_front());
        }
        self.under_way += jobs.len();
        jobs
    }
}

fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let whole = range.start..range.end.max(range.start + 1);
    let end = range.end;
    // An empty blob is one piece too: it has a digest to check and a file to make.
    whole
        .step_by(PIECE as usize)
        .map(move |start| start..end.min(start + PIECE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(seed: u8, range: Range<u64>) -> Job {
        Job {
            digest: Digest::from_bytes([seed; 32]),
            size: 1 << 40,
            range,
        }
    }

    #[tokio::test]
    async fn big_blobs_are_cut_and_small_ones_bundled() {
        let plan = Plan::new([
            job(1, 0..2 * PIECE + 5),
            job(2, 0..10),
            job(3, 0..0),
            job(4, 0..PIECE),
        ]);
        let sizes = async || {
            plan.take()
                .await
                .unwrap()
                .iter()
                .map(Job::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes().await, [PIECE]);
        assert_eq!(sizes().await, [PIECE]);
        assert_eq!(sizes().await, [5, 10, 0]);
        assert_eq!(sizes().await, [PIECE]);

        let plan = Plan::new((0..100).map(|seed| job(seed, 0..1)));
        assert_eq!(plan.take().await.unwrap().len(), REQUESTS);
        assert_eq!(plan.take().await.unwrap().len(), 100 - REQUESTS);
    }

    #[tokio::test]
    async fn who_waits_gets_what_others_give_back() {
        let plan = Plan::new([job(1, 0..10)]);
        let jobs = plan.take().await.unwrap();
        let (got, ()) = tokio::join!(plan.take(), async { plan.give_back(jobs) });
        assert_eq!(got.as_ref().unwrap().len(), 1);
        assert!(plan.done(&job(1, 0..10)));
        let (got, ()) = tokio::join!(plan.take(), async { plan.settle() });
        assert!(got.is_none(), "all is done");
    }

    #[tokio::test]
    async fn a_stop_ends_the_waiting() {
        let plan = Plan::new([job(1, 0..10)]);
        let _jobs = plan.take().await.unwrap();
        let (got, ()) = tokio::join!(plan.take(), async { plan.stop() });
        assert!(got.is_none());
    }
}
