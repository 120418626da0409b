//! What a follower does with checkpoints beyond following: cosigns those it is asked to, keeps those
//! that enough others cosigned, and keeps proof where two of them contradict each other.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use quorate_coordinator::cosigning::Backing;
use quorate_core::history::RuleError;
use quorate_core::wire::{Page, Request, Response};
use quorate_ledger::{Fork, ReplicaError, SignedCheckpoint, TreeHash, WitnessError, WitnessKey};

use super::{Copy, FollowError, Follower, ask, describe};
use crate::clock::now;
use crate::ledgers::{LedgersError, write_durably};
use crate::volunteer::with_causes;
use crate::witnessing::Witnessing;

/// When a cosignature that was accepted and is not shown is sent again: a coordinator that was
/// restarted forgot it.
const AGAIN: Duration = Duration::from_secs(20);

/// What is to be cosigned, as the coordinator's last page said.
#[derive(Debug, Default)]
pub(super) struct Asked {
    candidate: Option<SignedCheckpoint>,
    /// The size that was cosigned last, and when the coordinator took it.
    done: Option<(u64, Instant)>,
}

impl Asked {
    /// The candidate, unless `me` cosigned it: it bears the line, or was answered just now, as where
    /// another node of the same operator was first.
    fn due(&self, me: &WitnessKey) -> Option<&SignedCheckpoint> {
        let candidate = self.candidate.as_ref()?;
        let mut lines = candidate.signatures().iter();
        if lines.any(|line| line.name == me.name().as_str() && line.key_id == me.key_id()) {
            return None;
        }
        let fresh = self
            .done
            .is_some_and(|(size, at)| size == candidate.size() && at.elapsed() < AGAIN);
        (!fresh).then_some(candidate)
    }
}

impl Copy {
    /// Takes note of what a page says beside its entries. What is wrong with it is worth a word, but no
    /// reason not to follow the log: its entries were checked.
    pub(super) fn note(&mut self, page: &Page) {
        if page.candidate.is_empty() {
            self.asked.candidate = None;
        } else {
            match SignedCheckpoint::open(&page.candidate, self.replica.log().key()) {
                Ok(candidate) => self.asked.candidate = Some(candidate),
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "the candidate to cosign is not the log's"
                    );
                }
            }
        }
        if let Err(error) = self.keep_cosigned(page) {
            tracing::warn!(
                error,
                "the cosigned checkpoint that the coordinator shows was not kept"
            );
        }
    }

    /// Keeps the cosigned checkpoint of a page, where it is news and has its quorum.
    fn keep_cosigned(&mut self, page: &Page) -> Result<(), String> {
        let held = self.replica.log().cosigned();
        if page.cosigned.is_empty() || held.is_some_and(|held| held.as_bytes() == page.cosigned) {
            return Ok(());
        }
        let offered = SignedCheckpoint::parse(&page.cosigned).map_err(|error| with_causes(&error))?;
        let more = (offered.size(), offered.signatures().len());
        let Some(history) = &self.history else {
            return Ok(());
        };
        // A copy that is still being fetched does not know its witnesses yet.
        if offered.size() > self.replica.log().size()
            || held.is_some_and(|held| more <= (held.size(), held.signatures().len()))
        {
            return Ok(());
        }
        let backing = Backing::of(&offered, history, now()).map_err(|error| with_causes(&error))?;
        if !backing.is_quorum() {
            return Err(format!(
                "{} operators cosigned it, and the log asks for {}",
                backing.operators.len(),
                backing.quorum
            ));
        }
        self.replica
            .keep_cosigned(offered)
            .map_err(|error| with_causes(&error))
    }

    /// Cosigns what is due: its size and the line.
    fn cosign(&mut self, witness: &Witnessing) -> Result<Option<(u64, Vec<u8>)>, CosignError> {
        let log = self.replica.log();
        let due = self.asked.due(&witness.key());
        let Some(candidate) = due.filter(|due| due.size() <= log.size()).cloned() else {
            return Ok(None);
        };
        // Every entry up to here was checked by the rules; is it these entries that are to be cosigned?
        let none: [&[u8]; 0] = [];
        self.replica
            .offer(&none, candidate.as_bytes(), |_, _| Ok(()))
            .map_err(CosignError::Copy)?;
        match witness.cosign(self.replica.log(), &candidate, now().0 / 1000) {
            Ok(line) => Ok(Some((candidate.size(), line.to_string().into_bytes()))),
            Err(WitnessError::Conflict { known }) => {
                tracing::debug!(
                    known,
                    size = candidate.size(),
                    "cosigned a larger checkpoint before"
                );
                Ok(None)
            }
            Err(error) => Err(CosignError::Witness(error)),
        }
    }
}

/// Why a candidate was not cosigned.
#[derive(Debug)]
enum CosignError {
    /// It is not of what this copy holds.
    Copy(Refusal),
    /// The witness refused.
    Witness(WitnessError),
}

/// Why a copy does not take what it was offered.
pub(super) type Refusal = ReplicaError<RuleError>;

impl Follower {
    /// Where the proof lies, if this log was seen to fork.
    pub(super) fn fork_file(&self) -> PathBuf {
        let name = format!("{}.fork-proof", self.coordinator.key());
        self.home.root().join("forks").join(name)
    }

    /// Refuses a log that was seen to fork, now or before a restart.
    pub(super) fn check_unforked(&self) -> Result<(), FollowError> {
        let path = self.fork_file();
        if path.exists() {
            return Err(FollowError::Forked {
                coordinator: self.coordinator,
                path,
            });
        }
        Ok(())
    }

    /// Cosigns the coordinator's candidate, where this copy has all of its entries, and hands the
    /// cosignature in.
    pub(crate) async fn cosign(&self, witness: &Witnessing) -> Result<(), FollowError> {
        let mut held = self.copy.lock().await;
        let Some(mut copy) = held.take() else {
            return Ok(());
        };
        let witness = witness.clone();
        let (copy, cosigned) = tokio::task::spawn_blocking(move || {
            let cosigned = copy.cosign(&witness);
            (copy, cosigned)
        })
        .await?;
        *held = Some(copy);
        let (size, line) = match cosigned {
            Ok(Some(cosigned)) => cosigned,
            Ok(None) => return Ok(()),
            Err(CosignError::Copy(error)) => return Err(self.settle(&mut held, error).await),
            Err(CosignError::Witness(error)) => return Err(self.refused(&mut held, error).await),
        };
        let coordinator = self.coordinator;
        match ask(&self.network, coordinator, &Request::Cosign { size, line }).await? {
            Response::Cosigned => {
                if let Some(copy) = held.as_mut() {
                    copy.asked.done = Some((size, Instant::now()));
                }
                tracing::info!(size, "cosigned");
                Ok(())
            }
            other => Err(FollowError::NotCounted {
                coordinator,
                size,
                said: describe(&other),
            }),
        }
    }

    async fn refused(&self, held: &mut Option<Copy>, error: WitnessError) -> FollowError {
        match error.fork().cloned() {
            Some(fork) => self.forked(held, &fork).await,
            None => error.into(),
        }
    }

    /// Tells a fork from what may pass, with the coordinator's own word on what its log was.
    pub(super) async fn settle(&self, held: &mut Option<Copy>, error: Refusal) -> FollowError {
        let fork = match &error {
            ReplicaError::Fork(fork) => Some((**fork).clone()),
            ReplicaError::Root { .. } => match held.as_ref() {
                Some(copy) => self.ask_prefix(copy).await,
                None => None,
            },
            _ => None,
        };
        match fork {
            Some(fork) => self.forked(held, &fork).await,
            None => error.into(),
        }
    }

    /// Asks what the log was at the size of this copy's checkpoint: if that is something else than this
    /// copy, and signed, it is a fork. A coordinator that does not answer proves nothing.
    async fn ask_prefix(&self, copy: &Copy) -> Option<Fork> {
        let size = copy.replica.log().checkpoint()?.size();
        match ask(&self.network, self.coordinator, &Request::Prefix { size }).await {
            Ok(Response::Prefix(prefix)) => {
                let proof = prefix.proof.iter().copied().map(TreeHash::from_bytes).collect();
                let root = TreeHash::from_bytes(prefix.root);
                copy.replica
                    .fork_from(&prefix.checkpoint, root, proof)
                    .unwrap_or_default()
            }
            Ok(other) => {
                tracing::debug!(
                    said = describe(&other),
                    "the coordinator does not say what its log was"
                );
                None
            }
            Err(error) => {
                tracing::debug!(
                    error = with_causes(&error),
                    "the coordinator does not say what its log was"
                );
                None
            }
        }
    }

    /// Keeps the proof and stops following.
    async fn forked(&self, held: &mut Option<Copy>, fork: &Fork) -> FollowError {
        let Some(copy) = held.take() else {
            return FollowError::Forked {
                coordinator: self.coordinator,
                path: self.fork_file(),
            };
        };
        self.publish(None);
        let path = self.fork_file();
        let (text, file) = (fork.to_text(copy.replica.log().key()), path.clone());
        let written = tokio::task::spawn_blocking(move || write_durably(&file, text.as_bytes())).await;
        match written {
            Ok(Ok(())) => FollowError::Forked {
                coordinator: self.coordinator,
                path,
            },
            Ok(Err(source)) => LedgersError::Io { path, source }.into(),
            Err(died) => died.into(),
        }
    }
}

#[cfg(test)]
mod tests;
