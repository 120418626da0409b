//! OCI images in the engine, under names of their digests.
//!
//! An engine that imports a tar knows none of our rules. So the layout is walked twice: first to see
//! that all of it is good, then to send a tar of our own making, which holds nothing but what the
//! rules let through. The image has no configuration: the spec rules what runs.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use bollard::body_try_stream;
use bollard::errors::Error as EngineError;
use bollard::query_parameters as query;
use futures::TryStreamExt as _;
use tar::{Builder, EntryType};
use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

use super::image::header;
use super::pieces::{PIECE, Piece, Sending, channel, joined};
use crate::digest::ImageDigest;
use crate::oci::{Attributes, Discard, Layout, Sink};
use crate::runtime::Error;

const REPOSITORY: &str = "quorate/image";

/// The engine answers once everything is on its disk, and some file systems are slow.
const TIMEOUT: Duration = Duration::from_secs(3 * 3600);

/// What the engine calls an image.
pub(super) fn name(digest: &ImageDigest) -> String {
    format!("{REPOSITORY}:{}", digest.hex())
}

pub(super) async fn has(engine: &bollard::Docker, digest: &ImageDigest) -> Result<bool, Error> {
    match engine.inspect_image(&name(digest)).await {
        Ok(_) => Ok(true),
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(Error::engine(format!("looking for the image {digest}"))(error)),
    }
}

pub(super) async fn import(
    engine: &bollard::Docker,
    layout: &Path,
    digest: &ImageDigest,
) -> Result<(), Error> {
    let (folder, wanted) = (layout.to_owned(), digest.clone());
    let checked = spawn_blocking(move || {
        let layout = Layout::open(&folder, &wanted)?;
        layout.walk(&mut Discard).map(|()| layout)
    });
    let layout = joined(checked.await)?;
    let (sender, mut receiver) = channel();
    let packed = spawn_blocking(move || pack(&layout, sender));
    let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    let options = query::CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(digest.hex())
        .build();
    let engine = engine.clone().with_timeout(TIMEOUT);
    let imported = engine
        .create_image(Some(options), Some(body_try_stream(stream)), None)
        .try_for_each(|_| futures::future::ready(Ok(())))
        .await;
    match joined(packed.await) {
        // Nobody reads any more: the engine gave up, and says why.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {}
        packed => packed?,
    }
    imported.map_err(Error::engine(format!("importing the image {digest}")))
}

pub(super) async fn remove(engine: &bollard::Docker, digest: &ImageDigest) -> Result<(), Error> {
    let options = query::RemoveImageOptionsBuilder::default().build();
    match engine.remove_image(&name(digest), Some(options), None).await {
        Ok(_) | Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        Err(EngineError::DockerResponseServerError { status_code: 409, .. }) => Err(Error::ImageInUse {
            digest: digest.clone(),
        }),
        Err(error) => Err(Error::engine(format!("removing the image {digest}"))(error)),
    }
}

fn pack(layout: &Layout, sender: Sender<Piece>) -> Result<(), Error> {
    let target = io::BufWriter::with_capacity(PIECE, Sending(sender.clone()));
    let mut repack = Repack(Builder::new(target));
    if let Err(error) = layout.walk(&mut repack) {
        // Breaks the request off, and before the builder is dropped, which ends the archive: one that
        // ends well counts as a whole one. Where nobody reads any more it is broken off already.
        let _ = sender.blocking_send(Err(io::ErrorKind::InvalidData.into()));
        return Err(error);
    }
    let ended = repack.0.into_inner().and_then(|mut buffer| buffer.flush());
    ended.map_err(Error::io("sending the image to the engine"))
}

/// Writes a tar of what the rules let through.
struct Repack<W: Write>(Builder<W>);

impl<W: Write> Sink for Repack<W> {
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        let mut header = header(EntryType::Directory, 0o755, 0);
        self.0.append_data(&mut header, path, io::empty())
    }

    fn file(&mut self, path: &Path, attributes: Attributes, content: &mut dyn Read) -> io::Result<()> {
        let mode = if attributes.executable { 0o755 } else { 0o644 };
        let mut header = header(EntryType::Regular, mode, attributes.size);
        header.set_mtime(attributes.modified.into());
        self.0.append_data(&mut header, path, content)
    }

    fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, path, target)
    }

    fn hard_link(&mut self, path: &Path, first: &Path) -> io::Result<()> {
        let mut header = header(EntryType::Link, 0o644, 0);
        self.0.append_link(&mut header, path, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::example;

    #[test]
    fn a_refused_image_never_ends_as_a_whole_archive() {
        let home = tempfile::tempdir().unwrap();
        let digest = example::layout(home.path());
        let layout = Layout::open(home.path(), &digest).unwrap();
        example::damage(home.path());
        let (sender, mut receiver) = channel();
        let refused = pack(&layout, sender);
        assert!(matches!(refused, Err(Error::BadImage { .. })), "{refused:?}");
        assert!(receiver.blocking_recv().unwrap().is_err(), "nothing comes before");
    }
}
