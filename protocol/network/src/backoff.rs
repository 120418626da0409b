//! When to try again: doubling pauses with jitter.
//!
//! Pure arithmetic; the caller brings the random source. A pause never exceeds the maximum and is
//! never shorter than half of what it would be without jitter, so that a thousand nodes that lose
//! one coordinator at the same moment come back spread out, but come back.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The first pause and the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure, before jitter.
    pub first: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row (the first failure is 1).
    pub fn pause(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let whole = self.ceiling(failures);
        let half = whole / 2;
        half + half.mul_f64(rng.random::<f64>())
    }

    /// The pause without jitter.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1_u32 << doublings).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        max: Duration::from_secs(60),
    };

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let seconds: Vec<u64> = (0..9).map(|n| BACKOFF.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BACKOFF.ceiling(u32::MAX), BACKOFF.max);
    }

    #[test]
    fn jitter_stays_in_the_upper_half_and_varies() {
        let mut rng = StdRng::seed_from_u64(7);
        let pauses: Vec<Duration> = (0..100).map(|_| BACKOFF.pause(5, &mut rng)).collect();
        let (low, high) = (Duration::from_secs(8), Duration::from_secs(16));
        assert!(pauses.iter().all(|p| (low..=high).contains(p)), "{pauses:?}");
        assert!(pauses.iter().max() > pauses.iter().min());
    }
}
