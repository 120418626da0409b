//! The tar reader: one header after the other, every field checked before it is used.
//!
//! The loop is ours because the tar crate reads long names and extended headers into memory whatever
//! length they claim; the crate's header type does the splitting into fields.

use std::io::{self, Read, Take};

use super::ArchiveError;
use super::pax::{self, Pax};
use crate::manifest::{Mode, PathProblem, check_path};

const BLOCK: usize = 512;
/// The longest extended header. Attributes of a file fit; a novel does not.
const MAX_EXTENSION: u64 = 64 << 10;
/// The longest GNU long name: more than a path may have, so that the error can say so.
const MAX_LONG_NAME: u64 = 1024;
/// The most headers that speak for the whole archive.
const MAX_GLOBALS: u32 = 16;

/// An entry that an artifact can make something of.
#[derive(Debug)]
pub(super) enum Entry {
    /// The archive's own root.
    Root,
    Folder {
        path: String,
    },
    /// A file whose bytes come from [`Reader::body`].
    File {
        path: String,
        mode: Mode,
        size: u64,
    },
}

pub(super) struct Reader<R> {
    from: Take<R>,
    /// Zeros that fill up the last block of the file before.
    padding: u64,
    entry: u64,
    globals: u32,
}

/// What the headers before an entry's own say about it.
#[derive(Default)]
struct Extensions {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from: from.take(0),
            padding: 0,
            entry: 0,
            globals: 0,
        }
    }

    /// The bytes of the file that [`Reader::next`] gave last.
    pub(super) fn body(&mut self) -> &mut Take<R> {
        &mut self.from
    }

    /// The next entry, or nothing at the end mark. The file before must be read to its end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_padding()?;
        let mut extensions = Extensions::default();
        loop {
            let block = self.block()?;
            self.entry += 1;
            if block == [0; BLOCK] {
                if extensions.pax.is_some() || extensions.long_name.is_some() {
                    return Err(self.malformed("an extended header has no entry"));
                }
                return self.end();
            }
            let header = self.header(&block)?;
            let size = number(&header.as_old().size)
                .ok_or_else(|| self.malformed("the size is no number that fits"))?;
            match header.entry_type().as_byte() {
                b'x' if extensions.pax.is_none() => extensions.pax = Some(self.extension(size)?),
                b'g' => self.global(size)?,
                b'L' if extensions.long_name.is_none() => extensions.long_name = Some(self.long_name(size)?),
                b'x' | b'L' => {
                    return Err(self.malformed("two extended headers of one kind before one entry"));
                }
                kind => return self.entry(kind, header, size, extensions).map(Some),
            }
        }
    }

    /// Interprets an entry's own header together with those before it.
    fn entry(
        &mut self,
        kind: u8,
        header: &tar::Header,
        size: u64,
        extensions: Extensions,
    ) -> Result<Entry, ArchiveError> {
        let pax = extensions.pax.unwrap_or_default();
        let name = match (pax.path, extensions.long_name) {
            (Some(_), Some(_)) => return Err(self.malformed("two long names for one entry")),
            (Some(name), None) | (None, Some(name)) => name,
            (None, None) => header.path_bytes().into_owned(),
        };
        let size = match pax.size {
            // A size that does not fit the old field leaves it 0; anything else must agree.
            Some(real) if size == 0 || size == real => real,
            Some(_) => return Err(self.malformed("two sizes for one entry")),
            None => size,
        };
        let path = plain_path(&name, kind == b'5')?;
        match kind {
            b'0' | 0 => {
                let mode = number(&header.as_old().mode).and_then(|bits| u32::try_from(bits).ok());
                let mode = mode.ok_or_else(|| self.malformed("the mode is no number"))?;
                let path = path.ok_or_else(|| ArchiveError::Path {
                    path: ".".into(),
                    problem: PathProblem::Dots,
                })?;
                self.from.set_limit(size);
                self.padding = size.next_multiple_of(BLOCK as u64) - size;
                Ok(Entry::File {
                    path,
                    mode: Mode::from_bits(mode),
                    size,
                })
            }
            b'5' if size != 0 => Err(self.malformed("a folder with bytes of its own")),
            b'5' => Ok(path.map_or(Entry::Root, |path| Entry::Folder { path })),
            other => Err(ArchiveError::NotRegular {
                path: path.unwrap_or_default(),
                kind: kind_name(other),
            }),
        }
    }

    /// Checks that the block is a header at all.
    fn header<'a>(&self, block: &'a [u8; BLOCK]) -> Result<&'a tar::Header, ArchiveError> {
        let header = tar::Header::from_byte_slice(block);
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        let field: u64 = header.as_old().cksum.iter().map(|&byte| u64::from(byte)).sum();
        let expected = sum - field + 8 * u64::from(b' ');
        if number(&header.as_old().cksum) == Some(expected) {
            Ok(header)
        } else {
            Err(self.malformed("the header's checksum is wrong"))
        }
    }

    fn extension(&mut self, size: u64) -> Result<Pax, ArchiveError> {
        let bytes = self.bounded(size, MAX_EXTENSION)?;
        pax::parse(&bytes).map_err(|what| self.malformed(what))
    }

    /// A header for all entries that follow: read and checked, but it may rename or resize nothing.
    fn global(&mut self, size: u64) -> Result<(), ArchiveError> {
        self.globals += 1;
        if self.globals > MAX_GLOBALS {
            return Err(self.malformed("too many global headers"));
        }
        if self.extension(size)? == Pax::default() {
            return Ok(());
        }
        Err(self.malformed("a global header that sets a path or size"))
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut name = self.bounded(size, MAX_LONG_NAME)?;
        if name.pop_if(|byte| *byte == 0).is_none() || name.contains(&0) {
            return Err(self.malformed("a long name does not end at its first NUL"));
        }
        Ok(name)
    }

    /// Reads the bytes of an extended header, which must not be more than `most`.
    fn bounded(&mut self, size: u64, most: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > most {
            return Err(self.malformed("an extended header is too long"));
        }
        let mut bytes = vec![0; size as usize];
        self.read(&mut bytes)?;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        self.skip_padding()?;
        Ok(bytes)
    }

    /// One block of zeros was read; a second, or the stream's end, must follow.
    fn end(&mut self) -> Result<Option<Entry>, ArchiveError> {
        match self.block() {
            Ok(block) if block == [0; BLOCK] => Ok(None),
            Ok(_) => Err(self.malformed("data after the end mark")),
            Err(ArchiveError::Cut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn skip_padding(&mut self) -> Result<(), ArchiveError> {
        let mut rest = [0; BLOCK];
        let padding = std::mem::take(&mut self.padding) as usize;
        self.read(rest.get_mut(..padding).unwrap_or_default())
    }

    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        self.read(&mut block)?;
        Ok(block)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), ArchiveError> {
        self.from
            .get_mut()
            .read_exact(into)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => ArchiveError::Cut,
                _ => ArchiveError::Stream(error),
            })
    }

    fn malformed(&self, what: &'static str) -> ArchiveError {
        ArchiveError::Malformed {
            entry: self.entry,
            what,
        }
    }
}

/// The path in the manifest's spelling: without the `./` that tar puts in front, and without the `/` that
/// it puts after a folder. Nothing is left of the archive's root.
fn plain_path(name: &[u8], folder: bool) -> Result<Option<String>, ArchiveError> {
    let shown = || String::from_utf8_lossy(name).chars().take(255).collect();
    let wrong = |problem| ArchiveError::Path {
        path: shown(),
        problem,
    };
    let path = std::str::from_utf8(name).map_err(|_| wrong(PathProblem::NotUtf8))?;
    let path = path.strip_prefix("./").unwrap_or(path);
    let path = if folder {
        path.strip_suffix('/').unwrap_or(path)
    } else {
        path
    };
    if folder && !name.is_empty() && (path.is_empty() || path == ".") && !name.starts_with(b"/") {
        return Ok(None);
    }
    check_path(path).map_err(wrong)?;
    Ok(Some(path.to_owned()))
}

/// A numeric field: octal digits, or base 256 where the first bit is set. Nothing that does not fit.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        return high
            .iter()
            .all(|&byte| byte == 0)
            .then(|| low.try_into().ok().map(u64::from_be_bytes))?;
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_start_matches(' ').trim_end_matches(['\0', ' ']);
    if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    if digits.is_empty() {
        Some(0)
    } else {
        u64::from_str_radix(digits, 8).ok()
    }
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'1' | b'K' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'6' => "a pipe",
        b'S' => "a sparse file",
        _ => "an entry of a kind that is not taken",
    }
}
