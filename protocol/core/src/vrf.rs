//! The verifiable random function that draws the verifiers.
//!
//! ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 (suite 0x03). For one key and one input there is one
//! output: whoever holds the secret can compute it but not choose it, and whoever holds the public
//! key can check it. A *proof* is not unique (its maker is free to pick another nonce), so draw from
//! the [`VrfOutput`], never from the proof's bytes.
//!
//! Arithmetic on the secret takes constant time. Mapping the input to the curve, and verifying, do
//! not: inputs are public here. A VRF key must not also sign, so derive its seed from the identity.

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha512};
use thiserror::Error;

/// What can be wrong with a VRF key or a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VrfError {
    /// The text is not 64 lower-case hexadecimal digits.
    #[error("a VRF public key is 64 lower-case hexadecimal digits")]
    KeyText,
    /// The bytes are no canonical point of the curve, or one of small order.
    #[error("these 32 bytes are no usable VRF public key: ask its holder for the key again")]
    KeyBytes,
    /// The text is not 160 lower-case hexadecimal digits.
    #[error("a VRF proof is 160 lower-case hexadecimal digits")]
    ProofText,
    /// The bytes hold no canonical point, or a response that is not below the group order.
    #[error("these 80 bytes are no well-formed VRF proof: refuse what carries them")]
    ProofBytes,
    /// The proof is well-formed but is not this key's for this input.
    #[error("the VRF proof is not this key's for this input: refuse what rests on it")]
    Mismatch,
}

/// The first byte of everything this suite hashes.
const SUITE: u8 = 0x03;

/// What a hash is for: the byte after [`SUITE`].
#[derive(Clone, Copy)]
#[repr(u8)]
enum Purpose {
    EncodeToCurve = 0x01,
    Challenge = 0x02,
    Output = 0x03,
}

/// The secret half, never printed. Its seed is wiped when dropped; what a proof leaves on the stack is not.
#[derive(Clone)]
pub struct VrfSecret(SigningKey);

impl VrfSecret {
    /// The secret of a 32-byte seed, expanded as RFC 8032 does.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> VrfPublicKey {
        VrfPublicKey(self.0.verifying_key().to_bytes())
    }

    /// Proves this key's output for `input`. The same input gives the same proof.
    #[must_use]
    pub fn prove(&self, input: &[u8]) -> VrfProof {
        // An input fails to map with probability 2^-256. The identity then gives away nothing
        // and makes a proof that verifies nowhere, which spares every caller an error.
        let h = encode_to_curve(&self.public(), input).unwrap_or_default();
        self.prove_with(&h, &self.nonce(&h))
    }

    /// This key's output for `input`: what [`VrfPublicKey::verify`] makes of the proof.
    #[must_use]
    pub fn output(&self, input: &[u8]) -> VrfOutput {
        let h = encode_to_curve(&self.public(), input).unwrap_or_default();
        output_of(&(h * self.0.to_scalar()))
    }

    fn prove_with(&self, h: &EdwardsPoint, nonce: &Scalar) -> VrfProof {
        let secret = self.0.to_scalar();
        let gamma = h * secret;
        let c = challenge(
            &self.public(),
            [h, &gamma, &EdwardsPoint::mul_base(nonce), &(h * nonce)],
        );
        let s = nonce + challenge_scalar(&c) * secret;
        VrfProof::encode(&gamma, &c, &s)
    }

    /// The nonce of RFC 8032: it must depend on `h` and on bytes that nobody else knows.
    fn nonce(&self, h: &EdwardsPoint) -> Scalar {
        let expanded = Sha512::digest(self.0.as_bytes());
        let (_, prefix) = expanded.split_at(32);
        let hash = Sha512::new_with_prefix(prefix).chain_update(h.compress().as_bytes());
        Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
    }
}

impl fmt::Debug for VrfSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VrfSecret({})", self.public())
    }
}

/// A VRF public key: a canonical point, not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VrfPublicKey([u8; 32]);

impl VrfPublicKey {
    /// Checks that `bytes` are a usable key.
    ///
    /// # Errors
    /// [`VrfError::KeyBytes`] where they are no curve point, a second spelling of one, or a point
    /// of small order, for which anybody could prove anything.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, VrfError> {
        match decode_point(&bytes) {
            Some(point) if !point.is_small_order() => Ok(Self(bytes)),
            _ => Err(VrfError::KeyBytes),
        }
    }

    /// The 32 bytes of RFC 9381.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// This key's output for `input`, if `proof` shows it.
    ///
    /// # Errors
    /// [`VrfError::Mismatch`] where the proof is another key's or for another input.
    pub fn verify(&self, input: &[u8], proof: &VrfProof) -> Result<VrfOutput, VrfError> {
        let key = decode_point(&self.0).ok_or(VrfError::KeyBytes)?;
        let (gamma, c, s) = proof.decode().ok_or(VrfError::ProofBytes)?;
        let h = encode_to_curve(self, input).ok_or(VrfError::Mismatch)?;
        let minus_c = -challenge_scalar(&c);
        let u = EdwardsPoint::vartime_double_scalar_mul_basepoint(&minus_c, &key, &s);
        let v = EdwardsPoint::vartime_multiscalar_mul([s, minus_c], [h, gamma]);
        if challenge(self, [&h, &gamma, &u, &v]) != c {
            return Err(VrfError::Mismatch);
        }
        Ok(output_of(&gamma))
    }
}

/// A proof that an output is a key's for an input: gamma (32 bytes), challenge (16), response (32).
///
/// A value of this type is well-formed, which says nothing yet about whether it verifies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VrfProof([u8; 80]);

impl VrfProof {
    /// Checks that `bytes` are well-formed.
    ///
    /// # Errors
    /// [`VrfError::ProofBytes`] where gamma is no canonical point or the response is not below
    /// the group order.
    pub fn from_bytes(bytes: [u8; 80]) -> Result<Self, VrfError> {
        let proof = Self(bytes);
        proof.decode().map(|_| proof).ok_or(VrfError::ProofBytes)
    }

    /// The 80 bytes of RFC 9381.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 80] {
        &self.0
    }

    fn encode(gamma: &EdwardsPoint, c: &[u8; 16], s: &Scalar) -> Self {
        let mut bytes = [0; 80];
        let (head, response) = bytes.split_at_mut(48);
        let (point, challenge) = head.split_at_mut(32);
        point.copy_from_slice(gamma.compress().as_bytes());
        challenge.copy_from_slice(c);
        response.copy_from_slice(s.as_bytes());
        Self(bytes)
    }

    fn decode(&self) -> Option<(EdwardsPoint, [u8; 16], Scalar)> {
        let (gamma, rest) = self.0.split_first_chunk::<32>()?;
        let (c, s) = rest.split_first_chunk::<16>()?;
        let s = Scalar::from_canonical_bytes(s.try_into().ok()?);
        Some((decode_point(gamma)?, *c, Option::from(s)?))
    }
}

/// What the function gives for one key and one input: 64 bytes that nobody could choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VrfOutput([u8; 64]);

impl VrfOutput {
    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

macro_rules! hex_form {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
    ($name:ident, $error:expr) => {
        hex_form!($name);

        impl FromStr for $name {
            type Err = VrfError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::from_bytes(decode_hex(text).ok_or($error)?)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_form!(VrfOutput);
hex_form!(VrfPublicKey, VrfError::KeyText);
hex_form!(VrfProof, VrfError::ProofText);

/// Reads `N` bytes from lower-case hexadecimal, the only spelling accepted.
fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Reads a point as RFC 8032 demands: curve libraries also take a coordinate at or above the field
/// prime, and a sign on zero, which would give one point two spellings.
fn decode_point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let encoded = CompressedEdwardsY(*bytes);
    encoded.decompress().filter(|point| point.compress() == encoded)
}

fn output_of(gamma: &EdwardsPoint) -> VrfOutput {
    let cleared = gamma.mul_by_cofactor().compress();
    VrfOutput(suite_hash(Purpose::Output, &[cleared.as_bytes()]))
}

/// Maps `input` to the prime-order subgroup by trying counters until a hash is a point.
fn encode_to_curve(key: &VrfPublicKey, input: &[u8]) -> Option<EdwardsPoint> {
    (0..=u8::MAX).find_map(|counter| {
        let hash = suite_hash(Purpose::EncodeToCurve, &[&key.0, input, &[counter]]);
        let point = decode_point(hash.first_chunk()?)?.mul_by_cofactor();
        (!point.is_identity()).then_some(point)
    })
}

/// The challenge over the key and the four `points`: H, gamma, U, V.
fn challenge(key: &VrfPublicKey, points: [&EdwardsPoint; 4]) -> [u8; 16] {
    let [h, gamma, u, v] = points.map(|point| point.compress().to_bytes());
    let hash = suite_hash(Purpose::Challenge, &[&key.0, &h, &gamma, &u, &v]);
    let mut c = [0; 16];
    c.copy_from_slice(hash.split_at(16).0);
    c
}

fn challenge_scalar(c: &[u8; 16]) -> Scalar {
    Scalar::from(u128::from_le_bytes(*c))
}

/// Hashes `parts` between the suite's opening bytes for `purpose` and its closing zero.
fn suite_hash(purpose: Purpose, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Sha512::new_with_prefix([SUITE, purpose as u8]);
    for part in parts {
        hasher.update(part);
    }
    hasher.update([0]);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
