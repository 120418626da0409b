//! How OCI names content: by its SHA-256. An image's name is its manifest's digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::runtime::Error;

const ALGORITHM: &str = "sha256:";
const FORM: &str = "a digest is `sha256:` and 64 lower-case hexadecimal digits";

/// An image's name: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageDigest(String);

impl ImageDigest {
    /// The digits alone, which no path and no tag can misread.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.0)
    }
}

impl FromStr for ImageDigest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let field = "image.digest";
        Self::try_from(text.to_owned()).map_err(|why| Error::Spec {
            field,
            why: why.into(),
        })
    }
}

impl TryFrom<String> for ImageDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let hex = text.strip_prefix(ALGORITHM);
        let hex = hex.filter(|hex| hex.len() == 64 && hex.bytes().all(is_digit));
        hex.map(|hex| Self(hex.to_owned())).ok_or(FORM)
    }
}

impl From<ImageDigest> for String {
    fn from(digest: ImageDigest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_one_string_and_no_other() {
        let text = format!("sha256:{}", "0f".repeat(32));
        let digest: ImageDigest = text.parse().unwrap();
        assert_eq!((digest.to_string(), digest.hex()), (text.clone(), &text[7..]));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<ImageDigest>(&json).unwrap(), digest);
    }

    #[test]
    fn what_could_be_another_path_is_no_digest() {
        let upper = format!("sha256:{}", "0F".repeat(32));
        let long = format!("sha256:{}", "0f".repeat(33));
        let climbing = format!("sha256:../{}", "0".repeat(61));
        for text in [
            "",
            "sha256:",
            &"0f".repeat(32),
            &upper,
            &long,
            &climbing,
            "sha512:00",
        ] {
            assert!(text.parse::<ImageDigest>().is_err(), "{text}");
        }
    }
}
