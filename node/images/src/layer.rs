//! A tree as the one layer of an image: same files, same bytes.
//!
//! Entries come in the order of their paths. Of equal files the first is the file and the others are
//! hard links to it, but for empty ones. Owners are numbers, and what only extended headers could say
//! is gone.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::tree::{Meta, Node, Tree};

/// Higher levels take many times as long for a few per cent. Changing it changes every digest.
const LEVEL: i32 = 9;
const BUFFER: usize = 1 << 20;

/// A layer as written.
pub(crate) struct Layer {
    /// Before compression.
    pub(crate) unpacked: Hashed,
    /// As stored.
    pub(crate) packed: Hashed,
}

/// The digest, as `sha256:…`, and the length of some bytes.
pub(crate) struct Hashed {
    pub(crate) digest: String,
    pub(crate) bytes: u64,
}

/// Writes the tree's layer, compressed by one thread, which is what makes the result repeatable.
pub(crate) fn write(tree: &Tree, out: File) -> io::Result<Layer> {
    let packed = Hashing::new(BufWriter::with_capacity(BUFFER, out));
    let mut unpacked = Hashing::new(zstd::Encoder::new(packed, LEVEL)?);
    write_tar(tree, &mut unpacked)?;
    let (encoder, unpacked) = unpacked.finish();
    let (mut out, packed) = encoder.finish()?.finish();
    out.flush()?;
    Ok(Layer { unpacked, packed })
}

fn write_tar(tree: &Tree, out: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(out);
    let mut archive = BufReader::with_capacity(BUFFER, &tree.archive);
    let mut first: Vec<Option<&PathBuf>> = vec![None; tree.contents.len()];
    for (path, node) in &tree.nodes {
        match node {
            Node::Folder(meta) => {
                let mut header = header(EntryType::Directory, meta, 0);
                tar.append_data(&mut header, path, io::empty())?;
            }
            Node::Link(meta, target) => {
                let meta = Meta { mode: 0o777, ..*meta };
                tar.append_link(&mut header(EntryType::Symlink, &meta, 0), path, target)?;
            }
            Node::File(number) => {
                let (Some(content), Some(first)) = (tree.contents.get(*number), first.get_mut(*number))
                else {
                    return Err(io::Error::other(format!("`{}` has no content", path.display())));
                };
                if let Some(first) = first.filter(|_| content.size > 0) {
                    tar.append_link(&mut header(EntryType::Link, &content.meta, 0), path, first)?;
                    continue;
                }
                *first = Some(path);
                archive.seek(SeekFrom::Start(content.offset))?;
                let mut header = header(EntryType::Regular, &content.meta, content.size);
                tar.append_data(&mut header, path, (&mut archive).take(content.size))?;
            }
        }
    }
    tar.into_inner()?.flush()
}

fn header(kind: EntryType, meta: &Meta, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode);
    header.set_uid(meta.uid);
    header.set_gid(meta.gid);
    header.set_mtime(meta.mtime);
    header.set_size(size);
    header
}

/// Hashes and counts what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn finish(self) -> (W, Hashed) {
        let digest = named(self.hash);
        let bytes = self.bytes;
        (self.inner, Hashed { digest, bytes })
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A finished hash as OCI writes it.
pub(crate) fn named(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}
