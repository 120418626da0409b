//! DSSE envelopes: the signed bytes are the stored bytes.
//!
//! An envelope is the JSON form of the Dead Simple Signing Envelope, protocol version 1: payload
//! type, payload, and Ed25519 signatures over the pre-authentication encoding of both
//! (<https://github.com/secure-systems-lab/dsse>). Nothing is ever re-serialised to verify: what was
//! received is what is hashed, stored and checked. Decoding refuses an input before it allocates
//! for it: its size first, its nesting next, and only then JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::{Digest, RecordId};
use crate::identity::{Keypair, PublicKey};

/// The most bytes an envelope may have, so that it fits a ledger entry (design §5).
pub const MAX_ENVELOPE_BYTES: usize = 64 * 1024 - 1;

/// The deepest nesting of a payload. The deepest record today has six levels.
pub const MAX_DEPTH: usize = 16;

/// The most signatures on one envelope: an enrollment carries two.
pub const MAX_SIGNATURES: usize = 4;

/// Why an envelope was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// More bytes than a ledger entry holds.
    #[error("the record has {bytes} bytes; at most {MAX_ENVELOPE_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Brackets nested beyond [`MAX_DEPTH`].
    #[error("the record nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not the JSON that DSSE asks for.
    #[error("the record is no DSSE envelope")]
    Json(#[from] serde_json::Error),
    /// Payload or signature is no base64, or a signature no 64 bytes.
    #[error("the record's {0} is not what DSSE asks for")]
    Field(&'static str),
    /// No signature, too many, or two by one key.
    #[error("the record has {0} signatures; 1 to {MAX_SIGNATURES}, each by another key, are allowed")]
    SignatureCount(usize),
    /// A signature that does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(PublicKey),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    payload_type: String,
    payload: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: PublicKey,
    sig: String,
}

/// An envelope whose every signature was verified. There is no other way to hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    bytes: Vec<u8>,
    payload_type: String,
    payload: Vec<u8>,
    signers: Vec<PublicKey>,
}

impl Envelope {
    /// Signs `payload` with every one of `keys` (one to [`MAX_SIGNATURES`], all different).
    ///
    /// # Errors
    /// Where the result would be refused by [`Envelope::decode`].
    pub fn sign(payload_type: &str, payload: &[u8], keys: &[&Keypair]) -> Result<Self, EnvelopeError> {
        let message = pre_authentication_encoding(payload_type, payload);
        let wire = Wire {
            payload_type: payload_type.to_owned(),
            payload: BASE64.encode(payload),
            signatures: keys
                .iter()
                .map(|key| WireSignature {
                    keyid: key.public(),
                    sig: BASE64.encode(key.sign(&message)),
                })
                .collect(),
        };
        Self::decode(&serde_json::to_vec(&wire)?)
    }

    /// Reads and verifies an envelope.
    ///
    /// # Errors
    /// Any [`EnvelopeError`]; nothing is allocated for input beyond the bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge { bytes: bytes.len() });
        }
        check_depth(bytes)?;
        let wire: Wire = serde_json::from_slice(bytes)?;
        let payload = BASE64
            .decode(&wire.payload)
            .map_err(|_| EnvelopeError::Field("payload"))?;
        check_depth(&payload)?;
        let message = pre_authentication_encoding(&wire.payload_type, &payload);
        let signers = verify_all(&wire.signatures, &message)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            payload_type: wire.payload_type,
            payload,
            signers,
        })
    }

    /// The envelope as it is stored and sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the payload is: a media type.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The keys whose signatures were verified, each once.
    #[must_use]
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// The id of the record this envelope carries.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId(Digest::of(&self.bytes))
    }
}

fn verify_all(signatures: &[WireSignature], message: &[u8]) -> Result<Vec<PublicKey>, EnvelopeError> {
    let count = signatures.len();
    let mut signers: Vec<PublicKey> = signatures.iter().map(|s| s.keyid).collect();
    signers.sort_unstable();
    signers.dedup();
    if count == 0 || count > MAX_SIGNATURES || signers.len() != count {
        return Err(EnvelopeError::SignatureCount(count));
    }
    for signature in signatures {
        let sig: [u8; 64] = BASE64
            .decode(&signature.sig)
            .ok()
            .and_then(|sig| sig.try_into().ok())
            .ok_or(EnvelopeError::Field("signature"))?;
        if !signature.keyid.verify(message, &sig) {
            return Err(EnvelopeError::BadSignature(signature.keyid));
        }
    }
    Ok(signatures.iter().map(|s| s.keyid).collect())
}

/// DSSE's PAE: `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in ASCII decimal.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

/// Bounds the nesting of JSON text by counting brackets outside strings, before any parser sees it.
fn check_depth(json: &[u8]) -> Result<(), EnvelopeError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(EnvelopeError::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: u8) -> Keypair {
        Keypair::from_secret([n; 32])
    }

    #[test]
    fn pae_matches_the_dsse_protocol_example() {
        let pae = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(pae, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn two_signatures_verify_and_the_bytes_stay_as_they_were() {
        let envelope = Envelope::sign("t", b"{\"a\":1}", &[&key(1), &key(2)]).unwrap();
        let again = Envelope::decode(envelope.bytes()).unwrap();
        assert_eq!(again, envelope);
        assert_eq!(again.signers(), [key(1).public(), key(2).public()]);
        assert_eq!(again.payload(), b"{\"a\":1}");
    }

    #[test]
    fn a_key_signs_once_and_somebody_must_sign() {
        assert!(matches!(
            Envelope::sign("t", b"{}", &[&key(1), &key(1)]),
            Err(EnvelopeError::SignatureCount(2))
        ));
        assert!(matches!(
            Envelope::sign("t", b"{}", &[]),
            Err(EnvelopeError::SignatureCount(0))
        ));
    }

    #[test]
    fn a_changed_payload_or_type_is_refused() {
        let envelope = Envelope::sign("type-a", b"{\"a\":1}", &[&key(1)]).unwrap();
        let text = String::from_utf8(envelope.bytes().to_vec()).unwrap();
        for changed in [
            text.replace("type-a", "type-b"),
            text.replace(&BASE64.encode(b"{\"a\":1}"), &BASE64.encode(b"{\"a\":2}")),
        ] {
            assert!(matches!(
                Envelope::decode(changed.as_bytes()),
                Err(EnvelopeError::BadSignature(_))
            ));
        }
    }

    #[test]
    fn size_and_depth_are_bounded_first() {
        let large = vec![b'['; MAX_ENVELOPE_BYTES + 1];
        assert!(matches!(
            Envelope::decode(&large),
            Err(EnvelopeError::TooLarge { .. })
        ));
        let deep = vec![b'['; 1000];
        assert!(matches!(Envelope::decode(&deep), Err(EnvelopeError::TooDeep)));
        let hidden = Envelope::sign("t", &[b'['; 1000], &[&key(1)]);
        assert!(matches!(hidden, Err(EnvelopeError::TooDeep)));
        assert!(
            check_depth(br#"{"a":"[[[[[[[[[[[[[[[[[[[[\"["}"#).is_ok(),
            "brackets in strings do not nest"
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Envelope::decode(&bytes);
        }

        #[test]
        fn any_flipped_bit_is_refused_or_leaves_the_content(position in 0_usize..250, bit in 0_u8..8) {
            let envelope = Envelope::sign("t", b"{\"score\":0.75}", &[&key(3)]).unwrap();
            let mut bytes = envelope.bytes().to_vec();
            let position = position % bytes.len();
            bytes[position] ^= 1 << bit;
            // Base64's last character has spare bits and JSON has spare white space, so an altered
            // envelope may still say the same; it must never say something else.
            if let Ok(altered) = Envelope::decode(&bytes) {
                prop_assert_eq!(altered.payload(), envelope.payload());
                prop_assert_eq!(altered.payload_type(), envelope.payload_type());
                prop_assert_eq!(altered.signers(), envelope.signers());
            }
        }
    }
}
