//! Ed25519 identities of nodes, operators and coordinators.
//!
//! A node's key is its libp2p identity, so a [`NodeId`] prints as a libp2p peer id. Operators and
//! coordinators print their key as hexadecimal. Signatures are checked with `verify_strict`, which
//! refuses the malleable forms that RFC 8032 leaves open.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::digest::decode_hex32;

/// What can be wrong with a key or an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The text is not 64 lower-case hexadecimal digits.
    #[error("a public key is 64 lower-case hexadecimal digits")]
    KeyText,
    /// The bytes are no point of the curve, or one of small order.
    #[error("these 32 bytes are no usable Ed25519 public key")]
    KeyBytes,
    /// The text is no libp2p peer id of an Ed25519 key.
    #[error("`{0}` is no node id: it must be the peer id of an Ed25519 key (12D3Koo…)")]
    NodeText(String),
    /// The private key file is not PKCS#8 PEM.
    #[error("the private key is not an Ed25519 key in PKCS#8 PEM form")]
    PrivateKey,
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Checks that `bytes` are a usable key.
    ///
    /// # Errors
    /// [`IdentityError::KeyBytes`] where they are no curve point, or a weak one.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, IdentityError> {
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| IdentityError::KeyBytes)?;
        if key.is_weak() {
            return Err(IdentityError::KeyBytes);
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` over `message` is this key's.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(decode_hex32(text).ok_or(IdentityError::KeyText)?)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A node: its public key, printed as a libp2p peer id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(PublicKey);

/// An identity multihash over libp2p's protobuf form of an Ed25519 key: everything before the key.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl NodeId {
    /// The node that holds `key`.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// The node's public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }

    /// The bytes of the libp2p peer id.
    #[must_use]
    pub fn peer_id_bytes(&self) -> Vec<u8> {
        [&PEER_ID_PREFIX[..], self.0.as_bytes()].concat()
    }

    /// Reads the bytes of a libp2p peer id.
    ///
    /// # Errors
    /// Where they are not an inlined Ed25519 key.
    pub fn from_peer_id_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let key: [u8; 32] = bytes
            .strip_prefix(&PEER_ID_PREFIX)
            .and_then(|key| key.try_into().ok())
            .ok_or_else(|| IdentityError::NodeText(hex::encode(bytes)))?;
        PublicKey::from_bytes(key).map(Self)
    }

    /// The last eight characters of the peer id: peer ids share their beginning, not their end.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.to_string();
        text.chars().skip(text.len().saturating_sub(8)).collect()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.peer_id_bytes()).into_string())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || IdentityError::NodeText(text.chars().take(80).collect());
        let mut bytes = [0; 38];
        let length = bs58::decode(text).onto(&mut bytes[..]).map_err(|_| wrong())?;
        Self::from_peer_id_bytes(bytes.get(..length).ok_or_else(wrong)?).map_err(|_| wrong())
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A private key and its public half. The private half is wiped when dropped and never printed.
#[derive(Clone)]
pub struct Keypair(SigningKey);

impl Keypair {
    /// The key pair of a 32-byte secret.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&secret))
    }

    /// A fresh key from `random` bytes, which must come from the system's generator.
    #[must_use]
    pub fn generate(rng: &mut impl rand::CryptoRng) -> Self {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Self::from_secret(secret)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The node this key makes.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(self.public())
    }

    /// The 32-byte secret, for handing the identity to libp2p and for deriving the VRF key.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// An Ed25519 signature over `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The key as a PKCS#8 PEM text, as it rests on disk.
    ///
    /// # Errors
    /// Where the encoder fails, which it does not for a valid key.
    pub fn to_pem(&self) -> Result<String, IdentityError> {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(|_| IdentityError::PrivateKey)
    }

    /// Reads a PKCS#8 PEM text.
    ///
    /// # Errors
    /// [`IdentityError::PrivateKey`] where it is none.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|_| IdentityError::PrivateKey)
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_id_is_the_libp2p_peer_id() {
        let node = Keypair::from_secret([7; 32]).node_id();
        assert!(node.to_string().starts_with("12D3Koo"));
        assert_eq!(node.to_string().parse::<NodeId>(), Ok(node));
        assert_eq!(NodeId::from_peer_id_bytes(&node.peer_id_bytes()), Ok(node));
    }

    #[test]
    fn garbled_ids_are_refused() {
        assert!("12D3Koo".parse::<NodeId>().is_err());
        assert!("".parse::<NodeId>().is_err());
        assert!("1".repeat(10_000).parse::<NodeId>().is_err());
        assert!("00".repeat(32).parse::<PublicKey>().is_err(), "small order");
    }

    #[test]
    fn pem_round_trips_and_debug_hides_the_secret() {
        let key = Keypair::from_secret([9; 32]);
        let pem = key.to_pem().unwrap();
        assert_eq!(Keypair::from_pem(&pem).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(&hex::encode([9; 32])));
        assert!(Keypair::from_pem("nonsense").is_err());
    }

    #[test]
    fn signatures_bind_key_and_message() {
        let key = Keypair::from_secret([1; 32]);
        let signature = key.sign(b"m");
        assert!(key.public().verify(b"m", &signature));
        assert!(!key.public().verify(b"n", &signature));
        assert!(!Keypair::from_secret([2; 32]).public().verify(b"m", &signature));
    }
}
