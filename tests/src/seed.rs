//! Random moments that can be had again.

use std::thread::sleep;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A seeded source of moments. Its seed is printed; `QUORATE_TEST_SEED` sets it.
#[derive(Debug)]
pub struct Moments(StdRng);

impl Moments {
    /// The source that the environment or chance chooses.
    pub fn new(test: &str) -> Self {
        let seed = std::env::var("QUORATE_TEST_SEED")
            .ok()
            .map_or_else(rand::random, |text| {
                text.parse().expect("QUORATE_TEST_SEED is a number")
            });
        eprintln!("{test}: QUORATE_TEST_SEED={seed}");
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number from `range`.
    pub fn number(&mut self, range: std::ops::RangeInclusive<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// Lets a random part of `most` pass: this is the moment that is chosen, not a wait for anything.
    pub fn pass(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        sleep(Duration::from_micros(self.0.random_range(0..=micros)));
    }
}
