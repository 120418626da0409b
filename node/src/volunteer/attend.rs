//! Following one log and doing what it asks at once: enroll, reveal, send again, give up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_core::History;
use quorate_core::duties::{Part, leases, must_enroll, reveals};
use quorate_core::history::AssignedState;
use quorate_core::record::{EnrollmentPolicy, ForfeitReason};
use quorate_core::text::Note;
use rand::RngExt as _;

use super::{LOOK_ROUND, Volunteer, WorkError, with_causes};
use crate::clock::now;
use crate::follower::{FollowError, Follower};

/// How long a coordinator may be silent before that is worth a word: longer than it takes to connect.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

/// A coordinator's silence, said once.
#[derive(Debug, Default)]
struct Silence {
    since: Option<Instant>,
    said: bool,
}

impl Silence {
    /// Whether the silence has lasted and was not said yet.
    fn is_news(&mut self) -> bool {
        let lasted = self.since.get_or_insert_with(Instant::now).elapsed() >= WORTH_A_WORD;
        lasted && !std::mem::replace(&mut self.said, lasted)
    }

    fn ended(&mut self) {
        if std::mem::take(self).said {
            tracing::info!("the coordinator answers again");
        }
    }
}

impl Volunteer {
    /// Follows a log until stopped.
    pub(super) async fn attend(self, follower: Follower) {
        let mut silence = Silence::default();
        let mut said = String::new();
        while !self.stop.is_cancelled() {
            let step = async {
                let before = follower.history().map_or(0, |history| history.size());
                let size = follower.sync().await?;
                if let Some(history) = follower.history() {
                    self.discharge(&follower, &history).await?;
                    self.cosign(&follower).await?;
                }
                if size != before {
                    self.wake.notify_waiters();
                }
                Ok::<(), WorkError>(())
            };
            match step.await {
                Ok(()) => {
                    silence.ended();
                    said.clear();
                }
                Err(WorkError::Follow(error)) if error.is_passing() => {
                    if silence.is_news() {
                        tracing::warn!(error = with_causes(&error), "waiting for the coordinator");
                    }
                }
                Err(WorkError::Follow(error @ FollowError::Forked { .. })) => {
                    tracing::error!(error = with_causes(&error), "this log is followed no more");
                    return;
                }
                Err(error) => {
                    // Who waits to be admitted hears so once, and not every two seconds.
                    let error = with_causes(&error);
                    if said != error {
                        tracing::error!(error, "this log cannot be followed now");
                        said = error;
                    }
                }
            }
            self.pause().await;
        }
    }

    /// Does a witness's part. Where it cannot, the log is followed all the same, unless it forked.
    async fn cosign(&self, follower: &Follower) -> Result<(), WorkError> {
        match follower.cosign(&self.witness).await {
            Err(error @ FollowError::Forked { .. }) => Err(error.into()),
            Err(error) if error.is_passing() => Err(error.into()),
            Err(error @ FollowError::NotCounted { .. }) => {
                // Often others were quicker, and the coordinator asks for the next checkpoint now.
                tracing::info!(error = with_causes(&error), "a cosignature was not counted");
                Ok(())
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "this node cannot cosign now");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Waits for news, or a while. Nodes that were started together do not ask together.
    pub(super) async fn pause(&self) {
        let jitter = Duration::from_millis(rand::rng().random_range(0..500));
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.wake.notified() => {}
            () = tokio::time::sleep(LOOK_ROUND + jitter) => {}
        }
    }

    /// Enrolls or renews, with the invitation that a new operator may need.
    async fn enroll(&self, follower: &Follower, history: &History) -> Result<(), WorkError> {
        let coordinator = follower.coordinator();
        let charter = history.coordinator();
        let needs_one = charter.enrollment == EnrollmentPolicy::Invite
            && !history.admissions().holds(&self.signer.operator.public());
        let invitation = if needs_one {
            self.invitations.find(coordinator)?
        } else {
            None
        };
        let key = invitation.as_ref().map(|invitation| &invitation.key);
        let envelope = self.signer.enroll(charter.origin.clone(), key, now())?;
        self.submit(coordinator, "enrollment", &envelope).await?;
        self.invitations.forget(coordinator)?;
        Ok(())
    }

    async fn discharge(&self, follower: &Follower, history: &Arc<History>) -> Result<(), WorkError> {
        let (coordinator, me) = (follower.coordinator(), self.me());
        if must_enroll(history, me) {
            self.enroll(follower, history).await?;
        }
        for attempt in leases(history, me) {
            if self.is_running(attempt) {
                continue;
            }
            let known = self
                .with_journal(move |journal| {
                    Ok((
                        journal.has_begun(attempt)?,
                        journal.sealed(attempt, Part::Executor)?,
                    ))
                })
                .await?;
            match known {
                (_, Some(sealed)) => {
                    self.report(
                        self.submit_bytes(coordinator, "sealed claim", sealed.seal.into_bytes())
                            .await,
                    );
                }
                (true, None) => {
                    let note = Note::lossy("the node was stopped while the attempt ran");
                    let envelope = self
                        .signer
                        .forfeit(attempt, ForfeitReason::Abandoned { note }, now())?;
                    self.report(self.submit(coordinator, "forfeit", &envelope).await);
                }
                (false, None) => {}
            }
        }
        for (attempt, part) in reveals(history, me) {
            let sealed = self
                .with_journal(move |journal| journal.sealed(attempt, part))
                .await?;
            match sealed {
                Some(sealed) => {
                    self.report(
                        self.submit_bytes(coordinator, "reveal", sealed.reveal.into_bytes())
                            .await,
                    );
                }
                None => tracing::error!(%attempt, "this node's journal lacks what it sealed"),
            }
        }
        self.send_seals_again(follower, history).await
    }

    /// Seals that were kept but are not in the log: the node was killed, or the answer was lost.
    async fn send_seals_again(&self, follower: &Follower, history: &Arc<History>) -> Result<(), WorkError> {
        for (id, attempt) in history.attempts() {
            let waiting = attempt.verdict().is_none()
                && attempt.proceedings().is_some_and(|p| {
                    p.live()
                        .any(|a| a.node == self.me() && a.state == AssignedState::Waiting)
                });
            if !waiting || self.is_running(*id) {
                continue;
            }
            let id = *id;
            if let Some(sealed) = self.with_journal(move |j| j.sealed(id, Part::Verifier)).await? {
                let sent = self
                    .submit_bytes(follower.coordinator(), "sealed rescore", sealed.seal.into_bytes())
                    .await;
                self.report(sent);
            }
        }
        Ok(())
    }

    /// One refused record must not keep the others from being sent.
    pub(super) fn report(&self, result: Result<(), WorkError>) {
        if let Err(error) = result {
            // Often the log had grown meanwhile. While it asks for the record, it is sent again.
            tracing::info!(error = with_causes(&error), "a record was not accepted now");
        }
    }
}
