//! Finding damaged blobs, and dropping them so that a fetch brings them again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use quorate_core::Digest;
use quorate_core::digest::ArtifactId;

use super::Store;
use super::error::{Context, Problem, StoreError};
use crate::manifest;

/// A blob of an artifact, checked as it is read: the read that would report the end reports an error
/// instead where length or digest are not what the manifest says.
#[derive(Debug)]
pub(crate) struct Checked {
    blob: File,
    path: PathBuf,
    artifact: ArtifactId,
    file: manifest::File,
    hasher: blake3::Hasher,
    copied: u64,
    failure: Option<StoreError>,
}

impl Checked {
    /// Why reading failed, where it was this reader that failed.
    pub(crate) fn failure(self) -> Option<StoreError> {
        self.failure
    }

    fn fail(&mut self, failure: StoreError) -> io::Error {
        self.failure = Some(failure);
        io::ErrorKind::InvalidData.into()
    }

    fn bad(&mut self, problem: Problem) -> io::Error {
        let failure = bad_blob(self.artifact, &self.file, problem);
        self.fail(failure)
    }
}

fn bad_blob(artifact: ArtifactId, file: &manifest::File, problem: Problem) -> StoreError {
    StoreError::BadBlob {
        artifact,
        path: file.path.clone(),
        digest: file.digest,
        problem,
    }
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match self.blob.read(into).at("read", &self.path) {
            Ok(count) => count,
            Err(error) => return Err(self.fail(error)),
        };
        self.copied += count as u64;
        let expected = self.file.size;
        if self.copied > expected || (count == 0 && !into.is_empty() && self.copied < expected) {
            let actual = self.blob.metadata().map_or(self.copied, |meta| meta.len());
            return Err(self.bad(Problem::Size { expected, actual }));
        }
        self.hasher.update(into.get(..count).unwrap_or_default());
        if count == 0 && !into.is_empty() && self.hasher.finalize().as_bytes() != self.file.digest.as_bytes()
        {
            return Err(self.bad(Problem::Content));
        }
        Ok(count)
    }
}

impl Store {
    /// Opens a blob of an artifact for reading it whole.
    pub(crate) fn read_checked(
        &self,
        artifact: ArtifactId,
        file: &manifest::File,
    ) -> Result<Checked, StoreError> {
        let path = self.blob_path(&file.digest);
        let blob = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(bad_blob(artifact, file, Problem::Missing));
            }
            other => other.at("open", &path)?,
        };
        let hasher = blake3::Hasher::new();
        Ok(Checked {
            blob,
            path,
            artifact,
            file: file.clone(),
            hasher,
            copied: 0,
            failure: None,
        })
    }

    /// Reads every blob of the artifact and checks it.
    ///
    /// # Errors
    /// [`StoreError::BadBlob`] names the first blob, in the order of the paths, that is missing or damaged.
    pub fn verify(self: &Arc<Self>, id: ArtifactId) -> Result<(), StoreError> {
        let _hold = self.hold(id);
        let manifest = self.manifest(id)?;
        let mut seen = HashSet::new();
        for file in manifest
            .files()
            .iter()
            .filter(|file| seen.insert((file.digest, file.size)))
        {
            if let Some(problem) = self.problem_with(file)? {
                return Err(bad_blob(id, file, problem));
            }
        }
        Ok(())
    }

    /// Drops every damaged blob of the artifact, so that [`Store::missing`] names it and a fetch brings it
    /// again. Gives the dropped digests. An artifact whose manifest is damaged is forgotten.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn repair(self: &Arc<Self>, id: ArtifactId) -> Result<Vec<Digest>, StoreError> {
        let _hold = self.hold(id);
        let manifest = match self.manifest(id) {
            Err(StoreError::BadBlob { digest, .. }) => {
                let mut state = self.state();
                self.remove_artifact(&mut state, id, None)?;
                self.remove_blob(&mut state, &digest)?;
                return Ok(vec![digest]);
            }
            other => other?,
        };
        let mut seen = HashSet::new();
        let mut dropped = Vec::new();
        for file in manifest.files().iter().filter(|file| seen.insert(file.digest)) {
            // A size that only this manifest claims is no reason: others may name the blob truthfully.
            let damaged = match self.problem_with(file)? {
                None => false,
                Some(Problem::Missing) => self.state().blobs.contains_key(&file.digest),
                Some(_) => self.content_of(&file.digest)? != file.digest,
            };
            if damaged {
                self.remove_blob(&mut self.state(), &file.digest)?;
                dropped.push(file.digest);
            }
        }
        Ok(dropped)
    }

    fn problem_with(&self, file: &manifest::File) -> Result<Option<Problem>, StoreError> {
        let path = self.blob_path(&file.digest);
        let actual = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Problem::Missing)),
            other => other.at("look at", &path)?.len(),
        };
        if actual != file.size {
            return Ok(Some(Problem::Size {
                expected: file.size,
                actual,
            }));
        }
        let digest = self.content_of(&file.digest)?;
        Ok((digest != file.digest).then_some(Problem::Content))
    }

    /// The digest of the bytes that lie under a blob's name.
    fn content_of(&self, digest: &Digest) -> Result<Digest, StoreError> {
        let path = self.blob_path(digest);
        let mut hasher = blake3::Hasher::new();
        File::open(&path)
            .and_then(|blob| hasher.update_reader(blob).map(drop))
            .at("read", &path)?;
        Ok(Digest::from_bytes(*hasher.finalize().as_bytes()))
    }
}
