//! Getting a workspace's content out, as if an enemy had arranged it.
//!
//! Only regular files and folders come out, under names that are checked, each created afresh
//! relative to an open folder and never through a link, and never more bytes or files than the
//! workspace could hold. Everything else is left behind and named in the result. Special bits,
//! owners, times and all of the mode but "executable" are dropped.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::runtime::Error;

/// Deeper than any honest artifact, shallow enough for a stack and a path.
pub(crate) const DEPTH_MAX: usize = 64;
/// How many refusals are named; the rest is counted.
const NAMED_MAX: usize = 32;

/// Why an entry stayed behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A symbolic link.
    Link,
    /// A second name of a file that came out under its first.
    HardLink,
    /// A device, pipe or socket.
    Special,
    /// A name that is not UTF-8, or holds control characters.
    Name,
    /// Nested too deeply.
    Depth,
    /// One more than the workspace's bound on files. The export ends here.
    Files,
    /// More bytes than the workspace's bound. The export ends here.
    Bytes,
    /// The backend could not read it.
    Unreadable,
}

/// An entry that stayed behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its path, made printable and cut to 200 characters.
    pub path: String,
    /// Why.
    pub why: Refusal,
}

/// What came out of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// How many entries stayed behind.
    pub refused: u64,
    /// The first of them.
    pub first_refused: Vec<Refused>,
    /// Whether the export ended early, at a bound.
    pub truncated: bool,
}

impl Exported {
    fn refuse(&mut self, path: &Path, why: Refusal) {
        self.refused = self.refused.saturating_add(1);
        self.truncated |= matches!(why, Refusal::Files | Refusal::Bytes);
        if self.first_refused.len() < NAMED_MAX {
            let path = path.to_string_lossy().escape_debug().take(200).collect();
            self.first_refused.push(Refused { path, why });
        }
    }
}

/// Writes below one folder and nowhere else.
#[derive(Debug)]
pub(crate) struct Exporter {
    root: OwnedFd,
    bytes_left: u64,
    entries_left: u64,
    done: Exported,
}

impl Exporter {
    /// Opens `folder`, which must be absent or empty.
    pub(crate) fn create(folder: &Path, bytes: u64, files: u64) -> Result<Self, Error> {
        let doing = format!("preparing the export folder {}", folder.display());
        let prepare = || -> io::Result<OwnedFd> {
            match std::fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let root = openat(CWD, folder, FOLDER, Mode::empty())?;
            if std::fs::read_dir(folder)?.next().is_some() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            Ok(root)
        };
        let root = prepare().map_err(Error::io(doing))?;
        Ok(Self {
            root,
            bytes_left: bytes,
            entries_left: files,
            done: Exported::default(),
        })
    }

    pub(crate) fn finish(self) -> Exported {
        self.done
    }

    /// Whether a bound was met, so that nothing more will be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.done.truncated
    }

    /// Notes an entry that the caller could not or would not hand over.
    pub(crate) fn refuse(&mut self, path: &Path, why: Refusal) {
        self.done.refuse(path, why);
    }

    /// Makes a folder. `false` where it was refused.
    pub(crate) fn folder(&mut self, path: &Path) -> Result<bool, Error> {
        let Some((parent, name)) = self.admit(path)? else {
            return Ok(false);
        };
        match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            // A tar may name a folder twice; walking never does.
            Ok(()) | Err(Errno::EXIST) => Ok(true),
            Err(error) => Err(failed(path, error.into())),
        }
    }

    /// Writes a file of `size` bytes from `content`.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        if size > self.bytes_left {
            self.refuse(path, Refusal::Bytes);
            return Ok(());
        }
        let Some((parent, name)) = self.admit(path)? else {
            return Ok(());
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        let mut target = match openat(&parent, name, flags, mode) {
            Ok(fd) => File::from(fd),
            // One name twice in a hostile archive: the first stands.
            Err(Errno::EXIST) => {
                self.refuse(path, Refusal::Name);
                return Ok(());
            }
            Err(error) => return Err(failed(path, error.into())),
        };
        let written = io::copy(&mut content.take(size), &mut target).map_err(|error| failed(path, error))?;
        self.bytes_left -= written;
        self.done.bytes += written;
        self.done.files += 1;
        Ok(())
    }

    /// Checks a path and opens the folder it lies in, which must have come out before it.
    fn admit<'p>(&mut self, path: &'p Path) -> Result<Option<(OwnedFd, &'p str)>, Error> {
        if self.is_full() {
            return Ok(None);
        }
        let names = match names(path) {
            Ok(names) => names,
            Err(why) => {
                self.refuse(path, why);
                return Ok(None);
            }
        };
        let Some((name, parents)) = names.split_last() else {
            return Ok(None);
        };
        if self.entries_left == 0 {
            self.refuse(path, Refusal::Files);
            return Ok(None);
        }
        self.entries_left -= 1;
        let mut folder = self.root.try_clone().map_err(|error| failed(path, error))?;
        for parent in parents {
            folder = match openat(&folder, *parent, FOLDER, Mode::empty()) {
                Ok(folder) => folder,
                // Its folder was refused, or is no folder: the entry goes the same way.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                    self.refuse(path, Refusal::Name);
                    return Ok(None);
                }
                Err(error) => return Err(failed(path, error.into())),
            };
        }
        Ok(Some((folder, name)))
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn names(path: &Path) -> Result<Vec<&str>, Refusal> {
    let mut names = Vec::new();
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err(Refusal::Name);
        };
        let name = name.to_str().ok_or(Refusal::Name)?;
        if name.chars().any(char::is_control) {
            return Err(Refusal::Name);
        }
        names.push(name);
    }
    if names.len() > DEPTH_MAX {
        Err(Refusal::Depth)
    } else {
        Ok(names)
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        doing: format!("exporting `{}`", path.to_string_lossy().escape_debug()),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn exporter(bytes: u64, files: u64) -> (tempfile::TempDir, Exporter) {
        let home = tempfile::tempdir().unwrap();
        let exporter = Exporter::create(&home.path().join("out"), bytes, files).unwrap();
        (home, exporter)
    }

    fn put(exporter: &mut Exporter, path: &str, content: &[u8]) {
        exporter
            .file(Path::new(path), false, content.len() as u64, &mut &*content)
            .unwrap();
    }

    #[test]
    fn plain_content_comes_out() {
        let (home, mut exporter) = exporter(100, 10);
        assert!(exporter.folder(Path::new("a")).unwrap());
        put(&mut exporter, "a/b", b"text");
        let done = exporter.finish();
        assert_eq!((done.files, done.bytes, done.refused), (1, 4, 0));
        assert_eq!(std::fs::read(home.path().join("out/a/b")).unwrap(), b"text");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let (home, mut exporter) = exporter(100, 100);
        for path in ["../escaped", "a/../../escaped", "/escaped", "a\nb", "absent/file"] {
            put(&mut exporter, path, b"x");
        }
        let raw = std::ffi::OsStr::from_bytes(b"\xff\xfe");
        exporter.file(Path::new(raw), false, 1, &mut &b"x"[..]).unwrap();
        let done = exporter.finish();
        assert_eq!((done.files, done.refused), (0, 6));
        assert!(!home.path().join("escaped").exists());
        assert_eq!(std::fs::read_dir(home.path().join("out")).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let (home, mut exporter) = exporter(100, 100);
        let out = home.path().join("out");
        std::os::unix::fs::symlink(home.path(), out.join("link")).unwrap();
        std::os::unix::fs::symlink(home.path().join("target"), out.join("file")).unwrap();
        put(&mut exporter, "link/escaped", b"x");
        put(&mut exporter, "file", b"x");
        assert_eq!(exporter.finish().refused, 2);
        assert!(!home.path().join("escaped").exists());
        assert!(!home.path().join("target").exists());
    }

    #[test]
    fn bounds_end_the_export() {
        let (_home, mut few) = exporter(100, 2);
        for path in ["a", "b", "c", "d"] {
            put(&mut few, path, b"x");
        }
        let done = few.finish();
        assert_eq!((done.files, done.truncated), (2, true));

        let (_home, mut small) = exporter(5, 100);
        put(&mut small, "a", b"123");
        put(&mut small, "b", b"456");
        put(&mut small, "c", b"7");
        let done = small.finish();
        assert_eq!((done.files, done.bytes, done.truncated), (1, 3, true));
    }

    #[test]
    fn the_folder_must_be_empty_and_deep_paths_stay_behind() {
        let (home, mut exporter) = exporter(100, 200);
        let deep = vec!["d"; DEPTH_MAX + 1].join("/");
        put(&mut exporter, &deep, b"x");
        assert_eq!(exporter.finish().first_refused[0].why, Refusal::Depth);
        std::fs::write(home.path().join("full"), b"").unwrap();
        assert!(Exporter::create(home.path(), 1, 1).is_err());
    }
}
