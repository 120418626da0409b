//! Taking in a folder that somebody else may have filled, and may still write to.
//!
//! Each name is opened relative to its open folder and never followed, so a folder that is swapped for a
//! link in the middle leads nowhere. Links, devices, pipes and sockets are errors, not skipped: an
//! artifact is what was handed in, or nothing. A file with several names is taken in under each. Empty
//! folders and all permissions but the owner's right to execute are not part of an artifact.

use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use quorate_core::digest::ArtifactId;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode as Permissions, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use super::error::{Context, StoreError};
use super::{Draft, Limits, Store};
use crate::manifest::{MAX_DEPTH, ManifestError, Mode, PathProblem};

impl Store {
    /// Takes in the files below `path` as an artifact.
    ///
    /// # Errors
    /// Where there are more files or bytes than `limits` say, something is no regular file, a name breaks
    /// a path rule, a file changes while it is read, or quota or disk are full.
    pub fn add_dir(self: &Arc<Self>, path: &Path, limits: Limits) -> Result<ArtifactId, StoreError> {
        let root = open_folder(CWD, path).at("open the folder", path)?;
        let mut draft = self.draft(limits);
        walk(&mut draft, &root, "", 1)?;
        draft.commit()
    }
}

pub(super) fn open_folder(at: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Permissions::empty())
}

fn walk(draft: &mut Draft, folder: &OwnedFd, prefix: &str, depth: usize) -> Result<(), StoreError> {
    let shown = if prefix.is_empty() { "." } else { prefix };
    let names = Dir::read_from(folder).at("read", Path::new(shown))?;
    for entry in names {
        let entry = entry.at("read", Path::new(shown))?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let path = format!(
            "{prefix}{}",
            name.to_str().map_err(|_| {
                let path = format!("{prefix}{}", name.to_string_lossy());
                ManifestError::Path {
                    path,
                    problem: PathProblem::NotUtf8,
                }
            })?
        );
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).at("look at", Path::new(&path))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let file = openat(folder, name, flags, Permissions::empty()).at("open", Path::new(&path))?;
                add_file(draft, file.into(), &path)?;
            }
            FileType::Directory if depth >= MAX_DEPTH => {
                return Err(ManifestError::Path {
                    path,
                    problem: PathProblem::TooDeep,
                }
                .into());
            }
            FileType::Directory => {
                draft.count_folder()?;
                let inner = open_folder(folder, name).at("open the folder", Path::new(&path))?;
                walk(draft, &inner, &format!("{path}/"), depth + 1)?;
            }
            other => {
                return Err(StoreError::NotRegular {
                    path,
                    kind: kind(other),
                });
            }
        }
    }
    Ok(())
}

fn add_file(draft: &mut Draft, mut file: File, path: &str) -> Result<(), StoreError> {
    // Asked of the open file: the name may have been given to something else since it was looked at.
    let stat = fstat(&file).at("look at", Path::new(path))?;
    let kind_now = FileType::from_raw_mode(stat.st_mode);
    if kind_now != FileType::RegularFile {
        return Err(StoreError::NotRegular {
            path: path.to_owned(),
            kind: kind(kind_now),
        });
    }
    let mode = Mode::from_bits(stat.st_mode);
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    draft.check(path, size)?;
    // Hashed first: what is here already costs neither room nor a write.
    let digest = Store::digest_of(&mut file, size, path)?;
    if !draft.add_known(path, mode, size, digest)? {
        file.rewind().at("read", Path::new(path))?;
        draft.add(path, mode, size, &mut file)?;
    }
    Ok(())
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Directory => "a folder",
        _ => "of an unknown kind",
    }
}
