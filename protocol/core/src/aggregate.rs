//! score@k and its bootstrap interval (design §11).
//!
//! score@k is the unbiased mean of the best over all k-subsets of the registered attempts, in closed
//! form Σ s₍ᵢ₎·C(i−1, k−1)/C(n, k) with s ascending; where an environment takes the last score
//! instead of the best, it is the plain mean. A registered attempt without a valid score counts as
//! zero: invalid is no number, and so earns nothing.

use crate::digest::Digest;
use crate::score::count_f64;
use crate::task::Aggregate;

/// score@k of one agent on one environment; `None` where there are fewer than `k` attempts, or `k` is 0.
#[must_use]
pub fn score_at_k(scores: &[f64], k: usize, aggregate: Aggregate) -> Option<f64> {
    let n = scores.len();
    if k == 0 || k > n {
        return None;
    }
    if aggregate == Aggregate::Last {
        return Some(scores.iter().sum::<f64>() / count_f64(n));
    }
    let mut ascending = scores.to_vec();
    ascending.sort_by(f64::total_cmp);
    // The largest is the best of a subset with probability k/n; each next smaller one with the
    // previous one's probability times (i − k + 1)/i, i counting what is left below. No factorial
    // is formed, so nothing overflows.
    let mut weight = count_f64(k) / count_f64(n);
    let mut sum = 0.0;
    for (rank, score) in ascending.iter().enumerate().rev() {
        sum += weight * score;
        if rank == 0 || rank < k {
            break;
        }
        weight *= count_f64(rank + 1 - k) / count_f64(rank);
    }
    Some(sum)
}

/// One environment's attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Normalised scores as shown, zero for attempts without one.
    pub scores: Vec<f64>,
    /// How its runs combine.
    pub aggregate: Aggregate,
}

/// The mean of score@k over environments; `None` where one has fewer than `k` attempts.
#[must_use]
pub fn mean_score_at_k(groups: &[Group], k: usize) -> Option<f64> {
    let scores: Option<Vec<f64>> = groups
        .iter()
        .map(|group| score_at_k(&group.scores, k, group.aggregate))
        .collect();
    scores
        .filter(|s| !s.is_empty())
        .map(|s| s.iter().sum::<f64>() / count_f64(s.len()))
}

/// Replicates of the bootstrap: the paper's order of magnitude, and quick enough for a page.
const REPLICATES: u64 = 1000;

/// The 95 % percentile bootstrap interval of [`mean_score_at_k`]: attempts are drawn with
/// replacement inside each environment. `seed` makes every reader compute the same interval.
#[must_use]
pub fn bootstrap_interval(groups: &[Group], k: usize, seed: Digest) -> Option<(f64, f64)> {
    mean_score_at_k(groups, k)?;
    let mut stream = IndexStream::new(seed);
    let mut means: Vec<f64> = (0..REPLICATES)
        .filter_map(|_| {
            let resampled: Vec<Group> = groups
                .iter()
                .map(|group| Group {
                    scores: (0..group.scores.len())
                        .filter_map(|_| group.scores.get(stream.below(group.scores.len())).copied())
                        .collect(),
                    aggregate: group.aggregate,
                })
                .collect();
            mean_score_at_k(&resampled, k)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let last = means.len().checked_sub(1)?;
    let low = means.get(last * 25 / 1000).copied()?;
    let high = means.get(last - last * 25 / 1000).copied()?;
    Some((low, high))
}

/// Reproducible indices from a seed: BLAKE3's extendable output, the same on every machine.
struct IndexStream(blake3::OutputReader);

impl IndexStream {
    fn new(seed: Digest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("quorate 2026-11 bootstrap v1");
        hasher.update(seed.as_bytes());
        Self(hasher.finalize_xof())
    }

    /// An index below `count`, which is at least 1. The modulo's bias is below 2⁻⁵⁰ for any real count.
    fn below(&mut self, count: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let index = u64::from_le_bytes(bytes) % (count.max(1) as u64);
        usize::try_from(index).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition itself: the mean of the maximum over all k-subsets.
    fn brute_force(scores: &[f64], k: usize) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for subset in 0_u32..(1 << scores.len()) {
            if subset.count_ones() as usize == k {
                let best = (0..scores.len())
                    .filter(|i| subset & (1 << i) != 0)
                    .map(|i| scores[i])
                    .fold(f64::MIN, f64::max);
                sum += best;
                count += 1.0;
            }
        }
        sum / count
    }

    #[test]
    fn small_cases_by_hand() {
        assert_eq!(score_at_k(&[1.0, 0.0], 1, Aggregate::Best), Some(0.5));
        assert_eq!(score_at_k(&[1.0, 0.0], 2, Aggregate::Best), Some(1.0));
        assert_eq!(score_at_k(&[1.0, 0.0], 2, Aggregate::Last), Some(0.5));
        assert_eq!(score_at_k(&[1.0], 2, Aggregate::Best), None);
        assert_eq!(score_at_k(&[1.0], 0, Aggregate::Best), None);
        assert_eq!(mean_score_at_k(&[], 1), None);
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let scores: Vec<f64> = (0..2000).map(f64::from).collect();
        let best = score_at_k(&scores, 1000, Aggregate::Best).unwrap();
        assert!(best.is_finite() && best > 1990.0 && best < 2000.0, "{best}");
    }

    #[test]
    fn interval_holds_the_estimate_and_is_reproducible() {
        let group = Group {
            scores: vec![0.1, 0.9, 0.4, 0.7, 0.2, 0.5],
            aggregate: Aggregate::Best,
        };
        let groups = [group.clone(), group];
        let seed = Digest::of(b"seed");
        let (low, high) = bootstrap_interval(&groups, 2, seed).unwrap();
        let estimate = mean_score_at_k(&groups, 2).unwrap();
        assert!(low < estimate && estimate < high);
        assert_eq!(bootstrap_interval(&groups, 2, seed), Some((low, high)));
    }

    proptest! {
        #[test]
        fn closed_form_is_the_mean_over_all_subsets(
            scores in proptest::collection::vec(0.0_f64..2.0, 1..10),
            k in 1_usize..10,
        ) {
            prop_assume!(k <= scores.len());
            let closed = score_at_k(&scores, k, Aggregate::Best).unwrap();
            prop_assert!((closed - brute_force(&scores, k)).abs() < 1e-9);
        }
    }
}
