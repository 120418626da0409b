//! The rules for an image's files, whichever backend keeps them.
//!
//! Entries are folders, regular files, symbolic links and hard links to earlier files, each named
//! once, under a relative path without `..` whose parents are folders and never links. Anything
//! else refuses the image: devices, pipes, sparse files, whiteouts, names that are no text, more
//! entries or bytes than an image may have. Owners and all of the mode but "executable" are
//! dropped, set-user-id bits and file capabilities with them; a file keeps its time, since compiled
//! Python is only used with it. A symbolic link is kept as it is and never followed here. The
//! accounts in `/etc` are the container's own.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Component, Path};

use tar::{Archive, Entry, EntryType};

use super::extensions::Extensions;
use super::names::{clean, text};
use super::refuse;
use crate::host;
use crate::rules::MOUNTED_OVER;
use crate::runtime::Error;

/// Each name at the root's top becomes a mount in some backends.
const TOP_MAX: usize = 64;
/// Engines look a container's groups up in these: a group *named* 65534 once brought root's.
const ACCOUNTS: &[&str] = &["etc/group", "etc/passwd"];

/// How much an image may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Headers in the archive, and paths in the image.
    pub(super) entries: usize,
    /// Bytes of the layer, and of its content.
    pub(super) bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            bytes: 64 << 30,
        }
    }
}

/// What is kept of a file besides its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes {
    pub(crate) size: u64,
    pub(crate) executable: bool,
    /// Seconds since 1970.
    pub(crate) modified: u32,
}

/// Receives the entries of an image: folders before what is in them, each path once.
pub(crate) trait Sink {
    fn folder(&mut self, path: &Path) -> io::Result<()>;
    /// Reads the content to its end, or fails.
    fn file(&mut self, path: &Path, attributes: Attributes, content: &mut dyn Read) -> io::Result<()>;
    fn link(&mut self, path: &Path, target: &Path) -> io::Result<()>;
    fn hard_link(&mut self, path: &Path, first: &Path) -> io::Result<()>;
}

/// Keeps nothing: for finding out whether a layer is good.
#[derive(Debug)]
pub(crate) struct Discard;

impl Sink for Discard {
    fn folder(&mut self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &Path, _: Attributes, content: &mut dyn Read) -> io::Result<()> {
        io::copy(content, &mut io::sink()).map(drop)
    }

    fn link(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn hard_link(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Hands a layer's entries to `sink`.
pub(super) fn walk(layer: impl Read, bounds: Bounds, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut walk = Walk {
        sink,
        seen: HashMap::new(),
        top: 0,
        bounds,
    };
    let mut bytes_left = bounds.bytes;
    let mut extensions = Extensions::default();
    let mut archive = Archive::new(layer);
    // Raw: the library would gather extension headers of any size.
    for (before, entry) in archive.entries().map_err(garbled)?.raw(true).enumerate() {
        let mut entry = entry.map_err(garbled)?;
        // Whatever has content is read, even where nobody wants it.
        let left = bytes_left.checked_sub(entry.size());
        bytes_left = left.filter(|_| before < bounds.entries).ok_or_else(too_large)?;
        if !extensions.take(&mut entry)? {
            walk.entry(&std::mem::take(&mut extensions), &mut entry)?;
        }
    }
    walk.accounts()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
}

struct Walk<'s> {
    sink: &'s mut dyn Sink,
    /// Every path so far, by its hash: as many as there may be take a bounded memory.
    seen: HashMap<blake3::Hash, Kind>,
    top: usize,
    bounds: Bounds,
}

impl Walk<'_> {
    fn entry(&mut self, names: &Extensions, entry: &mut Entry<'_, impl Read>) -> Result<(), Error> {
        let header = entry.header();
        let path = clean(&names.path(header))?;
        let kind = header.entry_type();
        if !matches!(
            kind,
            EntryType::Directory | EntryType::Regular | EntryType::Symlink | EntryType::Link
        ) {
            let why = format!("`{}` is neither folder, file nor link", path.display());
            return Err(refuse(why));
        }
        let mounted_over = |top: Component<'_>| MOUNTED_OVER.iter().any(|name| top.as_os_str() == *name);
        let account = ACCOUNTS.iter().any(|account| path == Path::new(account));
        if path.components().next().is_none_or(mounted_over) || account {
            // The root itself, or what no container would ever see.
            return Ok(());
        }
        let parents: Vec<_> = path.ancestors().skip(1).collect();
        // The last of them is the root.
        for parent in parents.into_iter().rev().skip(1) {
            self.folder(parent)?;
        }
        match kind {
            EntryType::Directory => self.folder(&path),
            EntryType::Regular => {
                self.once(&path, Kind::File)?;
                let attributes = Attributes {
                    size: entry.size(),
                    executable: header.mode().is_ok_and(|mode| mode & 0o111 != 0),
                    modified: u32::try_from(header.mtime().unwrap_or(0)).unwrap_or(u32::MAX),
                };
                let mut content = Whole {
                    left: attributes.size,
                    content: entry,
                };
                kept(&path, self.sink.file(&path, attributes, &mut content))
            }
            EntryType::Symlink => {
                let target = text(&names.target(header))?;
                self.once(&path, Kind::Link)?;
                kept(&path, self.sink.link(&path, Path::new(&target)))
            }
            _ => self.hard_link(&path, &clean(&names.target(header))?),
        }
    }

    /// Puts the container's own accounts where the image's were left out.
    fn accounts(&mut self) -> Result<(), Error> {
        self.folder(Path::new("etc"))?;
        for (path, content) in host::FILES.iter().filter(|(path, _)| ACCOUNTS.contains(path)) {
            let path = Path::new(path);
            self.once(path, Kind::File)?;
            let attributes = Attributes {
                size: content.len() as u64,
                executable: false,
                modified: 0,
            };
            kept(path, self.sink.file(path, attributes, &mut content.as_bytes()))?;
        }
        Ok(())
    }

    /// A folder may be named again, and need not be named at all before what is in it.
    fn folder(&mut self, path: &Path) -> Result<(), Error> {
        match self.record(path, Kind::Folder)? {
            None => kept(path, self.sink.folder(path)),
            Some(Kind::Folder) => Ok(()),
            Some(Kind::File | Kind::Link) => {
                let why = format!("`{}` is used as a folder and is none", path.display());
                Err(refuse(why))
            }
        }
    }

    fn hard_link(&mut self, path: &Path, first: &Path) -> Result<(), Error> {
        if self.seen.get(&key(first)) != Some(&Kind::File) {
            let why = format!("`{}` is a hard link to no earlier file", path.display());
            return Err(refuse(why));
        }
        self.once(path, Kind::File)?;
        kept(path, self.sink.hard_link(path, first))
    }

    fn once(&mut self, path: &Path, kind: Kind) -> Result<(), Error> {
        match self.record(path, kind)? {
            None => Ok(()),
            Some(_) => Err(refuse(format!("`{}` is there twice", path.display()))),
        }
    }

    /// Notes a path; returns what it was before.
    fn record(&mut self, path: &Path, kind: Kind) -> Result<Option<Kind>, Error> {
        let before = self.seen.insert(key(path), kind);
        if before.is_none() && path.components().count() == 1 {
            self.top += 1;
        }
        if self.top > TOP_MAX {
            return Err(refuse(format!("it has more than {TOP_MAX} names at its root")));
        }
        if self.seen.len() > self.bounds.entries {
            return Err(too_large());
        }
        Ok(before)
    }
}

fn key(path: &Path) -> blake3::Hash {
    blake3::hash(path.as_os_str().as_encoded_bytes())
}

fn kept(path: &Path, result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|source| Error::Io {
        doing: format!("keeping the image's `{}`", path.display()),
        source,
    })
}

fn too_large() -> Error {
    refuse("it holds more entries or bytes than an image may")
}

pub(super) fn garbled(error: io::Error) -> Error {
    refuse(format!("its layer cannot be read: {error}"))
}

/// A file's content, which must not end early.
struct Whole<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(target)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !target.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}
