//! The verifiable draw: who re-scores an attempt, and with which seed.
//!
//! Input is the digest of the sealed claim's payload, which does not exist before the artifact is fixed. Output
//! ranks the nodes and seeds the scorer. Ranked lowest hash first; one operator, one verifier, and
//! never the executor's operator.

use std::collections::BTreeSet;

use crate::digest::{AttemptId, Digest};
use crate::identity::{NodeId, PublicKey};
use crate::vrf::VrfOutput;

/// A node that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Who answers for it.
    pub operator: PublicKey,
    /// Whether it ranks behind all others: it enrolled after the attempt was leased, so that nodes made up
    /// for one attempt do not get in while anybody else can serve; or its operator is on probation.
    pub behind: bool,
}

/// What the VRF is evaluated on.
#[must_use]
pub fn input(sealed_claim: Digest) -> Vec<u8> {
    [b"quorate 2026-11 draw v1 ".as_slice(), sealed_claim.as_bytes()].concat()
}

/// The scoring seed of an attempt.
#[must_use]
pub fn scoring_seed(output: &VrfOutput, attempt: AttemptId) -> Digest {
    Digest::derive(
        "quorate 2026-11 scoring seed v1",
        &[output.as_bytes(), attempt.0.as_bytes()],
    )
}

/// Whether the draw picks the attempt for a full replication, whoever is trusted: `percent` of 100 do.
#[must_use]
pub fn is_audited(output: &VrfOutput, attempt: AttemptId, percent: u8) -> bool {
    let ticket = Digest::derive(
        "quorate 2026-11 audit v1",
        &[output.as_bytes(), attempt.0.as_bytes()],
    );
    let [a, b, c, d, ..] = *ticket.as_bytes();
    u32::from_be_bytes([a, b, c, d]) % 100 < u32::from(percent)
}

/// The first `count` of `candidates` in order of rank, none of an operator in `excluded`, no two
/// of one operator. Fewer where there are no more.
#[must_use]
pub fn rank(
    output: &VrfOutput,
    candidates: &[Candidate],
    excluded: &BTreeSet<PublicKey>,
    count: usize,
) -> Vec<NodeId> {
    let mut ranked: Vec<(bool, Digest, &Candidate)> = candidates
        .iter()
        .map(|candidate| {
            let place = Digest::derive(
                "quorate 2026-11 draw rank v1",
                &[output.as_bytes(), candidate.node.key().as_bytes()],
            );
            (candidate.behind, place, candidate)
        })
        .collect();
    ranked.sort_by_key(|(behind, place, _)| (*behind, *place));
    let mut taken = excluded.clone();
    ranked
        .into_iter()
        .filter(|(_, _, candidate)| taken.insert(candidate.operator))
        .map(|(_, _, candidate)| candidate.node)
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use crate::vrf::VrfSecret;

    fn output(n: u8) -> VrfOutput {
        let secret = VrfSecret::from_seed([7; 32]);
        let proof = secret.prove(&[n]);
        secret.public().verify(&[n], &proof).unwrap()
    }

    fn candidate(node: u8, operator: u8, behind: bool) -> Candidate {
        Candidate {
            node: Keypair::from_secret([node; 32]).node_id(),
            operator: Keypair::from_secret([operator; 32]).public(),
            behind,
        }
    }

    #[test]
    fn never_the_excluded_and_never_two_of_one_operator() {
        let candidates: Vec<_> = (1..=9).map(|n| candidate(n, 100 + n / 3, false)).collect();
        let excluded = BTreeSet::from([candidate(1, 100, false).operator]);
        for n in 0..50 {
            let drawn = rank(&output(n), &candidates, &excluded, 9);
            let operators: BTreeSet<_> = drawn
                .iter()
                .map(|node| candidates.iter().find(|c| c.node == *node).unwrap().operator)
                .collect();
            assert_eq!(operators.len(), drawn.len());
            assert!(operators.is_disjoint(&excluded));
            assert_eq!(drawn.len(), 3);
        }
    }

    #[test]
    fn order_of_candidates_does_not_matter_and_those_behind_come_last() {
        let mut candidates: Vec<_> = (1..=6).map(|n| candidate(n, 100 + n, n <= 2)).collect();
        let drawn = rank(&output(1), &candidates, &BTreeSet::new(), 6);
        candidates.reverse();
        assert_eq!(rank(&output(1), &candidates, &BTreeSet::new(), 6), drawn);
        let last: Vec<_> = drawn.iter().skip(4).copied().collect();
        assert!(last.contains(&candidate(1, 0, true).node) && last.contains(&candidate(2, 0, true).node));
    }

    #[test]
    fn about_the_asked_share_is_audited() {
        let audited = |percent| {
            let attempts = (0..2000_u32).map(|n| AttemptId(Digest::of(&n.to_be_bytes())));
            attempts.filter(|id| is_audited(&output(1), *id, percent)).count()
        };
        // 2000 at 5 %: 100 expected, standard deviation 10; five of them either way.
        assert!((50..=150).contains(&audited(5)));
        assert_eq!((audited(0), audited(100)), (0, 2000));
    }

    #[test]
    fn every_candidate_is_drawn_about_equally_often() {
        let candidates: Vec<_> = (1..=4).map(|n| candidate(n, 100 + n, false)).collect();
        let mut first = [0_u32; 4];
        for n in 0..=255 {
            let drawn = rank(&output(n), &candidates, &BTreeSet::new(), 1);
            first[candidates.iter().position(|c| c.node == drawn[0]).unwrap()] += 1;
        }
        // 256 draws over four: 64 expected, standard deviation 7; five of them either way.
        assert!(first.iter().all(|count| (29..=99).contains(count)), "{first:?}");
    }
}
