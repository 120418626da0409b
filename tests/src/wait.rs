//! Waiting on conditions.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far longer than anything takes on a loaded machine, so that only a hang exceeds it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What moves without end is no progress either.
pub const LONGEST: Duration = Duration::from_secs(600);

const LOOK_EVERY: Duration = Duration::from_millis(15);

/// What a look showed.
#[derive(Debug)]
pub enum Look<T> {
    /// It is there.
    Found(T),
    /// Not yet there, but things are moving: patience starts again.
    Moving,
    /// Not yet there, and nothing changed since the last look.
    Still,
}

/// Looks until `look` finds something.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    until_still(what, || look().map_or(Look::Still, Look::Found))
}

/// Looks until `look` finds something, for as long as something moves.
///
/// # Panics
/// After [`PATIENCE`] in which nothing moved or [`LONGEST`] in all, naming `what` was waited for.
pub fn until_still<T>(what: &str, mut look: impl FnMut() -> Look<T>) -> T {
    let began = Instant::now();
    let mut moved = began;
    loop {
        match look() {
            Look::Found(found) => return found,
            Look::Moving => moved = Instant::now(),
            Look::Still => assert!(moved.elapsed() < PATIENCE, "nothing moves any more: {what}"),
        }
        assert!(began.elapsed() < LONGEST, "waited too long: {what}");
        sleep(LOOK_EVERY);
    }
}
