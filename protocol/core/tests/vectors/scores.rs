//! Agreement of two outcomes, verdicts over several, and score@k.

use quorate_core::NodeId;
use quorate_core::aggregate::{self, Group};
use quorate_core::agreement::{Agreement, Level, Relation, interval};
use quorate_core::digest::Digest;
use quorate_core::record::Verification;
use quorate_core::score::{Outcome, Samples};
use quorate_core::task::Aggregate;
use quorate_core::verdict::{Judgement, Rescore, check_claim, judge};
use serde_json::{Value, json};

use crate::fixtures::{invalid, member, score};

fn outcome(samples: &[f64]) -> Outcome {
    let samples = Samples::new(samples.iter().map(|s| score(*s)).collect()).unwrap();
    Outcome::Valid {
        raw: score(samples.median() * 2.0),
        samples,
    }
}

fn equivalence(margin: f64, level: Level) -> Agreement {
    Agreement::Equivalence {
        margin: score(margin),
        level,
    }
}

const fn name(relation: Relation) -> &'static str {
    match relation {
        Relation::Agree => "agree",
        Relation::Disagree => "disagree",
        Relation::Unclear => "unclear",
    }
}

/// Evenly spread samples around `center`.
fn spread(center: f64, step: f64, count: u8) -> Vec<f64> {
    (0..count)
        .map(|i| center + step * (f64::from(i) - f64::from(count - 1) / 2.0))
        .collect()
}

fn pairs() -> Vec<Value> {
    let (five, one) = (
        equivalence(0.15, Level::FivePercent),
        equivalence(0.15, Level::OnePercent),
    );
    let mut cases = vec![
        (Agreement::Exact, outcome(&[0.5]), outcome(&[0.5])),
        (Agreement::Exact, outcome(&[0.5]), outcome(&[0.500_000_000_000_1])),
        (Agreement::Exact, invalid(), invalid()),
        (Agreement::Exact, invalid(), outcome(&[0.0])),
        (five, invalid(), invalid()),
        (five, outcome(&[1.0, 1.0]), invalid()),
        (five, outcome(&[1.0]), outcome(&[1.0])),
        (five, outcome(&[1.0, 1.0]), outcome(&[1.0, 1.0])),
        (five, outcome(&[1.0, 1.0]), outcome(&[1.15, 1.15])),
        (five, outcome(&[1.0, 1.0]), outcome(&[1.16, 1.16])),
        (
            five,
            outcome(&[1.0, 1.01, 0.99, 1.0, 1.02]),
            outcome(&[1.03, 1.02, 1.04, 1.03, 1.01]),
        ),
        (
            five,
            outcome(&[1.0, 1.01, 0.99, 1.0, 1.02]),
            outcome(&[1.5, 1.51, 1.49, 1.52, 1.5]),
        ),
        (
            five,
            outcome(&[0.2, 1.8, 0.4, 1.6, 1.0]),
            outcome(&[0.2, 1.8, 0.4, 1.6, 1.0]),
        ),
        (
            five,
            outcome(&[-0.3, -0.31, -0.29]),
            outcome(&[-0.28, -0.3, -0.31]),
        ),
        (five, outcome(&[0.7, 0.7, 0.7]), outcome(&[0.7, 0.71, 0.69, 0.7])),
    ];
    for count in [2, 3, 5, 12, 33, 64] {
        for (shift, step) in [(0.0, 0.01), (0.1, 0.02), (0.14, 0.01), (0.2, 0.01), (0.1, 0.1)] {
            for rule in [five, one] {
                let (a, b) = (
                    spread(1.0, step, count),
                    spread(1.0 + shift, step * 1.5, count.min(20)),
                );
                cases.push((rule, outcome(&a), outcome(&b)));
            }
        }
    }
    let told = |(rule, a, b): (Agreement, Outcome, Outcome)| {
        assert_eq!(rule.relate(&a, &b), rule.relate(&b, &a));
        json!({"rule": rule, "a": a, "b": b, "relation": name(rule.relate(&a, &b))})
    };
    cases.into_iter().map(told).collect()
}

fn judged(rule: Agreement, outcomes: &[Outcome], claim: Option<&Outcome>, available: usize) -> Value {
    let policy = Verification {
        replicas: 2,
        escalation: 2,
        max_rescores: 5,
        seal_seconds: 1,
        reveal_seconds: 1,
        audit_percent: None,
    };
    let nodes = (1..).map(|n| member(n).node.node_id());
    let rescores: Vec<Rescore<'_>> = nodes
        .zip(outcomes)
        .map(|(node, outcome)| Rescore { node, outcome })
        .collect();
    let group = |nodes: &[NodeId]| -> Vec<&Outcome> {
        rescores
            .iter()
            .filter(|r| nodes.contains(&r.node))
            .map(|r| r.outcome)
            .collect()
    };
    let place = |node| rescores.iter().position(|r| r.node == node).unwrap();
    let judgement = match judge(&rule, &policy, &rescores, available) {
        Judgement::Escalate(more) => json!({"escalate": more}),
        Judgement::Decided {
            decision,
            agreeing,
            outliers,
        } => json!({
            "decision": decision,
            "claim": check_claim(&rule, claim, &decision, &group(&agreeing)),
            "agreeing": agreeing.into_iter().map(place).collect::<Vec<_>>(),
            "outliers": outliers.into_iter().map(place).collect::<Vec<_>>(),
        }),
    };
    json!({
        "rule": rule, "policy": policy, "rescores": outcomes, "claim": claim,
        "available": available, "judgement": judgement,
    })
}

fn verdicts() -> Vec<Value> {
    let rule = equivalence(0.15, Level::FivePercent);
    let at = |center: f64| outcome(&[center - 0.01, center, center + 0.01, center]);
    let noisy = || outcome(&[0.0, 2.0, 0.2, 1.8]);
    let claim = at(1.0);
    let case = |outcomes: &[Outcome], available| judged(rule, outcomes, Some(&claim), available);
    vec![
        case(&[], 9),
        case(&[at(1.0)], 0),
        case(&[at(1.0), at(1.02)], 9),
        case(&[at(0.7), at(0.72)], 9),
        case(&[at(1.0), at(2.0)], 9),
        case(&[at(1.0), at(2.0)], 1),
        case(&[at(1.0), at(2.0)], 0),
        case(&[at(1.0), at(2.0), at(1.0)], 9),
        case(&[at(1.0), noisy(), at(1.0)], 9),
        case(&[noisy(), noisy()], 0),
        case(&[invalid(), invalid()], 9),
        case(&[invalid(), at(1.0), invalid(), invalid()], 9),
        case(&[at(1.0), at(1.0), at(2.0), at(2.0)], 9),
        case(&[at(1.0), at(1.0), at(2.0), at(2.0), at(1.01)], 9),
        case(&[at(1.0), at(2.0), at(3.0), at(4.0), at(5.0)], 9),
        // Agreement is not transitive: neighbours agree, the ends do not. The first group wins.
        case(&[at(1.0), at(1.09), at(1.18)], 0),
        judged(rule, &[at(1.0), at(1.0)], None, 9),
        judged(rule, &[at(1.0), at(1.0)], Some(&invalid()), 9),
        judged(rule, &[at(1.0), at(1.0)], Some(&at(1.2)), 9),
        judged(
            Agreement::Exact,
            &[outcome(&[0.5]), outcome(&[0.5])],
            Some(&outcome(&[0.5])),
            9,
        ),
        judged(
            Agreement::Exact,
            &[outcome(&[0.5]), outcome(&[0.5])],
            Some(&outcome(&[0.6])),
            9,
        ),
    ]
}

pub(crate) fn agreement() -> Value {
    let intervals: Vec<Value> = [
        spread(1.0, 0.02, 5),
        spread(0.3, 0.1, 2),
        vec![0.4],
        spread(0.0, 0.01, 50),
    ]
    .iter()
    .flat_map(|samples| {
        let values = Samples::new(samples.iter().map(|s| score(*s)).collect()).unwrap();
        [Level::FivePercent, Level::OnePercent].map(|level| {
            let (low, high) = interval(&values, level);
            json!({"samples": samples, "level": level, "low": low, "high": high})
        })
    })
    .collect();
    json!({
        "about": "How two outcomes relate, intervals, and what several rescores come to. Numbers are exact.",
        "pairs": pairs(),
        "intervals": intervals,
        "verdicts": verdicts(),
    })
}

pub(crate) fn score_at_k() -> Value {
    let lists: [&[f64]; 5] = [
        &[1.0, 0.0],
        &[0.1, 0.9, 0.4, 0.7, 0.2, 0.5],
        &[0.0, 0.0, 0.0, 1.3],
        &[0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0, 1.84],
        &[0.3],
    ];
    let mut cases = Vec::new();
    for scores in lists {
        for k in 0..=scores.len() + 1 {
            for aggregate in [Aggregate::Best, Aggregate::Last] {
                let value = aggregate::score_at_k(scores, k, aggregate);
                cases.push(json!({"scores": scores, "k": k, "aggregate": aggregate, "value": value}));
            }
        }
    }
    let group = |scores: &[f64], aggregate| Group {
        scores: scores.to_vec(),
        aggregate,
    };
    let groups = [
        group(lists[1], Aggregate::Best),
        group(lists[3], Aggregate::Best),
        group(lists[2], Aggregate::Last),
    ];
    let seed = Digest::of(b"seed");
    let means: Vec<Value> = [1, 2, 4]
        .map(|k| {
            json!({
                "k": k,
                "mean": aggregate::mean_score_at_k(&groups, k),
                "interval": aggregate::bootstrap_interval(&groups, k, seed),
            })
        })
        .to_vec();
    json!({
        "about": "score@k, and its mean over environments with the bootstrap interval. Numbers are exact.",
        "cases": cases,
        "groups": groups.map(|g| json!({"scores": g.scores, "aggregate": g.aggregate})),
        "seed": seed,
        "means": means,
    })
}
