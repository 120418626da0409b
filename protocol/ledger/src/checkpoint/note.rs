//! The C2SP `signed-note` envelope: a text, an empty line, signature lines.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::is_key_name;
use super::{CheckpointError, MAX_SIGNATURES, NoteKey};

const MARK: &str = "\u{2014} ";

/// One line of a note: `— NAME BASE64(KEYID ‖ SIGNATURE)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// The key's name.
    pub name: String,
    /// The key's four-byte id.
    pub key_id: [u8; 4],
    /// The signature, of whatever algorithm the key is for.
    pub signature: Vec<u8>,
}

impl SignatureLine {
    /// Whether this line claims to be `key`'s.
    pub(super) fn is_of<const TYPE: u8>(&self, key: &NoteKey<TYPE>) -> bool {
        self.name == key.name().as_str() && self.key_id == key.key_id()
    }

    /// Reads one line without its newline.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] says which rule of the format it breaks.
    pub fn parse(line: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Note;
        let rest = line
            .strip_prefix(MARK)
            .ok_or(wrong("a signature line does not start with a dash"))?;
        let (name, encoded) = rest
            .split_once(' ')
            .ok_or(wrong("a signature line has no signature"))?;
        if !is_key_name(name) {
            return Err(wrong("a key's name is empty or has a space or `+`"));
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| wrong("a signature is not base64"))?;
        match bytes.split_first_chunk() {
            Some((key_id, signature)) if !signature.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_id: *key_id,
                signature: signature.to_vec(),
            }),
            _ => Err(wrong("a signature is too short")),
        }
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.signature].concat();
        writeln!(f, "{MARK}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Splits a note of bounded size into its text, with the last newline, and its signature lines.
pub(super) fn parse(bytes: &[u8]) -> Result<(&str, Vec<SignatureLine>), CheckpointError> {
    let wrong = CheckpointError::Note;
    let note = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(wrong("it has a control character"));
    }
    let end = note
        .rfind("\n\n")
        .ok_or(wrong("no empty line sets off the signatures"))?;
    let (text, rest) = note.split_at(end + 1);
    let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
    let lines = lines.ok_or(wrong("it has no signature, or does not end with a newline"))?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == MAX_SIGNATURES {
            return Err(wrong("it has too many signatures"));
        }
        signatures.push(SignatureLine::parse(line)?);
    }
    Ok((text, signatures))
}
