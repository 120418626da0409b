//! One blob on disk: how it gets there whole, and how it is read with its tree.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bao_tree::TreeNode;
use quorate_core::Digest;
use tempfile::NamedTempFile;

use super::error::{Context, StoreError};
use super::index::Reservation;
use super::{Store, gc, sync_dir};
use crate::tree;

pub(super) const TREE_SUFFIX: &str = ".tree";

/// Where a blob lies: 256 folders keep each of them small.
pub(super) fn path(root: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    let (shard, rest) = name.split_at(2);
    root.join("blobs").join(shard).join(rest)
}

pub(super) fn tree_path(blob: &Path) -> PathBuf {
    let mut name = blob.as_os_str().to_owned();
    name.push(TREE_SUFFIX);
    name.into()
}

/// Copies what is read through it, and remembers whether reading or writing failed.
struct Tee<R, W> {
    from: R,
    to: W,
    write_error: Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buf)?;
        if let Err(error) = self.to.write_all(buf.get(..count).unwrap_or_default()) {
            self.write_error = Some(error);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(count)
    }
}

/// A blob that is written and synced, but not yet under its name. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    reservation: Reservation<'a>,
    data: NamedTempFile,
    nodes: Option<NamedTempFile>,
    pub(super) digest: Digest,
    size: u64,
}

impl Store {
    /// Sets room aside, writes exactly `size` bytes of `from` to a temporary file, and hashes them on the way.
    ///
    /// `name` says what is read, for the error where there are fewer or more bytes.
    pub(super) fn receive(
        &self,
        from: &mut dyn Read,
        size: u64,
        name: &str,
    ) -> Result<Incoming<'_>, StoreError> {
        let reservation = self.reserve(size)?;
        let tmp = self.tmp();
        let data = NamedTempFile::new_in(&tmp).at("write to", &tmp)?;
        let mut nodes = self.new_nodes(size)?;
        let mut tee = Tee {
            from: &mut *from,
            to: data.as_file(),
            write_error: None,
        };
        let hashed = match &mut nodes {
            Some(nodes) => hash_into(&mut tee, size, nodes),
            None => tree::hash(&mut tee, size, io::sink()),
        };
        let digest = match (hashed, tee.write_error) {
            (Ok(digest), _) => digest,
            (Err(_), Some(error)) => return Err(error).at("write to", data.path()),
            (Err(error), None) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(StoreError::Changed(name.to_owned()));
            }
            (Err(error), None) => return Err(error).at("read", Path::new(name)),
        };
        if from.read(&mut [0]).at("read", Path::new(name))? != 0 {
            return Err(StoreError::Changed(name.to_owned()));
        }
        for file in std::iter::once(&data).chain(&nodes) {
            seal(file.as_file()).at("sync", file.path())?;
        }
        Ok(Incoming {
            reservation,
            data,
            nodes,
            digest,
            size,
        })
    }

    /// A temporary file for the inner nodes, where a blob of `size` bytes has any.
    fn new_nodes(&self, size: u64) -> Result<Option<NamedTempFile>, StoreError> {
        let tmp = self.tmp();
        match tree::nodes_size(size) {
            0 => Ok(None),
            _ => NamedTempFile::new_in(&tmp).map(Some).at("write to", &tmp),
        }
    }

    /// Gives a blob its name, unless a whole one is there already, and counts it.
    pub(super) fn commit(&self, incoming: Incoming<'_>) -> Result<(), StoreError> {
        let path = self.blob_path(&incoming.digest);
        self.shard(&path)?;
        let mut state = self.state();
        // Released first: should a rename fail, the guard's own release must find the lock free.
        incoming.reservation.settle(&mut state);
        if state.blobs.get(&incoming.digest) != Some(&incoming.size) {
            if let Some(nodes) = incoming.nodes {
                let path = tree_path(&path);
                nodes
                    .persist(&path)
                    .map_err(|error| error.error)
                    .at("write", &path)?;
            }
            incoming
                .data
                .persist(&path)
                .map_err(|error| error.error)
                .at("write", &path)?;
            state.add_blob(incoming.digest, incoming.size);
        }
        Ok(())
    }

    /// Makes the folder that `blob` goes to.
    pub(super) fn shard(&self, blob: &Path) -> Result<(), StoreError> {
        let Some(dir) = blob.parent() else { return Ok(()) };
        match fs::create_dir(dir) {
            Ok(()) => sync_dir(&self.root.join("blobs")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error).at("make", dir),
        }
    }

    /// Hashes the file of a finished download, writes its tree beside it, and says what its digest is.
    pub(super) fn hash_file(
        &self,
        file: &File,
        size: u64,
        path: &Path,
    ) -> Result<(Digest, Option<NamedTempFile>), StoreError> {
        let mut nodes = self.new_nodes(size)?;
        let reader = At { file, at: 0 };
        let digest = match &mut nodes {
            Some(nodes) => hash_into(reader, size, nodes),
            None => tree::hash(reader, size, io::sink()),
        };
        let digest = digest.at("hash", path)?;
        if let Some(nodes) = &nodes {
            seal(nodes.as_file()).at("sync", nodes.path())?;
        }
        Ok((digest, nodes))
    }

    /// Opens a blob for serving ranges of it, building its tree anew where that is gone.
    ///
    /// Gives nothing where the blob is not here. A blob that turns out to be damaged is dropped.
    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<Option<BlobReader>, StoreError> {
        let Some(size) = self.state().blobs.get(digest).copied() else {
            return Ok(None);
        };
        let path = self.blob_path(digest);
        let data = match File::open(&path) {
            // Collected just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("open", &path)?,
        };
        let nodes = match tree::nodes_size(size) {
            0 => None,
            length => Some(self.open_nodes(digest, &data, &path, size, length)?),
        };
        Ok(Some(BlobReader { data, nodes, size }))
    }

    /// Removes the tree of a blob, so that it is built anew.
    pub(crate) fn drop_tree(&self, digest: &Digest) -> Result<(), StoreError> {
        gc::remove(&tree_path(&self.blob_path(digest)))
    }

    fn open_nodes(
        &self,
        digest: &Digest,
        data: &File,
        path: &Path,
        size: u64,
        length: u64,
    ) -> Result<File, StoreError> {
        let tree_path = tree_path(path);
        if let Ok(nodes) = File::open(&tree_path)
            && nodes.metadata().is_ok_and(|meta| meta.len() == length)
        {
            return Ok(nodes);
        }
        let (actual, nodes) = self.hash_file(data, size, path)?;
        match nodes {
            Some(nodes) if actual == *digest => nodes
                .persist(&tree_path)
                .map_err(|error| error.error)
                .at("write", &tree_path),
            _ => {
                // Known to be damaged: gone, so that it counts as missing and is not hashed at every request.
                self.remove_blob(&mut self.state(), digest)?;
                Err(StoreError::WrongDigest(*digest))
            }
        }
    }
}

fn hash_into(data: impl Read, size: u64, nodes: &mut NamedTempFile) -> io::Result<Digest> {
    let mut nodes = BufWriter::new(nodes.as_file_mut());
    let digest = tree::hash(data, size, &mut nodes)?;
    nodes.flush()?;
    Ok(digest)
}

/// Makes a finished file durable and read-only.
pub(super) fn seal(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o400))?;
    file.sync_all()
}

/// Reads a file from an offset without moving its cursor, which others may share.
pub(super) struct At<'a> {
    pub(super) file: &'a File,
    pub(super) at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buf, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// A blob open for serving. It stays readable when the blob is collected meanwhile.
#[derive(Debug)]
pub(crate) struct BlobReader {
    data: File,
    nodes: Option<File>,
    pub(crate) size: u64,
}

impl BlobReader {
    /// Reads bytes of the blob.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.data.read_exact_at(into, offset)
    }

    /// Reads an inner node of the tree.
    pub(crate) fn read_node(&self, node: TreeNode, into: &mut [u8]) -> io::Result<()> {
        let at = tree::geometry(self.size)
            .post_order_offset(node)
            .map(|at| at.value() * tree::NODE as u64);
        match (&self.nodes, at) {
            (Some(nodes), Some(at)) => nodes.read_exact_at(into, at),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}
