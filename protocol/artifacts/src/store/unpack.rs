//! Writing an artifact's files below a folder that somebody else may be able to write to.
//!
//! Every step is relative to an open folder and never follows a link, so a folder swapped for a link in
//! the middle ends the call instead of leading it elsewhere. Files are created, never opened: one that is
//! there already ends the call too. Each blob is hashed as it is copied. On any error what was written is
//! removed again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use quorate_core::digest::ArtifactId;
use rustix::fs::{AtFlags, CWD, Dir, Mode as Permissions, OFlags, fchmod, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::dir::open_folder;
use super::error::{Context, StoreError};
use super::{Hold, READ_SIZE, Store};
use crate::manifest;

impl Store {
    /// Writes the artifact's files below `target`, which must be an empty folder or not be there.
    ///
    /// # Errors
    /// [`StoreError::TargetNotEmpty`], [`StoreError::Unknown`], [`StoreError::BadBlob`] for a blob that is
    /// missing or damaged, and where the disk fails or is full.
    pub fn unpack(self: &std::sync::Arc<Self>, id: ArtifactId, target: &Path) -> Result<(), StoreError> {
        let _hold: Hold = self.hold(id);
        let manifest = self.manifest(id)?;
        self.touch(id);
        let mut writing = Writing::begin(target)?;
        let written = manifest
            .files()
            .iter()
            .try_for_each(|file| self.unpack_file(id, file, &mut writing));
        if written.is_err() {
            writing.undo();
        }
        written
    }

    fn unpack_file(
        &self,
        artifact: ArtifactId,
        file: &manifest::File,
        writing: &mut Writing,
    ) -> Result<(), StoreError> {
        let mut from = self.read_checked(artifact, file)?;
        let shown = writing.target.join(&file.path);
        let mut to = writing.create(&file.path, file.mode.bits())?;
        let mut buffered = BufWriter::with_capacity(READ_SIZE, &mut to);
        let copied = io::copy(&mut from, &mut buffered).and_then(|_| buffered.flush());
        // What is left in the buffer after an error is not worth a second one.
        let _ = buffered.into_parts();
        if let Some(failure) = from.failure() {
            return Err(failure);
        }
        copied.at("write to", &shown)?;
        fchmod(&to, Permissions::from_raw_mode(file.mode.bits())).at("set the mode of", &shown)
    }
}

/// A target folder and what was made in it.
pub(super) struct Writing {
    target: PathBuf,
    root: OwnedFd,
    root_is_ours: bool,
    /// The folder of the last file: files come sorted, so most share it with the one before.
    last: (String, OwnedFd),
    /// Paths made, with whether each is a folder, in the order they were made.
    made: Vec<(String, bool)>,
}

impl Writing {
    pub(super) fn begin(target: &Path) -> Result<Self, StoreError> {
        let made = mkdirat(CWD, target, Permissions::from_raw_mode(0o755));
        let root_is_ours = match made {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error).at("make the folder", target),
        };
        let open = || open_folder(CWD, target).at("open the folder", target);
        let root = open()?;
        for entry in Dir::read_from(&root).at("read", target)? {
            let entry = entry.at("read", target)?;
            if entry.file_name() != c"." && entry.file_name() != c".." {
                return Err(StoreError::TargetNotEmpty(target.to_owned()));
            }
        }
        let last = (String::new(), root.try_clone().at("open the folder", target)?);
        Ok(Self {
            target: target.to_owned(),
            root,
            root_is_ours,
            last,
            made: Vec::new(),
        })
    }

    /// Creates a file, with the folders it lies in.
    pub(super) fn create(&mut self, path: &str, mode: u32) -> Result<File, StoreError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.last.0 != folder {
            let fd = self.descend(folder)?;
            self.last = (folder.to_owned(), fd);
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let shown = self.target.join(path);
        let file = openat(
            &self.last.1,
            name,
            flags,
            Permissions::from_raw_mode(mode & 0o600),
        )
        .at("write", &shown)?;
        self.made.push((path.to_owned(), false));
        Ok(file.into())
    }

    /// Opens the folder `path` below the root, making what is not there.
    fn descend(&mut self, path: &str) -> Result<OwnedFd, StoreError> {
        let mut at = self.root.try_clone().at("open the folder", &self.target)?;
        for so_far in manifest::folders(path).chain((!path.is_empty()).then_some(path)) {
            let (_, name) = so_far.rsplit_once('/').unwrap_or(("", so_far));
            let shown = self.target.join(so_far);
            match mkdirat(&at, name, Permissions::from_raw_mode(0o755)) {
                Ok(()) => self.made.push((so_far.to_owned(), true)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error).at("make the folder", &shown),
            }
            at = open_folder(&at, name).at("open the folder", &shown)?;
        }
        Ok(at)
    }

    /// Removes what was made, as far as it is still where it was made.
    fn undo(self) {
        for (path, is_folder) in self.made.iter().rev() {
            let flags = if *is_folder {
                AtFlags::REMOVEDIR
            } else {
                AtFlags::empty()
            };
            if let Err(error) = self
                .parent_of(path)
                .and_then(|(fd, name)| unlinkat(fd, name, flags))
            {
                tracing::warn!(path = %self.target.join(path).display(), %error, "left behind");
            }
        }
        if self.root_is_ours
            && let Err(error) = std::fs::remove_dir(&self.target)
        {
            tracing::warn!(path = %self.target.display(), %error, "left behind");
        }
    }

    fn parent_of<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let mut at = open_folder(&self.root, ".")?;
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            at = open_folder(&at, part)?;
        }
        Ok((at, name))
    }
}
