//! Waiting on conditions.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far longer than anything takes on a loaded machine, so that only a hang exceeds it.
pub const PATIENCE: Duration = Duration::from_secs(120);

const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Looks until `look` finds something.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long: {what}");
        sleep(LOOK_EVERY);
    }
}
