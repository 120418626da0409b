//! What a follower pins: a log's name and its Ed25519 key, in C2SP's verifier key form.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_core::PublicKey;
use sha2::{Digest as _, Sha256};

use super::CheckpointError;

/// The note format's number for plain Ed25519 signatures.
const ED25519: u8 = 1;
const MAX_ORIGIN: usize = 255;

/// A log's name: the first line of its checkpoints and the name of its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_ORIGIN || !is_key_name(text) {
            return Err(CheckpointError::Origin(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The note format's rule for names of keys.
pub(super) fn is_key_name(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// A log's name and key. Written `NAME+KEYID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    origin: Origin,
    key: PublicKey,
}

impl VerifierKey {
    /// The key of the log named `origin`.
    #[must_use]
    pub const fn new(origin: Origin, key: PublicKey) -> Self {
        Self { origin, key }
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.key
    }

    /// The four bytes that, with the name, say which key a signature line is of.
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(self.origin.as_str())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        write!(
            f,
            "{}+{:08x}+{}",
            self.origin,
            u32::from_be_bytes(self.key_id()),
            STANDARD.encode(key)
        )
    }
}

impl FromStr for VerifierKey {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || CheckpointError::VerifierKey;
        // The key itself may contain `+`, so the text is cut from the left.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        if key.len() > 44 {
            return Err(wrong());
        }
        let key: [u8; 33] = STANDARD
            .decode(key)
            .ok()
            .and_then(|key| key.try_into().ok())
            .ok_or_else(wrong)?;
        let (_, bytes) = key
            .split_first_chunk::<1>()
            .filter(|(kind, _)| **kind == [ED25519])
            .ok_or_else(wrong)?;
        let bytes = bytes.try_into().map_err(|_| wrong())?;
        let read = Self::new(name.parse()?, PublicKey::from_bytes(bytes).map_err(|_| wrong())?);
        // One spelling only; this also checks the key id.
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier key and its id from the documentation of Go's note package.
    const GO: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_written_by_go_is_read_and_written_back() {
        let key: VerifierKey = GO.parse().unwrap();
        assert_eq!(key.origin().as_str(), "PeterNeumann");
        assert_eq!(key.to_string(), GO);
    }

    #[test]
    fn altered_keys_are_refused() {
        for bad in [
            "",
            "a",
            "a+b",
            "++",
            &GO.replace("c74f", "c74e"),
            &GO.replace("+ARpc", "+AhpC"),
            &GO.replace("Peter", "Pe ter"),
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
        assert!("x".repeat(256).parse::<Origin>().is_err());
    }
}
