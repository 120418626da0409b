//! Bounded texts and times: the small values that records are made of.
//!
//! Whatever a stranger may fill with text is bounded and free of control characters, so that a
//! record can be printed on a terminal or a page as it is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that breaks its type's rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{rule}")]
pub struct TextError {
    rule: &'static str,
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// Where it breaks the rule, which the error states.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(TextError { rule: $rule }) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

bounded_text!(
    /// The name of an environment, agent, campaign or operator: also a safe file name.
    Name,
    "a name is 1 to 64 characters of a-z, 0-9, `.` and `-`, and starts with a letter or digit",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
);
bounded_text!(
    /// A line for people: why something failed, what a task is about.
    Note,
    "a note is at most 500 bytes without control characters",
    |text| text.len() <= 500 && !text.chars().any(char::is_control)
);
bounded_text!(
    /// A log's origin: the first line of its checkpoints (C2SP tlog-checkpoint).
    Origin,
    "an origin is 1 to 128 printable ASCII characters without spaces or `+`",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
);

impl Note {
    /// Makes a note of any text: control characters become spaces, what is too long is cut.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        let mut note = String::new();
        for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
            if note.len() + c.len_utf8() > 500 {
                break;
            }
            note.push(c);
        }
        Self(note)
    }
}

/// Milliseconds since 1970-01-01 UTC, by the clock of whoever signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The random bytes that keep a sealed score from being guessed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(#[serde(with = "hex::serde")] pub [u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_file_names() {
        assert!(Name::new("optimize-kernel").is_ok());
        for bad in [
            "",
            ".hidden",
            "../up",
            "a/b",
            "Upper",
            "white space",
            &"a".repeat(65),
        ] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn notes_carry_no_terminal_escapes_and_are_cut_between_characters() {
        assert!(Note::new("a\u{1b}[31m").is_err());
        let long = Note::lossy(&format!("a\nb{}", "ü".repeat(400)));
        assert!(long.as_str().starts_with("a b"));
        assert!(Note::new(long.as_str()).is_ok());
    }
}
