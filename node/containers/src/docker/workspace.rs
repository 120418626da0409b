//! Moving files into and out of a volume, as tar streams through its keeper.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bollard::body_try_stream;
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use bytes::Bytes;
use futures::StreamExt as _;
use tar::{Archive, Builder, EntryType};
use tokio::sync::mpsc;

use super::image::header;
use crate::export::{Exported, Exporter, Refusal};
use crate::fill::{self, Entry};
use crate::rules::USER;
use crate::runtime::Error;
use crate::spec::Workspace;

/// Pieces in flight between the engine's socket and the file system; each is at most a few
/// hundred kilobytes.
const IN_FLIGHT: usize = 8;
const PIECE: usize = 128 << 10;

type Piece = io::Result<Bytes>;

/// Sends the initial content in.
pub(super) async fn fill(engine: &bollard::Docker, keeper: &str, workspace: &Workspace) -> Result<(), Error> {
    let Some(root) = workspace.initial.clone() else {
        return Ok(());
    };
    let (sender, mut receiver) = mpsc::channel::<Piece>(IN_FLIGHT);
    let listed = workspace.clone();
    let pack = tokio::task::spawn_blocking(move || {
        let entries = fill::list(&listed)?;
        let mut tar = Builder::new(io::BufWriter::with_capacity(PIECE, Sending(sender)));
        let packed = entries
            .iter()
            .try_for_each(|entry| append(&mut tar, &root, entry));
        packed
            .and_then(|()| tar.into_inner()?.flush())
            .map_err(Error::io("packing the workspace"))
    });
    let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    let options = UploadToContainerOptionsBuilder::default().path("/work").build();
    let sent = engine
        .upload_to_container(keeper, Some(options), body_try_stream(stream))
        .await;
    joined(pack.await)?;
    sent.map_err(Error::engine("filling the workspace"))
}

fn append<W: Write>(tar: &mut Builder<W>, root: &Path, entry: &Entry) -> io::Result<()> {
    let mode = if entry.folder || entry.executable {
        0o755
    } else {
        0o644
    };
    let kind = if entry.folder {
        EntryType::Directory
    } else {
        EntryType::Regular
    };
    let mut header = header(kind, mode, entry.size);
    header.set_uid(USER.into());
    header.set_gid(USER.into());
    if entry.folder {
        return tar.append_data(&mut header, &entry.path, io::empty());
    }
    let file = File::open(root.join(&entry.path))?;
    tar.append_data(&mut header, &entry.path, file.take(entry.size))
}

/// Writes the content out below the export folder.
pub(super) async fn export(
    engine: &bollard::Docker,
    keeper: &str,
    workspace: &Workspace,
) -> Result<Option<Exported>, Error> {
    let Some(folder) = workspace.export.clone() else {
        return Ok(None);
    };
    let (bytes, files) = (workspace.bytes, workspace.files);
    let (sender, receiver) = mpsc::channel::<Piece>(IN_FLIGHT);
    let unpack = tokio::task::spawn_blocking(move || {
        let mut exporter = Exporter::create(&folder, bytes, files)?;
        unpack(
            Receiving {
                receiver,
                piece: Bytes::new(),
            },
            &mut exporter,
        )?;
        Ok(exporter.finish())
    });
    let options = DownloadFromContainerOptionsBuilder::default()
        .path("/work")
        .build();
    let mut stream = engine.download_from_container(keeper, Some(options));
    while let Some(piece) = stream.next().await {
        // The receiver goes away early where a bound was met.
        if sender.send(piece.map_err(io::Error::other)).await.is_err() {
            break;
        }
    }
    drop(sender);
    joined(unpack.await).map(Some)
}

/// Reads a tar whose first component is the workspace's own name.
fn unpack(stream: impl Read, exporter: &mut Exporter) -> Result<(), Error> {
    let reading = || Error::io("reading the workspace's archive");
    let mut archive = Archive::new(stream);
    for entry in archive.entries().map_err(reading())? {
        let mut entry = entry.map_err(reading())?;
        let path = entry.path().map_err(reading())?.into_owned();
        let mut parts = path.components();
        parts.next();
        let path = parts.as_path().to_owned();
        if path.as_os_str().is_empty() {
            continue;
        }
        let header = entry.header();
        let (size, mode) = (entry.size(), header.mode().unwrap_or(0));
        match header.entry_type() {
            EntryType::Directory => {
                exporter.folder(&path)?;
            }
            EntryType::Regular => exporter.file(&path, mode & 0o100 != 0, size, &mut entry)?,
            EntryType::Symlink => exporter.refuse(&path, Refusal::Link),
            EntryType::Link => exporter.refuse(&path, Refusal::HardLink),
            _ => exporter.refuse(&path, Refusal::Special),
        }
        // Nothing more will be taken; what follows may be a sparse file's terabyte of zeroes.
        if exporter.is_full() {
            break;
        }
    }
    Ok(())
}

fn joined<T>(result: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    result.map_err(|error| Error::Helper {
        doing: "copying files".into(),
        why: error.to_string(),
    })?
}

/// The writing end of a tar being packed.
struct Sending(mpsc::Sender<Piece>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading end of a tar being unpacked.
struct Receiving {
    receiver: mpsc::Receiver<Piece>,
    piece: Bytes,
}

impl Read for Receiving {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let taken = self.piece.split_to(target.len().min(self.piece.len()));
        for (to, from) in target.iter_mut().zip(&taken) {
            *to = *from;
        }
        Ok(taken.len())
    }
}
