//! The host image's skeleton in the engine: empty folders, links and a few small files.
//!
//! `/usr` is bound over it at run time, so the image is a few kilobytes and never changes with the
//! host's packages.

use bollard::body_full;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt as _;
use tar::{Builder, EntryType, Header};

use crate::host;
use crate::runtime::Error;

/// Raised whenever the skeleton changes.
const VERSION: &str = "1";
const REPOSITORY: &str = "quorate/host";

pub(super) fn name() -> String {
    format!("{REPOSITORY}:{VERSION}")
}

/// Imports the skeleton unless the engine has it.
pub(super) async fn ensure(engine: &bollard::Docker) -> Result<(), Error> {
    if engine.inspect_image(&name()).await.is_ok() {
        return Ok(());
    }
    let skeleton = skeleton().map_err(Error::io("packing the host image's skeleton"))?;
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(VERSION)
        .build();
    engine
        .create_image(Some(options), Some(body_full(skeleton.into())), None)
        .try_for_each(|_| futures::future::ready(Ok(())))
        .await
        .map_err(Error::engine("importing the host image's skeleton"))
}

fn skeleton() -> std::io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (path, mode) in host::FOLDERS {
        tar.append_data(&mut header(EntryType::Directory, *mode, 0), path, &[][..])?;
    }
    for (path, target) in host::links() {
        tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)?;
    }
    for (path, content) in host::FILES {
        let size = content.len() as u64;
        tar.append_data(
            &mut header(EntryType::Regular, 0o644, size),
            path,
            content.as_bytes(),
        )?;
    }
    tar.into_inner()
}

pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
