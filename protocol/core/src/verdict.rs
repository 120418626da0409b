//! The verdict: what a set of rescores comes to under a bundle's agreement rule.
//!
//! A pure function that the coordinator, every follower and every audit compute alike.

use crate::agreement::{Agreement, Level, Relation, interval};
use crate::identity::NodeId;
use crate::record::{ClaimCheck, Decision, Published, Verification};
use crate::score::{Outcome, Score, count_f64, median};

/// One revealed rescore.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescore<'a> {
    /// Who scored.
    pub node: NodeId,
    /// What came of it.
    pub outcome: &'a Outcome,
}

/// What a set of rescores comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// Draw so many more verifiers.
    Escalate(usize),
    /// This is the end of it.
    Decided {
        /// The verdict.
        decision: Decision,
        /// Who made it.
        agreeing: Vec<NodeId>,
        /// Who was shown to differ.
        outliers: Vec<NodeId>,
    },
}

/// Judges `rescores`. `available` is how many more verifiers could be drawn.
///
/// Fewer than the policy's replicas are never enough, however few nodes there are: the attempt
/// waits for more. Accepts or rejects when a group of mutually agreeing rescores has at least the policy's replicas
/// and is more than half of all; otherwise asks for more while policy and network allow.
#[must_use]
pub fn judge(
    rule: &Agreement,
    policy: &Verification,
    rescores: &[Rescore<'_>],
    available: usize,
) -> Judgement {
    let group = largest_agreeing_group(rule, rescores);
    let quorum = group.len() >= usize::from(policy.replicas) && group.len() * 2 > rescores.len();
    if quorum {
        return decided(rule, rescores, &group);
    }
    let replicas = usize::from(policy.replicas);
    if rescores.len() < replicas {
        return Judgement::Escalate(replicas - rescores.len());
    }
    let allowed = usize::from(policy.max_rescores).saturating_sub(rescores.len());
    let more = usize::from(policy.escalation).min(allowed).min(available);
    if more > 0 {
        return Judgement::Escalate(more);
    }
    let differ = pairs(rescores).any(|(a, b)| rule.relate(a.outcome, b.outcome) == Relation::Disagree);
    let decision = if differ {
        Decision::Nondeterministic
    } else {
        Decision::Inconclusive
    };
    Judgement::Decided {
        decision,
        agreeing: Vec::new(),
        outliers: Vec::new(),
    }
}

/// What the only rescore comes to, once the claim of an operator that is trusted has confirmed it.
#[must_use]
pub fn confirmed(rule: &Agreement, only: Rescore<'_>) -> Judgement {
    decided(rule, &[only], &[only])
}

/// Compares an executor's claim with the decision and the `agreeing` outcomes that made it.
///
/// An over-claim has to be shown as a false rescore has: the claim lies above the published score
/// and disagrees with most of the group. A noisy claim is not called a lie.
#[must_use]
pub fn check_claim(
    rule: &Agreement,
    claim: Option<&Outcome>,
    decision: &Decision,
    agreeing: &[&Outcome],
) -> ClaimCheck {
    let Some(claim) = claim else {
        return ClaimCheck::Unrevealed;
    };
    match (claim.normalized(), decision) {
        (_, Decision::Inconclusive | Decision::Nondeterministic) => ClaimCheck::Unchecked,
        (Some(_), Decision::Rejected) => ClaimCheck::Overclaimed,
        (Some(claimed), Decision::Accepted { score })
            if claimed > score.normalized.get() && differs(rule, claim, agreeing) =>
        {
            ClaimCheck::Overclaimed
        }
        _ => ClaimCheck::Honest,
    }
}

/// Whether `outcome` disagrees with more than half of `group`.
fn differs(rule: &Agreement, outcome: &Outcome, group: &[&Outcome]) -> bool {
    let differing = group
        .iter()
        .filter(|g| rule.relate(outcome, g) == Relation::Disagree)
        .count();
    differing * 2 > group.len()
}

fn decided(rule: &Agreement, rescores: &[Rescore<'_>], group: &[Rescore<'_>]) -> Judgement {
    let outcomes: Vec<&Outcome> = group.iter().map(|r| r.outcome).collect();
    let outliers = rescores
        .iter()
        .filter(|r| differs(rule, r.outcome, &outcomes))
        .map(|r| r.node)
        .collect();
    let decision = publish(rule, group).map_or(Decision::Rejected, |score| Decision::Accepted { score });
    Judgement::Decided {
        decision,
        agreeing: group.iter().map(|r| r.node).collect(),
        outliers,
    }
}

/// The score that an agreeing group publishes; `None` where the group finds the artifact invalid.
fn publish(rule: &Agreement, group: &[Rescore<'_>]) -> Option<Published> {
    let level = match rule {
        Agreement::Exact => Level::FivePercent,
        Agreement::Equivalence { level, .. } => *level,
    };
    let (mut normalized, mut raws) = (Vec::new(), Vec::new());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for rescore in group {
        let Outcome::Valid { raw, samples } = rescore.outcome else {
            return None;
        };
        normalized.push(samples.median());
        raws.push(raw.get());
        let (from, to) = interval(samples, level);
        low = low.min(from);
        high = high.max(to);
    }
    Some(Published {
        normalized: Score::new(median(normalized)).ok()?,
        low: Score::new(low).ok()?,
        high: Score::new(high).ok()?,
        raw: Score::new(median(raws)).ok()?,
    })
}

/// The largest set of rescores every two of which agree. Of equally large ones the first in the
/// order of the rescores. There are at most [`Verification::MOST`], so all subsets are tried.
fn largest_agreeing_group<'a>(rule: &Agreement, rescores: &[Rescore<'a>]) -> Vec<Rescore<'a>> {
    let count = rescores.len().min(usize::from(Verification::MOST));
    let mut best = Vec::new();
    for subset in 1_u32..(1 << count) {
        let members: Vec<Rescore<'a>> = rescores
            .iter()
            .enumerate()
            .filter(|(i, _)| subset & (1 << i) != 0)
            .map(|(_, r)| *r)
            .collect();
        let agree = pairs(&members).all(|(a, b)| rule.relate(a.outcome, b.outcome) == Relation::Agree);
        if agree && members.len() > best.len() {
            best = members;
        }
    }
    best
}

fn pairs<'a, 'b>(rescores: &'b [Rescore<'a>]) -> impl Iterator<Item = (&'b Rescore<'a>, &'b Rescore<'a>)> {
    rescores
        .iter()
        .enumerate()
        .flat_map(|(i, a)| rescores.iter().skip(i + 1).map(move |b| (a, b)))
}

/// How far a node's rescores lie from those of the others on the same attempts, on average: the
/// verifier's bias. `None` where it never scored beside anybody.
#[must_use]
pub fn bias<'a>(node: NodeId, attempts: impl Iterator<Item = Vec<Rescore<'a>>>) -> Option<f64> {
    let mut differences = Vec::new();
    for rescores in attempts {
        let own = rescores
            .iter()
            .find(|r| r.node == node)
            .and_then(|r| r.outcome.normalized());
        let others: Vec<f64> = rescores
            .iter()
            .filter(|r| r.node != node)
            .filter_map(|r| r.outcome.normalized())
            .collect();
        if let (Some(own), false) = (own, others.is_empty()) {
            differences.push(own - others.iter().sum::<f64>() / count_f64(others.len()));
        }
    }
    let count = differences.len();
    (count > 0).then(|| differences.iter().sum::<f64>() / count_f64(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use crate::score::Samples;
    use crate::text::Note;

    const POLICY: Verification = Verification {
        replicas: 2,
        escalation: 2,
        max_rescores: 5,
        seal_seconds: 1,
        reveal_seconds: 1,
        audit_percent: None,
    };

    fn rule() -> Agreement {
        Agreement::Equivalence {
            margin: Score::new(0.15).unwrap(),
            level: Level::FivePercent,
        }
    }

    fn at(center: f64) -> Outcome {
        let samples = [-0.01, 0.0, 0.01, 0.0]
            .map(|d| Score::new(center + d).unwrap())
            .to_vec();
        Outcome::Valid {
            raw: Score::new(center).unwrap(),
            samples: Samples::new(samples).unwrap(),
        }
    }

    fn noisy(center: f64) -> Outcome {
        let samples = [-1.0, 1.0, -0.8, 0.8]
            .map(|d| Score::new(center + d).unwrap())
            .to_vec();
        Outcome::Valid {
            raw: Score::new(center).unwrap(),
            samples: Samples::new(samples).unwrap(),
        }
    }

    fn invalid() -> Outcome {
        Outcome::Invalid {
            reason: Note::lossy("wrong output"),
        }
    }

    fn node(n: usize) -> NodeId {
        Keypair::from_secret([u8::try_from(n).unwrap() + 1; 32]).node_id()
    }

    fn judge_all(outcomes: &[Outcome], available: usize) -> Judgement {
        let rescores: Vec<_> = outcomes
            .iter()
            .enumerate()
            .map(|(i, outcome)| Rescore {
                node: node(i),
                outcome,
            })
            .collect();
        judge(&rule(), &POLICY, &rescores, available)
    }

    fn decision(judgement: &Judgement) -> &'static str {
        match judgement {
            Judgement::Escalate(_) => "escalate",
            Judgement::Decided { decision, .. } => decision.name(),
        }
    }

    #[test]
    fn two_unanimous_accept_and_the_median_is_published() {
        let Judgement::Decided {
            decision: Decision::Accepted { score },
            agreeing,
            outliers,
        } = judge_all(&[at(1.0), at(1.02)], 9)
        else {
            panic!("not accepted");
        };
        assert!((score.normalized.get() - 1.01).abs() < 1e-9);
        assert!(score.low.get() < 1.0 && score.high.get() > 1.02);
        assert_eq!((agreeing.len(), outliers.len()), (2, 0));
    }

    #[test]
    fn two_that_differ_escalate_then_the_majority_names_the_liar() {
        assert_eq!(judge_all(&[at(1.0), at(2.0)], 9), Judgement::Escalate(2));
        let Judgement::Decided {
            agreeing, outliers, ..
        } = judge_all(&[at(1.0), at(2.0), at(1.0)], 9)
        else {
            panic!("not decided");
        };
        assert_eq!(agreeing, [node(0), node(2)]);
        assert_eq!(outliers, [node(1)]);
    }

    #[test]
    fn every_end_is_reached() {
        for (outcomes, available, expected) in [
            (vec![], 9, "escalate"),
            (vec![at(1.0)], 9, "escalate"),
            (vec![at(1.0)], 0, "escalate"),
            (vec![invalid(), invalid()], 9, "rejected"),
            (vec![invalid(), at(1.0)], 0, "nondeterministic"),
            (vec![at(1.0), at(2.0)], 0, "nondeterministic"),
            (vec![noisy(1.0), noisy(1.0)], 9, "escalate"),
            (vec![noisy(1.0), noisy(1.0)], 0, "inconclusive"),
            (vec![at(1.0), at(1.0), at(2.0), at(2.0)], 0, "nondeterministic"),
            (vec![at(1.0), at(1.0), at(2.0), at(2.0), at(1.0)], 9, "accepted"),
            (
                vec![at(1.0), at(2.0), at(3.0), at(4.0), at(5.0)],
                9,
                "nondeterministic",
            ),
        ] {
            assert_eq!(
                decision(&judge_all(&outcomes, available)),
                expected,
                "{outcomes:?}"
            );
        }
    }

    #[test]
    fn a_noisy_verifier_is_not_called_a_liar() {
        let Judgement::Decided { outliers, .. } = judge_all(&[at(1.0), noisy(1.2), at(1.0)], 9) else {
            panic!("not decided");
        };
        assert_eq!(outliers, []);
    }

    #[test]
    fn claims_are_checked_against_the_decision() {
        let Judgement::Decided {
            decision: accepted, ..
        } = judge_all(&[at(1.0), at(1.0)], 9)
        else {
            panic!("not decided");
        };
        for (claim, decision, expected) in [
            (Some(at(1.0)), &accepted, ClaimCheck::Honest),
            (Some(at(1.1)), &accepted, ClaimCheck::Honest),
            (Some(noisy(1.4)), &accepted, ClaimCheck::Honest),
            (Some(at(1.2)), &accepted, ClaimCheck::Overclaimed),
            (Some(at(0.2)), &accepted, ClaimCheck::Honest),
            (Some(invalid()), &accepted, ClaimCheck::Honest),
            (Some(at(0.1)), &Decision::Rejected, ClaimCheck::Overclaimed),
            (None, &accepted, ClaimCheck::Unrevealed),
            (Some(at(9.0)), &Decision::Nondeterministic, ClaimCheck::Unchecked),
        ] {
            let group = [&at(1.0), &at(1.0)];
            assert_eq!(check_claim(&rule(), claim.as_ref(), decision, &group), expected);
        }
    }
}
