//! Signed checkpoints: C2SP `tlog-checkpoint` texts in C2SP `signed-note` envelopes.
//!
//! A [`SignedCheckpoint`] keeps the bytes it was read from; nothing is written anew to be verified.
//! Signature lines of unknown keys are kept and ignored, which is where witnesses' cosignatures go.

use quorate_core::Keypair;
use thiserror::Error;

use crate::tree::TreeHash;

mod cosignature;
mod key;
mod note;

pub(crate) use cosignature::cosign;
pub use cosignature::{Cosignature, MAX_CLOCK_LEAD};
pub use key::{NoteKey, Origin, VerifierKey, WitnessKey};
pub use note::SignatureLine;

/// The most bytes of a signed checkpoint: sixteen post-quantum signatures fit.
pub const MAX_CHECKPOINT: usize = 128 << 10;
/// The most signature lines; the specification asks for at least sixteen.
pub const MAX_SIGNATURES: usize = 64;

/// What can be wrong with a checkpoint or with the key it is checked with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is larger than any honest one.
    #[error("a checkpoint of {size} bytes is refused: at most {MAX_CHECKPOINT} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// It breaks the note format.
    #[error("this is no signed note: {0}")]
    Note(&'static str),
    /// It is a note, but its text is no checkpoint.
    #[error("this is no checkpoint: {0}")]
    Text(&'static str),
    /// It is about another log.
    #[error("this checkpoint is of the log `{found}`, not of `{expected}`")]
    OtherLog {
        /// The log's origin it names.
        found: String,
        /// The origin that was asked for.
        expected: String,
    },
    /// No line carries the pinned key's name and id.
    #[error("this checkpoint is not signed by `{0}`: if the coordinator changed its key, pin the new one")]
    Unsigned(String),
    /// The line of the pinned key does not verify.
    #[error("the signature of `{0}` on this checkpoint is false: whoever sent it altered it")]
    BadSignature(String),
    /// The text is no name for a log.
    #[error("`{0}` cannot name a log: 1 to 255 bytes without spaces, control characters or `+`")]
    Origin(String),
    /// The text is no verifier key.
    #[error("this is no verifier key: it must read NAME+8 hexadecimal digits+base64, of type Ed25519")]
    VerifierKey,
    /// The text is no witness's key.
    #[error(
        "this is no witness's key: it must read NAME+8 hexadecimal digits+base64, of type 4, Ed25519 cosignature"
    )]
    WitnessKey,
    /// A cosignature is dated after the reader's time.
    #[error("`{witness}` cosigned this checkpoint {seconds} s from now: set its clock or this machine's")]
    FromTheFuture {
        /// The witness's name.
        witness: String,
        /// By how much, in seconds.
        seconds: u64,
    },
}

/// The head of a log: how many entries it has and what they hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// The root of their tree.
    pub root: TreeHash,
    /// Further lines, not interpreted here.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs the text with the log's own key, under the log's name.
    ///
    /// # Errors
    /// [`CheckpointError`] where an extension line would not be read back.
    pub fn sign(&self, key: &Keypair) -> Result<SignedCheckpoint, CheckpointError> {
        let text = self.text();
        let verifier = VerifierKey::new(self.origin.clone(), key.public());
        let line = SignatureLine {
            name: self.origin.to_string(),
            key_id: verifier.key_id(),
            signature: key.sign(text.as_bytes()).to_vec(),
        };
        SignedCheckpoint::parse(format!("{text}\n{line}").as_bytes())
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split_terminator('\n');
        let mut next = |missing| lines.next().ok_or(CheckpointError::Text(missing));
        let origin: Origin = next("the origin is missing")?.parse()?;
        let size = parse_size(next("the size is missing")?)?;
        let root = next("the root is missing")?
            .parse()
            .map_err(|_| CheckpointError::Text("the root is not 32 bytes in base64"))?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Text("an extension line is empty"));
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }
}

/// Decimal digits, no sign and no leading zero: one spelling for one number.
pub(crate) fn parse_size(text: &str) -> Result<u64, CheckpointError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let size = if plain { text.parse().ok() } else { None };
    size.ok_or(CheckpointError::Text(
        "the size is not a plain decimal number below 2^64",
    ))
}

/// A checkpoint with its signature lines. Not trusted before [`SignedCheckpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    signatures: Vec<SignatureLine>,
    bytes: Vec<u8>,
    signed: usize,
}

impl SignedCheckpoint {
    /// Reads a checkpoint and checks its form, not its signatures.
    ///
    /// # Errors
    /// [`CheckpointError`] says which rule of the format is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.len() > MAX_CHECKPOINT {
            return Err(CheckpointError::TooLarge { size: bytes.len() });
        }
        let (text, signatures) = note::parse(bytes)?;
        Ok(Self {
            checkpoint: Checkpoint::parse(text)?,
            signatures,
            bytes: bytes.to_vec(),
            signed: text.len(),
        })
    }

    /// Reads a checkpoint and checks that `key` signed it.
    ///
    /// # Errors
    /// As [`SignedCheckpoint::parse`] and [`SignedCheckpoint::verify`].
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let signed = Self::parse(bytes)?;
        signed.verify(key)?;
        Ok(signed)
    }

    /// Checks that this checkpoint is about the log that `key` names, and that `key` signed it.
    ///
    /// # Errors
    /// [`CheckpointError::OtherLog`], [`CheckpointError::Unsigned`] or [`CheckpointError::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        let name = || key.origin().to_string();
        if self.checkpoint.origin != *key.origin() {
            return Err(CheckpointError::OtherLog {
                found: self.checkpoint.origin.to_string(),
                expected: name(),
            });
        }
        let mut lines = self.signatures.iter().filter(|line| line.is_of(key)).peekable();
        if lines.peek().is_none() {
            return Err(CheckpointError::Unsigned(name()));
        }
        let good = lines.all(|line| {
            let signature = line.signature.as_slice().try_into();
            signature.is_ok_and(|signature| key.public().verify(self.signed_text(), signature))
        });
        if good {
            Ok(())
        } else {
            Err(CheckpointError::BadSignature(name()))
        }
    }

    /// What the signatures are about.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How many entries the log had.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root of their tree.
    #[must_use]
    pub const fn root(&self) -> &TreeHash {
        &self.checkpoint.root
    }

    /// The bytes as they were read.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text that every signature line signs: what a witness cosigns.
    #[must_use]
    pub fn signed_text(&self) -> &[u8] {
        self.bytes.get(..self.signed).unwrap_or_default()
    }

    /// All signature lines, also those of unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The same checkpoint with one more signature line.
    ///
    /// # Errors
    /// [`CheckpointError`] where the line is malformed or one too many.
    pub fn with_signature(&self, line: &SignatureLine) -> Result<Self, CheckpointError> {
        Self::parse(&[&self.bytes, line.to_string().as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed(extensions: &[&str]) -> (SignedCheckpoint, VerifierKey) {
        let key = Keypair::from_secret([3; 32]);
        let origin: Origin = "example.org/quorate".parse().unwrap();
        let checkpoint = Checkpoint {
            origin: origin.clone(),
            size: 42,
            root: TreeHash::leaf(b"x"),
            extensions: extensions.iter().map(|&line| line.to_owned()).collect(),
        };
        (
            checkpoint.sign(&key).unwrap(),
            VerifierKey::new(origin, key.public()),
        )
    }

    #[test]
    fn a_signed_checkpoint_reads_back_and_verifies() {
        for extensions in [&[][..], &["one", "two words"]] {
            let (signed, key) = signed(extensions);
            let read = SignedCheckpoint::open(signed.as_bytes(), &key).unwrap();
            assert_eq!(read, signed);
            assert_eq!(read.checkpoint().extensions, extensions);
        }
    }

    #[test]
    fn the_published_example_parses() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let read = SignedCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(read.size(), 20_852_163);
        assert_eq!(read.signatures()[0].key_id, [0x03, 0x3d, 0xe0, 0xae]);
    }

    #[test]
    fn unknown_signature_lines_are_kept_and_ignored() {
        let (signed, key) = signed(&[]);
        let witness = SignatureLine {
            name: "w.example".into(),
            key_id: [1, 2, 3, 4],
            signature: vec![9; 72],
        };
        let both = signed.with_signature(&witness).unwrap();
        both.verify(&key).unwrap();
        assert_eq!(both.signatures()[1], witness);
        let alone = [signed.signed_text(), b"\n", witness.to_string().as_bytes()].concat();
        let alone = SignedCheckpoint::parse(&alone).unwrap();
        assert!(matches!(alone.verify(&key), Err(CheckpointError::Unsigned(_))));
        let other = VerifierKey::new(key.origin().clone(), Keypair::from_secret([4; 32]).public());
        assert!(matches!(signed.verify(&other), Err(CheckpointError::Unsigned(_))));
    }

    #[test]
    fn a_second_false_line_of_the_known_key_spoils_the_note() {
        let (signed, key) = signed(&[]);
        let mut line = signed.signatures()[0].clone();
        line.signature[5] ^= 1;
        let spoilt = signed.with_signature(&line).unwrap();
        assert!(matches!(
            spoilt.verify(&key),
            Err(CheckpointError::BadSignature(_))
        ));
    }

    #[test]
    fn sloppy_spellings_are_refused() {
        let (signed, _) = signed(&[]);
        let text = String::from_utf8(signed.as_bytes().to_vec()).unwrap();
        let replaced = [
            text.replacen("\n42\n", "\n042\n", 1),
            text.replacen("\n42\n", "\n+42\n", 1),
            text.replacen("\n42\n", "\n18446744073709551616\n", 1),
            text.replacen("\n42\n", "\n\n42\n", 1),
            text.replacen("example", "exam ple", 1),
            text.replacen("=\n\n", "=\nline\r\n\n", 1),
            text.replace("— ", "- "),
            text.trim_end().to_owned(),
            text.split_once("\n\n").unwrap().0.to_owned() + "\n\n",
            text.clone() + text.lines().last().unwrap(),
            text.clone() + &(text.lines().last().unwrap().to_owned() + "\n").repeat(MAX_SIGNATURES),
            text.clone() + &"x".repeat(MAX_CHECKPOINT),
        ];
        for (case, bad) in replaced.iter().enumerate() {
            assert!(SignedCheckpoint::parse(bad.as_bytes()).is_err(), "case {case}");
        }
    }

    proptest! {
        #[test]
        fn no_flipped_bit_is_accepted(byte in 0_usize..10_000, bit in 0..8_u32) {
            let (signed, key) = signed(&["extension"]);
            let mut bytes = signed.as_bytes().to_vec();
            let at = byte % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(SignedCheckpoint::open(&bytes, &key).is_err());
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(SignedCheckpoint::parse(&bytes).is_err());
        }

        #[test]
        fn almost_checkpoints_never_panic(text in "[a-z/]{0,9}\n?[0-9]{0,22}\n?[A-Za-z0-9+/=]{0,50}\n{0,3}(— [a-z]{0,3} [A-Za-z0-9=]{0,30}\n){0,3}") {
            if let Ok(read) = SignedCheckpoint::parse(text.as_bytes()) {
                prop_assert_eq!(read.as_bytes(), text.as_bytes());
                let text = read.checkpoint().text();
                prop_assert_eq!(text.as_bytes(), read.signed_text());
            }
        }
    }
}
