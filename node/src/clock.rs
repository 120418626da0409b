//! The system's clock, read in this one place.

use std::time::{SystemTime, UNIX_EPOCH};

use quorate_core::text::Timestamp;

/// Now. A clock before 1970 reads as 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
