//! What is pinned: a name and an Ed25519 key, in C2SP's verifier key form. One type per use of a key,
//! so that a witness's is never taken for a log's.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_core::{NodeId, PublicKey};
use sha2::{Digest as _, Sha256};

use super::CheckpointError;

/// The note format's number for plain Ed25519 signatures.
const ED25519: u8 = 1;
/// Its number for timestamped Ed25519 cosignatures, see C2SP `tlog-cosignature`.
const COSIGNATURE: u8 = 4;
const MAX_ORIGIN: usize = 255;

/// A name in a note: a log's, which is the first line of its checkpoints, or a witness's.
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

/// A name and a key for signatures of one type. Written `NAME+KEYID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoteKey<const TYPE: u8> {
    name: Origin,
    key: PublicKey,
}

/// A log's name and key: what a follower pins.
pub type VerifierKey = NoteKey<ED25519>;

/// A witness's name and key: what somebody pins who asks for its cosignatures.
pub type WitnessKey = NoteKey<COSIGNATURE>;

impl VerifierKey {
    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.name
    }
}

impl WitnessKey {
    /// A node as a witness: its id is its name, its key the key.
    #[must_use]
    pub fn of(node: NodeId) -> Self {
        // Peer ids are base58 and short, so they are names without a check.
        Self::new(Origin(node.to_string()), *node.key())
    }
}

impl<const TYPE: u8> NoteKey<TYPE> {
    /// The key of who is called `name`.
    #[must_use]
    pub const fn new(name: Origin, key: PublicKey) -> Self {
        Self { name, key }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Origin {
        &self.name
    }

    /// The key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.key
    }

    /// The four bytes that, with the name, say which key a signature line is of.
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(self.name.as_str())
            .chain_update([b'\n', TYPE])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

impl<const TYPE: u8> fmt::Display for NoteKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[TYPE][..], self.key.as_bytes()].concat();
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            u32::from_be_bytes(self.key_id()),
            STANDARD.encode(key)
        )
    }
}

impl<const TYPE: u8> FromStr for NoteKey<TYPE> {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            if TYPE == COSIGNATURE {
                CheckpointError::WitnessKey
            } else {
                CheckpointError::VerifierKey
            }
        };
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
            .filter(|(kind, _)| **kind == [TYPE])
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
    use quorate_core::Keypair;

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

    #[test]
    fn a_node_s_witness_key_reads_back_and_is_no_log_s_key() {
        let node = Keypair::from_secret([9; 32]).node_id();
        let key = WitnessKey::of(node);
        let text = key.to_string();
        assert!(text.starts_with("12D3Koo"), "{text}");
        assert_eq!(text.parse(), Ok(key.clone()));
        assert_eq!(text.parse::<VerifierKey>(), Err(CheckpointError::VerifierKey));
        let log = VerifierKey::new(key.name().clone(), *key.public());
        assert_ne!(log.key_id(), key.key_id(), "one key, two uses");
        assert_eq!(
            log.to_string().parse::<WitnessKey>(),
            Err(CheckpointError::WitnessKey)
        );
    }
}
