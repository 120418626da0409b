//! Numbers and times as people read them.

use quorate_core::text::Timestamp;

/// Three decimals; very large and very small numbers in scientific notation; no negative zero.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 || (size > 0.0 && size < 5e-4) {
        return format!("{value:.2e}");
    }
    // Adding zero turns −0 into 0.
    format!("{:.3}", value + 0.0)
}

/// As [`number`]; a dash for none.
pub(super) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// A signed number; a dash for none.
pub(super) fn signed(value: Option<f64>) -> String {
    match value {
        Some(value) if value > 0.0 => format!("+{}", number(value)),
        other => optional(other),
    }
}

/// An interval in brackets.
pub(super) fn interval(low: f64, high: f64) -> String {
    format!("[{}, {}]", number(low), number(high))
}

/// A moment in UTC, to the second. Signers choose their times, so any number must be readable.
pub(super) fn utc(time: Timestamp) -> String {
    let seconds = time.0 / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The Gregorian date of a day counted from 1970-01-01. Counted in years that begin in March, a
/// leap day is a year's last day and months have lengths that one line gives.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        for (value, expected) in [
            (0.0, "0.000"),
            (-0.0, "0.000"),
            (1.23456, "1.235"),
            (-2.5, "-2.500"),
            (1e300, "1.00e300"),
            (1e-7, "1.00e-7"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(signed(Some(0.25)), "+0.250");
        assert_eq!(signed(None), "–");
    }

    #[test]
    fn moments_are_gregorian() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_798_761_600, "2027-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(Timestamp(seconds * 1000)), expected);
        }
        assert!(utc(Timestamp(u64::MAX)).ends_with("UTC"));
    }
}
