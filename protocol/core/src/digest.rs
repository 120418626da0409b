//! BLAKE3 digests and the content-addressed ids built on them.
//!
//! A digest is written as 64 lower-case hexadecimal digits everywhere: on the wire, in file names
//! and on screen. The id types are distinct so that an artifact's id cannot be passed for a record's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that is no 32-byte digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a digest is 64 lower-case hexadecimal digits, after `sha256:` where it is an OCI manifest's, not `{text}`"
)]
pub struct DigestError {
    text: String,
}

/// A 32-byte BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of several parts under a `context` that separates its uses (BLAKE3 `derive_key`).
    ///
    /// Each part is preceded by its length, so no two lists of parts share an input.
    #[must_use]
    pub fn derive(context: &'static str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Wraps bytes that are a digest already.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight digits: enough for a person to tell two apart on one screen.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode_hex32(text).map(Self).ok_or_else(|| DigestError {
            text: text.chars().take(80).collect(),
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads 32 bytes from lower-case hexadecimal, the only spelling accepted.
pub(crate) fn decode_hex32(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl $name {
            /// The first eight digits, for a person's eye.
            #[must_use]
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

digest_id!(
    /// An artifact: the digest of its manifest's bytes.
    ArtifactId
);
digest_id!(
    /// A task bundle: the id of the artifact that carries its files.
    BundleId
);
digest_id!(
    /// An agent: the id of the artifact that carries its files.
    AgentId
);
digest_id!(
    /// A record: the digest of its envelope's bytes as they stand in the log.
    RecordId
);
digest_id!(
    /// An attempt: the id of the lease that registered it.
    AttemptId
);
digest_id!(
    /// A campaign: the id of the record that published it.
    CampaignId
);

/// An OCI image's manifest, by its SHA-256 as OCI writes it: `sha256:` and 64 lower-case digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestDigest([u8; 32]);

const SHA256: &str = "sha256:";

impl fmt::Display for ManifestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SHA256}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for ManifestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestDigest({self})")
    }
}

impl FromStr for ManifestDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(SHA256).and_then(decode_hex32);
        digits.map(Self).ok_or_else(|| DigestError {
            text: text.chars().take(80).collect(),
        })
    }
}

impl Serialize for ManifestDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ManifestDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_is_strict() {
        let digest = Digest::of(b"quorate");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("abc".parse::<Digest>().is_err());
        assert!("g".repeat(64).parse::<Digest>().is_err());
    }

    #[test]
    fn a_manifest_digest_names_its_hash() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<ManifestDigest>().unwrap().to_string(), text);
        for bad in [
            &text[7..],
            &text.to_uppercase(),
            &text[..70],
            "sha256:",
            "sha512:00",
        ] {
            assert!(bad.parse::<ManifestDigest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn derive_separates_parts_and_contexts() {
        let joined = Digest::derive("test a", &[b"ab", b"c"]);
        assert_ne!(joined, Digest::derive("test a", &[b"a", b"bc"]));
        assert_ne!(joined, Digest::derive("test b", &[b"ab", b"c"]));
    }
}
