//! A blob that is checked as it is read.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::refuse;
use crate::digest::ImageDigest;
use crate::runtime::Error;

/// Reads at most the stated size; [`Blob::finish`] says whether all of it was what the digest says.
#[derive(Debug)]
pub(super) struct Blob {
    file: File,
    left: u64,
    hash: Sha256,
    digest: ImageDigest,
}

impl Blob {
    pub(super) fn new(file: File, size: u64, digest: ImageDigest) -> Self {
        Self {
            file,
            left: size,
            hash: Sha256::new(),
            digest,
        }
    }

    /// Reads what is left, and compares.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let reading = || Error::io(format!("reading the image's blob {}", self.digest));
        let (reading, further) = (reading(), reading());
        io::copy(&mut self, &mut io::sink()).map_err(reading)?;
        let more = self.file.read(&mut [0]).map_err(further)? > 0;
        if self.left > 0 || more {
            return Err(refuse(format!(
                "its blob {} has another size than stated",
                self.digest
            )));
        }
        if hex(&self.hash.finalize()) != self.digest.hex() {
            return Err(refuse(format!("its blob {} has another content", self.digest)));
        }
        Ok(())
    }
}

impl Read for Blob {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = (&self.file).take(self.left).read(target)?;
        self.hash.update(target.get(..count).unwrap_or_default());
        self.left -= count as u64;
        Ok(count)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
