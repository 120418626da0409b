//! Reading a folder that somebody else wrote.
//!
//! Promises: every file is reached component by component without following a link, so nothing outside
//! the folder is ever opened, even while another process changes it; only regular files are opened, and
//! opening never waits; names, depth and number of entries are bounded before they are kept.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use quorate_artifacts::manifest::{MAX_FILES, PathProblem, check_path};
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use thiserror::Error;

/// Why something in a folder cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum TreeError {
    /// Nothing is there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A link, device, socket, pipe or folder where a file should be, or no folder where one should be.
    #[error("`{path}` is {kind}; only regular files and folders are read")]
    NotRegular { path: String, kind: &'static str },
    /// A name that no artifact may have.
    #[error("the path {path:?} {problem}")]
    Path { path: String, problem: PathProblem },
    /// More entries than an artifact may have.
    #[error("more than {MAX_FILES} files and folders below `{0}`")]
    TooMany(String),
    /// The file system said no.
    #[error("cannot read `{path}`")]
    Io { path: String, source: io::Error },
}

/// A regular file, open for reading.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) size: u64,
    /// Whether its owner may execute it.
    pub(crate) executable: bool,
}

/// An open folder below which everything is read.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Not waiting matters for pipes: opening one blocks until somebody writes.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY);

impl Tree {
    /// Opens a folder that the caller chose; its own path may lead over links.
    pub(crate) fn open(path: &Path) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| classify(errno, &path.to_string_lossy()))?;
        Ok(Self {
            root,
            path: path.to_owned(),
        })
    }

    /// Where the folder lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the regular file at `path`.
    pub(crate) fn file(&self, path: &str) -> Result<Found, TreeError> {
        check_path(path).map_err(|problem| TreeError::Path {
            path: path.chars().take(255).collect(),
            problem,
        })?;
        let (folder, name) = path
            .rsplit_once('/')
            .map_or((None, path), |(folder, name)| (Some(folder), name));
        let fd = match folder {
            Some(folder) => openat(self.folder(folder)?, name, FILE, Mode::empty()),
            None => openat(&self.root, name, FILE, Mode::empty()),
        };
        let fd = fd.map_err(|errno| classify(errno, path))?;
        let stat = fstat(&fd).map_err(|errno| classify(errno, path))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Found {
                file: File::from(fd),
                size: u64::try_from(stat.st_size).unwrap_or(0),
                executable: stat.st_mode & 0o100 != 0,
            }),
            other => Err(TreeError::NotRegular {
                path: path.to_owned(),
                kind: name_of(other),
            }),
        }
    }

    /// The paths of all regular files below `path` (the whole folder for an empty one), in byte order.
    ///
    /// Entries that `skip` names are passed over, whatever they are.
    pub(crate) fn files(&self, path: &str, skip: &dyn Fn(&str) -> bool) -> Result<Vec<String>, TreeError> {
        let mut files = Vec::new();
        let mut folders = vec![path.to_owned()];
        let mut entries = 0_usize;
        while let Some(folder) = folders.pop() {
            let fd = self.folder(&folder)?;
            let listing = Dir::read_from(&fd).map_err(|errno| classify(errno, &folder))?;
            for entry in listing {
                let entry = entry.map_err(|errno| classify(errno, &folder))?;
                let Some(path) = child(&folder, entry.file_name().to_bytes())? else {
                    continue;
                };
                if skip(&path) {
                    continue;
                }
                entries += 1;
                if entries > MAX_FILES {
                    return Err(TreeError::TooMany(folder));
                }
                match kind(&fd, &entry, &path)? {
                    FileType::RegularFile => files.push(path),
                    FileType::Directory => folders.push(path),
                    other => {
                        return Err(TreeError::NotRegular {
                            path,
                            kind: name_of(other),
                        });
                    }
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Opens a folder below the root, component by component. `path` is empty or checked.
    fn folder(&self, path: &str) -> Result<OwnedFd, TreeError> {
        let mut fd = openat(&self.root, ".", FOLDER, Mode::empty()).map_err(|errno| classify(errno, path))?;
        for component in path.split('/').filter(|component| !component.is_empty()) {
            fd = openat(&fd, component, FOLDER, Mode::empty()).map_err(|errno| classify(errno, path))?;
        }
        Ok(fd)
    }
}

/// The path of an entry of `folder`; none for `.` and `..`.
fn child(folder: &str, name: &[u8]) -> Result<Option<String>, TreeError> {
    if matches!(name, b"." | b"..") {
        return Ok(None);
    }
    let shown = String::from_utf8_lossy(name);
    let path = if folder.is_empty() {
        shown.clone().into_owned()
    } else {
        format!("{folder}/{shown}")
    };
    let problem = match std::str::from_utf8(name) {
        Err(_) => Some(PathProblem::NotUtf8),
        Ok(_) => check_path(&path).err(),
    };
    match problem {
        Some(problem) => Err(TreeError::Path {
            path: path.chars().take(255).collect(),
            problem,
        }),
        None => Ok(Some(path)),
    }
}

/// What an entry is; some file systems leave it out of the listing.
fn kind(folder: impl AsFd, entry: &rustix::fs::DirEntry, path: &str) -> Result<FileType, TreeError> {
    match entry.file_type() {
        FileType::Unknown => {
            let stat = rustix::fs::statat(folder, entry.file_name(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| classify(errno, path))?;
            Ok(FileType::from_raw_mode(stat.st_mode))
        }
        known => Ok(known),
    }
}

fn classify(errno: Errno, path: &str) -> TreeError {
    let path = path.to_owned();
    match errno {
        Errno::NOENT => TreeError::Missing(path),
        Errno::LOOP => TreeError::NotRegular { path, kind: "a link" },
        // A link or a file where a folder should be, without saying which.
        Errno::NOTDIR => TreeError::NotRegular {
            path,
            kind: "or lies below a link or file",
        },
        // What opening a socket says.
        Errno::NXIO => TreeError::NotRegular {
            path,
            kind: "a socket",
        },
        other => TreeError::Io {
            path,
            source: other.into(),
        },
    }
}

const fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "a link",
        FileType::Directory => "a folder",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn never(_: &str) -> bool {
        false
    }

    #[test]
    fn lists_files_in_byte_order_and_passes_over_what_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/skipped")).unwrap();
        for path in ["b", "a/x", "a-b", "a/skipped/y"] {
            fs::write(dir.path().join(path), path).unwrap();
        }
        let tree = Tree::open(dir.path()).unwrap();
        let skip = |path: &str| path.ends_with("/skipped");
        assert_eq!(tree.files("", &skip).unwrap(), ["a-b", "a/x", "b"]);
        assert_eq!(tree.files("a", &never).unwrap(), ["a/skipped/y", "a/x"]);
        assert_eq!(tree.file("a/x").unwrap().size, 3);
    }

    #[test]
    fn follows_no_link_on_any_component() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        symlink(outside.path(), dir.path().join("out")).unwrap();
        symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        for path in ["file", "out/secret", "out"] {
            let error = tree.file(path).unwrap_err();
            assert!(matches!(error, TreeError::NotRegular { .. }), "{path}: {error}");
        }
        assert!(tree.files("out", &never).is_err());
        assert!(
            tree.files("", &never).is_err(),
            "a listing names the link instead of passing over it"
        );
    }

    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let error = Tree::open(dir.path()).unwrap().file("pipe").unwrap_err();
        assert!(
            matches!(error, TreeError::NotRegular { kind: "a pipe", .. }),
            "{error}"
        );
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        for path in ["", "..", "../x", "/etc/passwd", "a/../../x"] {
            assert!(matches!(tree.file(path), Err(TreeError::Path { .. })), "{path}");
        }
    }
}
