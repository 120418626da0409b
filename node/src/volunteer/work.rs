//! The node's one worker: rescores first, then attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quorate_core::digest::{ArtifactId, AttemptId, BundleId};
use quorate_core::duties::{Part, RescoreJob, is_bound, leases, rescores};
use quorate_core::record::ForfeitReason;
use quorate_core::task::{DeviceKind, TaskSpec};
use quorate_core::text::Note;
use quorate_core::wire::{Request, Response, WorkRequest};
use quorate_core::{Digest, History, NodeId};

use super::{Volunteer, WorkError, with_causes};
use crate::clock::now;
use crate::follower::{Follower, ask, describe};
use crate::runner::{Attempt, Attempted, RunError, Scoring};
use crate::sealing::shifted;
use crate::slots::Slot;

/// How often a rescore is tried on this host before it is left to others.
const TRIES: u32 = 2;

/// How long a drained node waits for the seals of others so that it can open its own.
const FAREWELL: Duration = Duration::from_secs(120);

impl Volunteer {
    /// Works until drained or stopped.
    pub(super) async fn work(self) {
        let mut tries: BTreeMap<AttemptId, u32> = BTreeMap::new();
        let mut leave_by = None;
        while !self.stop.is_cancelled() {
            let job = self.next_rescore(&tries).await;
            if let Some((follower, job)) = job {
                *tries.entry(job.attempt).or_default() += 1;
                if let Err(error) = self.rescore(&follower, &job).await {
                    tracing::error!(attempt = %job.attempt, error = with_causes(&error), "the rescore failed");
                }
                continue;
            }
            if self.drain.is_cancelled() {
                let by = *leave_by.get_or_insert_with(|| tokio::time::Instant::now() + FAREWELL);
                if !self.is_bound() || tokio::time::Instant::now() > by {
                    return;
                }
            } else if self.make_attempt().await {
                continue;
            }
            tokio::select! {
                () = self.pause() => {}
                () = self.drain.cancelled(), if !self.drain.is_cancelled() => {}
            }
        }
    }

    fn is_bound(&self) -> bool {
        self.histories().any(|(_, history)| is_bound(&history, self.me()))
    }

    fn histories(&self) -> impl Iterator<Item = (&Follower, Arc<History>)> {
        self.followers
            .iter()
            .filter_map(|follower| Some((follower, follower.history()?)))
    }

    /// The most urgent rescore that is not journaled and not tried too often.
    async fn next_rescore(&self, tries: &BTreeMap<AttemptId, u32>) -> Option<(Follower, RescoreJob)> {
        for (follower, history) in self.histories() {
            for job in rescores(&history, self.me(), now()) {
                let attempt = job.attempt;
                let kept = self
                    .with_journal(move |journal| journal.sealed(attempt, Part::Verifier))
                    .await;
                let fresh = matches!(kept, Ok(None));
                if fresh && tries.get(&attempt).is_none_or(|count| *count < TRIES) {
                    return Some((follower.clone(), job));
                }
            }
        }
        None
    }

    /// Scores somebody's artifact and seals what came of it.
    async fn rescore(&self, follower: &Follower, job: &RescoreJob) -> Result<(), WorkError> {
        let spec = self.spec(follower, job.attempt)?;
        let coordinator = follower.coordinator();
        self.bring("bundle", ArtifactId(job.bundle.0), &[coordinator], "bundle")
            .await?;
        self.bring("artifact", job.artifact, &[job.executor, coordinator], "rescored")
            .await?;
        self.bring_image(&spec, coordinator).await?;
        let slot = self.slots.acquire().await?;
        let scoring = Scoring {
            spec: &spec,
            bundle: job.bundle,
            artifact: job.artifact,
            seed: job.seed,
        };
        let outcome = self.runner.score(scoring, &slot, &self.stop).await?;
        drop(slot);
        tracing::info!(attempt = %job.attempt.short(), ?outcome, "re-scored");
        let outcome = shifted(outcome, self.misconduct.lie, &spec.scale);
        let sealed = self.signer.rescore(job.attempt, job.artifact, outcome, now())?;
        let seal = sealed.seal.clone().into_bytes();
        self.with_journal(move |journal| journal.keep(&sealed)).await?;
        self.submit_bytes(coordinator, "sealed rescore", seal).await
    }

    /// Asks for an attempt and makes it. Says whether there was one.
    async fn make_attempt(&self) -> bool {
        for (follower, history) in self.histories() {
            if !has_work(&history, self) {
                continue;
            }
            match self.try_attempt(follower).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = with_causes(&error), "no attempt was made"),
            }
        }
        false
    }

    async fn try_attempt(&self, follower: &Follower) -> Result<bool, WorkError> {
        // A lease that this node cannot follow or keep a result of would be taken from the others.
        self.runner.check_room()?;
        follower.sync().await?;
        // Images come first: fetched within a lease they would waste its time.
        self.bring_images(follower).await?;
        // So does the core.
        let slot = tokio::select! {
            slot = self.slots.acquire() => slot?,
            () = self.drain.cancelled() => return Ok(false),
        };
        let request = Request::Work(WorkRequest { gpu: false });
        let attempt = match ask(&self.network, follower.coordinator(), &request).await? {
            Response::Leased { attempt } => attempt,
            Response::Idle => return Ok(false),
            other => {
                return Err(WorkError::Refused {
                    what: "request for work",
                    reason: describe(&other),
                });
            }
        };
        follower.sync().await?;
        let begun = self
            .with_journal(move |journal| journal.has_begun(attempt))
            .await?;
        if begun {
            // A lease that a crash cut short: giving it up is under way.
            return Ok(false);
        }
        self.set_running(attempt, true);
        let outcome = self.lease(follower, attempt, slot).await;
        self.set_running(attempt, false);
        outcome.map(|()| true)
    }

    /// Makes the attempt of a lease, from the first file to the sealed claim.
    async fn lease(&self, follower: &Follower, attempt: AttemptId, slot: Slot) -> Result<(), WorkError> {
        self.with_journal(move |journal| journal.begin(attempt)).await?;
        match self.execute(follower, attempt, &slot).await {
            Ok(()) => Ok(()),
            Err(error @ (WorkError::Run(_) | WorkError::Fetch { .. })) => {
                let note = Note::lossy(&with_causes(&error));
                let reason = ForfeitReason::Abandoned { note };
                let envelope = self.signer.forfeit(attempt, reason, now())?;
                // Stopping is quick, but the lease is given back if the coordinator answers at once.
                let give_up = self.submit(follower.coordinator(), "forfeit", &envelope);
                if let Ok(result) = tokio::time::timeout(Duration::from_secs(2), give_up).await {
                    self.report(result);
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn execute(&self, follower: &Follower, attempt: AttemptId, slot: &Slot) -> Result<(), WorkError> {
        let history = follower.history().ok_or(WorkError::Gone)?;
        let lease = history
            .attempts()
            .get(&attempt)
            .ok_or(WorkError::Gone)?
            .lease
            .clone();
        let spec = self.spec(follower, attempt)?;
        let coordinator = follower.coordinator();
        self.bring("bundle", ArtifactId(lease.bundle.0), &[coordinator], "bundle")
            .await?;
        self.bring("agent", ArtifactId(lease.agent.0), &[coordinator], "agent")
            .await?;

        tracing::info!(attempt = %attempt.short(), task = spec.label(), "attempt begins");
        let seed = Digest::derive("quorate 2026-11 agent seed v1", &[attempt.0.as_bytes()]);
        let run = Attempt {
            spec: &spec,
            bundle: lease.bundle,
            agent: lease.agent,
            seed,
        };
        let (artifact, usage) = match self.runner.attempt(run, slot, &self.stop).await? {
            Attempted::HandedIn { artifact, usage } => (artifact, usage),
            Attempted::Failed { note } => {
                tracing::warn!(attempt = %attempt.short(), %note, "the agent left no artifact");
                let envelope = self
                    .signer
                    .forfeit(attempt, ForfeitReason::Failed { note }, now())?;
                return self.submit(coordinator, "forfeit", &envelope).await;
            }
        };
        self.bring("artifact", artifact, &[], "own").await?;
        // A seed of this node's own: the one that verifiers get does not exist yet.
        let seed = Digest::from_bytes(rand::random());
        let scoring = Scoring {
            spec: &spec,
            bundle: lease.bundle,
            artifact,
            seed,
        };
        let outcome = self.runner.score(scoring, slot, &self.stop).await?;
        tracing::info!(attempt = %attempt.short(), ?outcome, "scored by its executor");
        let outcome = shifted(outcome, self.misconduct.inflate, &spec.scale);
        // A clock that is behind the coordinator's must not date the seal before the lease.
        let sealed = self
            .signer
            .claim(attempt, artifact, outcome, usage, now().max(lease.at))?;
        let seal = sealed.seal.clone().into_bytes();
        self.with_journal(move |journal| journal.keep(&sealed)).await?;
        self.submit_bytes(coordinator, "sealed claim", seal).await
    }

    /// Makes sure that every task of an open campaign can run here.
    async fn bring_images(&self, follower: &Follower) -> Result<(), WorkError> {
        let history = follower.history().ok_or(WorkError::Gone)?;
        let open: BTreeSet<BundleId> = history.open_slots().iter().map(|slot| slot.bundle).collect();
        for spec in open.iter().filter_map(|bundle| history.bundles().get(bundle)) {
            self.bring_image(spec, follower.coordinator()).await?;
        }
        Ok(())
    }

    /// Makes sure that the task's containers can be made here.
    async fn bring_image(&self, spec: &TaskSpec, coordinator: NodeId) -> Result<(), WorkError> {
        if let Some(artifact) = self.runner.missing_image(&spec.image).await? {
            tracing::info!(task = spec.label(), artifact = %artifact.short(), "the task's image is fetched");
            self.bring("image", artifact, &[coordinator], "image").await?;
            self.runner.import_image(&spec.image).await?;
        }
        Ok(())
    }

    async fn bring(
        &self,
        what: &'static str,
        id: ArtifactId,
        likely: &[NodeId],
        reason: &str,
    ) -> Result<(), WorkError> {
        tokio::select! {
            brought = self.exchange.bring(id, likely, reason) => {
                brought.map_err(|source| WorkError::Fetch { what, source })
            }
            () = self.stop.cancelled() => Err(RunError::Stopped.into()),
        }
    }

    fn spec(&self, follower: &Follower, attempt: AttemptId) -> Result<TaskSpec, WorkError> {
        let history = follower.history().ok_or(WorkError::Gone)?;
        let attempt = history.attempts().get(&attempt).ok_or(WorkError::Gone)?;
        history.spec(attempt).cloned().ok_or(WorkError::Gone)
    }

    fn set_running(&self, attempt: AttemptId, running: bool) {
        let mut set = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running {
            set.insert(attempt);
        } else {
            set.remove(&attempt);
        }
    }
}

/// Whether the log asks for attempts that this node could make, or it holds a lease already.
fn has_work(history: &History, node: &Volunteer) -> bool {
    let me = node.me();
    let open = history.open_slots().iter().any(|slot| {
        history
            .bundles()
            .get(&slot.bundle)
            .is_some_and(|spec| spec.device == DeviceKind::Cpu)
    });
    history.nodes().contains_key(&me) && (open || !leases(history, me).is_empty())
}
