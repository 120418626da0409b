//! The finished file system, as the engine exported it: an index over the archive, which stays on disk.
//!
//! Every entry is checked before it is kept: its path stays below the root, its name comes once, its
//! folder exists, a hard link's file came before it, and the archive is complete. Devices, pipes and
//! volatile files are left out; no time is newer than the epoch; set-user-ID and set-group-ID bits go.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use crate::duplicates;
use crate::error::Error;
use crate::volatile::is_volatile;

/// More entries, and longer names in all, than any image this is made for.
const ENTRIES_MAX: usize = 1_000_000;
const NAMES_MAX: usize = 256 << 20;
/// The longest path and link target that Linux takes.
const PATH_MAX: usize = 4096;
/// An archive ends with two empty blocks.
const END: usize = 1024;

/// An index over an exported file system.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) archive: File,
    /// By path, so in the order in which a layer lists them: a folder before what it holds.
    pub(crate) nodes: BTreeMap<PathBuf, Node>,
    pub(crate) contents: Vec<Content>,
}

/// What a path names.
#[derive(Debug)]
pub(crate) enum Node {
    Folder(Meta),
    /// A symbolic link and its target.
    Link(Meta, PathBuf),
    /// A file's place among the contents. Equal files share one.
    File(usize),
}

/// Where a file's bytes lie in the archive.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) meta: Meta,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Meta {
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: u64,
}

impl Tree {
    /// Reads the whole archive's headers.
    pub(crate) fn read(archive: File, epoch: u64) -> Result<Self, Error> {
        let reading = || Error::io("reading the exported file system");
        let length = whole(&archive)?;
        let mut index = Index {
            length,
            epoch,
            ..Index::default()
        };
        let mut reader = Archive::new(BufReader::new(archive));
        for entry in reader.entries_with_seek().map_err(reading())? {
            index.admit(&entry.map_err(reading())?)?;
        }
        let Index {
            mut nodes, contents, ..
        } = index;
        nodes.retain(|path, _| !is_volatile(path.as_os_str().as_bytes()));
        for path in nodes.keys() {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if parent.is_some_and(|parent| !matches!(nodes.get(parent), Some(Node::Folder(_)))) {
                return Err(refuse(path, "it does not lie in a folder"));
            }
        }
        let archive = reader.into_inner().into_inner();
        let instead = duplicates::find(&archive, &contents).map_err(reading())?;
        for node in nodes.values_mut() {
            if let Node::File(number) = node {
                *number = instead.get(*number).copied().unwrap_or(*number);
            }
        }
        Ok(Self {
            archive,
            nodes,
            contents,
        })
    }
}

/// The archive's length, if its end is there: an export that breaks off must not become an image.
fn whole(mut archive: &File) -> Result<u64, Error> {
    let mut read = || -> std::io::Result<Option<u64>> {
        let length = archive.seek(SeekFrom::End(0))?;
        if length < END as u64 {
            return Ok(None);
        }
        let mut end = [1; END];
        archive.seek(SeekFrom::End(-(END as i64)))?;
        archive.read_exact(&mut end)?;
        archive.rewind()?;
        Ok((end == [0; END]).then_some(length))
    };
    let length = read().map_err(Error::io("reading the exported file system"))?;
    length.ok_or_else(|| Error::answer("the exported file system breaks off; build again"))
}

#[derive(Default)]
struct Index {
    nodes: BTreeMap<PathBuf, Node>,
    contents: Vec<Content>,
    names: usize,
    length: u64,
    epoch: u64,
}

impl Index {
    fn admit<R: Read>(&mut self, entry: &Entry<'_, R>) -> Result<(), Error> {
        let Some(path) = below_root(&entry.path_bytes())? else {
            return Ok(());
        };
        let node = match entry.header().entry_type() {
            EntryType::Directory => Node::Folder(self.meta(entry, &path)?),
            EntryType::Symlink => Node::Link(self.meta(entry, &path)?, target(entry, &path)?),
            EntryType::Regular | EntryType::Continuous => self.content(entry, &path)?,
            EntryType::Link => {
                let first = below_root(target(entry, &path)?.as_os_str().as_bytes())?;
                match first.and_then(|first| self.nodes.get(&first)) {
                    Some(Node::File(content)) => Node::File(*content),
                    _ => return Err(refuse(&path, "it is a hard link to no file before it")),
                }
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => return Ok(()),
            _ => return Err(refuse(&path, "it is of an unknown kind")),
        };
        self.names += path.as_os_str().len();
        if self.nodes.len() >= ENTRIES_MAX || self.names > NAMES_MAX {
            return Err(Error::answer(format!(
                "the file system has more than {ENTRIES_MAX} entries or {} MiB of names; have the Containerfile \
                 remove what is not needed",
                NAMES_MAX >> 20
            )));
        }
        match self.nodes.insert(path.clone(), node) {
            Some(_) => Err(refuse(&path, "its name comes twice")),
            None => Ok(()),
        }
    }

    fn content<R: Read>(&mut self, entry: &Entry<'_, R>, path: &Path) -> Result<Node, Error> {
        let (offset, size) = (entry.raw_file_position(), entry.size());
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Err(refuse(path, "its content is cut off"));
        }
        let meta = self.meta(entry, path)?;
        self.contents.push(Content { meta, offset, size });
        Ok(Node::File(self.contents.len() - 1))
    }

    fn meta<R: Read>(&self, entry: &Entry<'_, R>, path: &Path) -> Result<Meta, Error> {
        let header = entry.header();
        let read = || -> std::io::Result<Meta> {
            Ok(Meta {
                mode: header.mode()? & 0o1777,
                uid: header.uid()?,
                gid: header.gid()?,
                mtime: header.mtime()?.min(self.epoch),
            })
        };
        read().map_err(|error| refuse(path, &error.to_string()))
    }
}

fn target<R: Read>(entry: &Entry<'_, R>, path: &Path) -> Result<PathBuf, Error> {
    let target = entry.link_name_bytes().unwrap_or_default();
    if target.is_empty() || target.len() > PATH_MAX || target.contains(&0) {
        return Err(refuse(path, "it is a link to an impossible name"));
    }
    Ok(as_path(&target).to_owned())
}

/// A path relative to the root, `None` for the root itself.
fn below_root(raw: &[u8]) -> Result<Option<PathBuf>, Error> {
    let raw = as_path(raw);
    if raw.as_os_str().len() > PATH_MAX || raw.as_os_str().as_bytes().contains(&0) {
        return Err(refuse(raw, "its name is impossible"));
    }
    let mut path = PathBuf::new();
    for part in raw.components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            _ => return Err(refuse(raw, "its name leads out of the root")),
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn refuse(path: &Path, why: &str) -> Error {
    let path: String = path.to_string_lossy().escape_debug().take(200).collect();
    Error::answer(format!("`{path}` in the exported file system: {why}"))
}

#[cfg(test)]
mod tests;
