//! Reading a dead container's workspace: every step by descriptor, no link followed.

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

use crate::export::{DEPTH_MAX, Exported, Exporter, Refusal};
use crate::runtime::Error;
use crate::spec::Workspace;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Exports what is in `work`.
pub(super) fn export(work: &Path, workspace: &Workspace) -> Result<Option<Exported>, Error> {
    let Some(folder) = &workspace.export else {
        return Ok(None);
    };
    let mut exporter = Exporter::create(folder, workspace.bytes, workspace.files)?;
    let root = openat(CWD, work, FOLDER, Mode::empty())
        .map_err(|error| Error::io("opening the workspace")(error.into()))?;
    let mut walk = Walk {
        exporter: &mut exporter,
        seen: HashSet::new(),
    };
    walk.folder(&root, Path::new(""), 0)?;
    Ok(Some(exporter.finish()))
}

struct Walk<'e> {
    exporter: &'e mut Exporter,
    /// Inodes with several names that came out under one of them.
    seen: HashSet<u64>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &Path, depth: usize) -> Result<(), Error> {
        let Ok(names) = names(folder) else {
            self.exporter.refuse(path, Refusal::Unreadable);
            return Ok(());
        };
        for name in names {
            if self.exporter.is_full() {
                break;
            }
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            let Ok(stat) = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                self.exporter.refuse(&path, Refusal::Unreadable);
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.descend(folder, &name, &path, depth)?,
                FileType::RegularFile => self.file(folder, &name, &path)?,
                FileType::Symlink => self.exporter.refuse(&path, Refusal::Link),
                _ => self.exporter.refuse(&path, Refusal::Special),
            }
        }
        Ok(())
    }

    fn descend(&mut self, parent: &OwnedFd, name: &CStr, path: &Path, depth: usize) -> Result<(), Error> {
        // Bounds the recursion as well as the paths.
        if depth >= DEPTH_MAX {
            self.exporter.refuse(path, Refusal::Depth);
            return Ok(());
        }
        match openat(parent, name, FOLDER, Mode::empty()) {
            Ok(folder) if self.exporter.folder(path)? => self.folder(&folder, path, depth + 1),
            Ok(_) => Ok(()),
            Err(_) => {
                self.exporter.refuse(path, Refusal::Unreadable);
                Ok(())
            }
        }
    }

    fn file(&mut self, parent: &OwnedFd, name: &CStr, path: &Path) -> Result<(), Error> {
        let opened = openat(parent, name, FILE, Mode::empty()).and_then(|file| Ok((fstat(&file)?, file)));
        let Ok((stat, file)) = opened else {
            self.exporter.refuse(path, Refusal::Unreadable);
            return Ok(());
        };
        if !is_first_name(&mut self.seen, &stat) {
            self.exporter.refuse(path, Refusal::HardLink);
            return Ok(());
        }
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        self.exporter
            .file(path, stat.st_mode & 0o100 != 0, size, &mut File::from(file))
    }
}

fn is_first_name(seen: &mut HashSet<u64>, stat: &Stat) -> bool {
    stat.st_nlink < 2 || seen.insert(stat.st_ino)
}

/// In a fixed order, so that both backends keep the same one of several names.
fn names(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
