//! Moving files into and out of a volume, as tar streams through its keeper.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bollard::body_try_stream;
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use futures::StreamExt as _;
use tar::{Archive, Builder, EntryType};

use super::image::header;
use super::pieces::{PIECE, Receiving, Sending, channel, joined};
use crate::export::{Exported, Exporter, Refusal};
use crate::fill::{self, Entry};
use crate::rules::USER;
use crate::runtime::Error;
use crate::spec::Workspace;

/// Sends the initial content in.
pub(super) async fn fill(engine: &bollard::Docker, keeper: &str, workspace: &Workspace) -> Result<(), Error> {
    let Some(root) = workspace.initial.clone() else {
        return Ok(());
    };
    let (sender, mut receiver) = channel();
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
    let (sender, receiver) = channel();
    let unpack = tokio::task::spawn_blocking(move || {
        let mut exporter = Exporter::create(&folder, bytes, files)?;
        unpack(Receiving::new(receiver), &mut exporter)?;
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
