//! A token bucket with the time handed in.
//!
//! It allows a burst and then a steady rate, and says how long to wait when it is empty. A clock
//! that runs backwards adds nothing and takes nothing.

use std::time::{Duration, Instant};

/// How much is allowed: `burst` at once, then `per_second` for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The size of the bucket.
    pub burst: u32,
    /// How fast it fills again.
    pub per_second: f64,
}

/// One bucket.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    rate: Rate,
    tokens: f64,
    updated: Instant,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.burst),
            updated: now,
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// Where there is none: how long until there is.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.tokens) / self.rate.per_second).unwrap_or(Duration::MAX))
    }

    /// Whether nothing has been taken that has not been refilled by `now`.
    #[must_use]
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= f64::from(self.rate.burst)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.updated);
        self.updated = self.updated.max(now);
        self.tokens =
            (self.tokens + passed.as_secs_f64() * self.rate.per_second).min(f64::from(self.rate.burst));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        per_second: 2.0,
    };

    #[test]
    fn a_burst_then_the_steady_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        assert_eq!((0..5).filter(|_| bucket.take(start).is_ok()).count(), 3);

        let second = start + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| bucket.take(second).is_ok()).count(), 2);
    }

    #[test]
    fn an_empty_bucket_says_how_long_to_wait() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        while bucket.take(start).is_ok() {}
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(bucket.take(start + wait).is_ok());
    }

    #[test]
    fn it_never_holds_more_than_the_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        let year = start + Duration::from_secs(31_536_000);
        assert!(bucket.is_full(year));
        assert_eq!((0..9).filter(|_| bucket.take(year).is_ok()).count(), 3);
    }

    #[test]
    fn a_clock_that_runs_backwards_changes_nothing() {
        let start = Instant::now() + Duration::from_secs(100);
        let mut bucket = TokenBucket::new(RATE, start);
        while bucket.take(start).is_ok() {}
        assert!(bucket.take(start - Duration::from_secs(50)).is_err());
        assert!(
            bucket.take(start).is_err(),
            "going back and forth must not refill"
        );
    }

    #[test]
    fn a_rate_of_zero_never_refills() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(
            Rate {
                burst: 0,
                per_second: 0.0,
            },
            start,
        );
        assert_eq!(bucket.take(start), Err(Duration::MAX));
    }
}
