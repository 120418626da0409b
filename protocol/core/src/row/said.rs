//! What a row's entries prove, and what they do not, in words.
//!
//! A fact is said only where the replayed entries have it. A caveat is said wherever it applies: a proof that
//! keeps quiet about its limits misleads.

use std::fmt;

use serde::Serialize;

use super::opened;
use crate::digest::AttemptId;
use crate::history::{Attempt, History, Phase, Proceedings};
use crate::record::{Decision, EnrollmentPolicy};

/// Something that a row's entries prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fact {
    /// Every signature verifies, and is of whom the rules ask for.
    Signed {
        /// How many entries.
        entries: usize,
    },
    /// The attempt was leased before anything was handed in.
    Registered,
    /// It ended without a result.
    Forfeited,
    /// The artifact was sealed before the deadline.
    SealedInTime,
    /// Verifiers were drawn by the log's verifiable random function.
    Drawn {
        /// How many, in all rounds.
        verifiers: usize,
    },
    /// Scores were sealed, and opened only once all seals asked for were in.
    Sealed {
        /// How many rescores were opened.
        rescores: usize,
        /// Whether the executor's claim was.
        claim: bool,
    },
    /// The verdict is what the rescores come to.
    Recomputed,
    /// The task is qualified.
    Qualified,
    /// The row was withdrawn.
    Withdrawn,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed { entries } => write!(
                f,
                "Each of the {entries} records is signed by exactly those who must sign it."
            ),
            Self::Registered => {
                f.write_str("The attempt was registered, with its deadline, before anything was handed in.")
            }
            Self::Forfeited => f.write_str("It ended without a result, and that is on record."),
            Self::SealedInTime => f.write_str(
                "The artifact's digest and the executor's hidden claim were sealed before the deadline.",
            ),
            Self::Drawn { verifiers } => write!(
                f,
                "Drawn to verify: {verifiers}. The draw's proof is of the log's key over this claim; those \
                 drawn are of operators other than the executor's and each other's, and no more than were \
                 wanted."
            ),
            Self::Sealed { rescores, claim } => {
                let claim = if *claim { ", and the claim" } else { "" };
                write!(
                    f,
                    "Opened rescores: {rescores}{claim}. Each is what its signer had sealed, and nobody \
                     opened a seal before all that were asked for were in."
                )
            }
            Self::Recomputed => {
                f.write_str("The verdict is what these rescores come to by the task's agreement rule.")
            }
            Self::Qualified => f.write_str(
                "The task's own solutions and planted cheats scored as its qualification demands.",
            ),
            Self::Withdrawn => f.write_str("The coordinator withdrew the row afterwards."),
        }
    }
}

/// Something that a row's entries leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "caveat", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Caveat {
    /// That the artifact scores so.
    Score {
        /// The attempt to be scored again.
        attempt: AttemptId,
    },
    /// That the agent did the work.
    Work,
    /// That operators are different people.
    Operators,
    /// That machines are what they are said to be.
    Hardware,
    /// That nobody ranked before those drawn.
    Rank,
    /// That nobody more could be drawn to settle it.
    Exhausted,
    /// That two operators had earned the trust that saved a rescore.
    Credit,
    /// That the operators were admitted.
    Admission,
    /// What became of the other attempts.
    Others {
        /// How many were leased before.
        before: u32,
    },
    /// That no later entry says otherwise.
    Later,
    /// That clocks were right.
    Times,
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score { attempt } => write!(
                f,
                "That the artifact's bytes score so. Score them yourself: quorate reproduce {attempt}"
            ),
            Self::Work => f.write_str(
                "That the agent alone did the work: \
                 the transcript is its node's word.",
            ),
            Self::Operators => f.write_str(
                "That no person or organisation stands \
                 behind two of these operators' keys.",
            ),
            Self::Hardware => f.write_str("That the machines are what their nodes declare."),
            Self::Rank => f.write_str(
                "That those who were drawn ranked first. That takes \
                 the whole log; whoever follows it checks it.",
            ),
            Self::Exhausted => {
                f.write_str("That there was nobody more to draw, to settle it. That takes the whole log.")
            }
            Self::Credit => f.write_str(
                "That both operators had earned the credit by which one rescore was enough. That takes the \
                 whole log.",
            ),
            Self::Admission => f.write_str(
                "That these operators were admitted, as the log's policy asks. That takes the whole log.",
            ),
            Self::Others { before } => write!(
                f,
                "How many other attempts there are and how they ended. Its number says that {before} came \
                 before it for this campaign, task and agent."
            ),
            Self::Later => f.write_str(
                "That no later entry withdraws the row. \
                 A newer proof, or the log, tells.",
            ),
            Self::Times => f.write_str("That clocks were right: every time is its signer's."),
        }
    }
}

pub(super) fn proved(history: &History, attempt: &Attempt, entries: usize) -> Vec<Fact> {
    let mut facts = vec![Fact::Signed { entries }, Fact::Registered];
    if matches!(attempt.phase, Phase::Forfeited(_)) {
        facts.push(Fact::Forfeited);
    }
    if let Some(proceedings) = attempt.proceedings() {
        facts.push(Fact::SealedInTime);
        let (verifiers, rescores) = (proceedings.assigned.len(), opened(proceedings));
        if verifiers > 0 {
            facts.push(Fact::Drawn { verifiers });
        }
        if rescores > 0 {
            let claim = proceedings.claimed.is_some();
            facts.push(Fact::Sealed { rescores, claim });
        }
    }
    if attempt.verdict().is_some() {
        facts.push(Fact::Recomputed);
    }
    if history.is_qualified(&attempt.lease.bundle) {
        facts.push(Fact::Qualified);
    }
    if attempt.withdrawn.is_some() {
        facts.push(Fact::Withdrawn);
    }
    facts
}

pub(super) fn not_proved(history: &History, attempt: &Attempt) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    if let Some(verdict) = attempt.verdict()
        && matches!(verdict.decision, Decision::Accepted { .. } | Decision::Rejected)
    {
        caveats.push(Caveat::Score {
            attempt: verdict.attempt,
        });
    }
    caveats.extend([Caveat::Work, Caveat::Operators, Caveat::Hardware]);
    if let Some(proceedings) = attempt.proceedings().filter(|p| p.rounds > 0) {
        caveats.push(Caveat::Rank);
        if may_have_gone_on(history, attempt, proceedings) {
            caveats.push(Caveat::Exhausted);
        }
        if proceedings.quorum == 1 {
            caveats.push(Caveat::Credit);
        }
    }
    if history.coordinator().enrollment != EnrollmentPolicy::Open {
        caveats.push(Caveat::Admission);
    }
    caveats.push(Caveat::Others {
        before: attempt.lease.number,
    });
    if attempt.withdrawn.is_none() {
        caveats.push(Caveat::Later);
    }
    caveats.push(Caveat::Times);
    caveats
}

/// Whether a verdict left it undecided although the policy allows more verifiers.
fn may_have_gone_on(history: &History, attempt: &Attempt, proceedings: &Proceedings) -> bool {
    let undecided = attempt
        .verdict()
        .is_some_and(|v| matches!(v.decision, Decision::Inconclusive | Decision::Nondeterministic));
    let campaign = history.campaigns().get(&attempt.lease.campaign);
    let most = campaign.map_or(0, |campaign| campaign.terms.verification.max_rescores);
    undecided && opened(proceedings) < usize::from(most)
}
