//! Reading an OCI image layout as if an enemy had made it.
//!
//! One chain of digests is followed: the asked manifest, its configuration, its one layer. Whatever
//! is read is bounded and no link, the layer is hashed as it is read, and its entries reach a
//! [`Sink`] only by the rules in [`layer`]. Of the configuration only the platform counts.

mod blob;
#[cfg(test)]
pub(crate) mod example;
mod extensions;
mod layer;
mod names;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::digest::ImageDigest;
use crate::runtime::Error;

use blob::Blob;
use layer::Bounds;

pub(crate) use layer::{Attributes, Discard, Sink};

/// No index, manifest or configuration of one layer comes near it.
const DOCUMENT_MAX: u64 = 1 << 20;
/// A decoder's memory: what `zstd` itself takes without being asked for more.
const WINDOW_LOG_MAX: u32 = 27;

const VERSION: &str = "1.0.0";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What the digest leads to; the rest of each document is of no interest here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: ImageDigest,
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
}

/// A layout whose documents have been checked.
#[derive(Debug)]
pub(crate) struct Layout {
    root: OwnedFd,
    layer: Descriptor,
}

impl Layout {
    /// Opens a layout and checks everything but the layer.
    pub(crate) fn open(folder: &Path, digest: &ImageDigest) -> Result<Self, Error> {
        let root = openat(CWD, folder, FOLDER, Mode::empty()).map_err(|error| {
            Error::io(format!("opening the image layout {}", folder.display()))(error.into())
        })?;
        let marker: Marker = json("oci-layout", &named(&root, "oci-layout")?)?;
        if marker.image_layout_version != VERSION {
            return Err(refuse(format!(
                "oci-layout states another version than {VERSION}"
            )));
        }
        let index: Index = json("index.json", &named(&root, "index.json")?)?;
        let [manifest] = index.manifests.as_slice() else {
            return Err(refuse("index.json must list exactly one manifest"));
        };
        if manifest.digest != *digest {
            return Err(refuse(format!(
                "index.json lists {}, not {digest}",
                manifest.digest
            )));
        }
        let manifest: Manifest = document(&root, "the manifest", manifest, MANIFEST)?;
        let [layer] = manifest.layers.as_slice() else {
            let why = "it has more or fewer layers than one; `quorate task pack` makes one of them";
            return Err(refuse(why));
        };
        if ![TAR, TAR_ZSTD].contains(&layer.media_type.as_str()) {
            let why = "its layer is neither tar nor tar+zstd; `quorate task pack` makes it tar+zstd";
            return Err(refuse(why));
        }
        let config: Config = document(&root, "the configuration", &manifest.config, CONFIG)?;
        if (config.os.as_str(), config.architecture.as_str()) != ("linux", architecture()) {
            return Err(refuse(format!(
                "it is not for linux on {}, as this host is",
                architecture()
            )));
        }
        let layer = layer.clone();
        Ok(Self { root, layer })
    }

    /// Hands the layer's entries to `sink`. What the sink has made is worth nothing unless this
    /// returns well: only at the layer's end its digest is known.
    pub(crate) fn walk(&self, sink: &mut dyn Sink) -> Result<(), Error> {
        let bounds = Bounds::default();
        if self.layer.size > bounds.bytes {
            return Err(refuse("its layer is larger than an image may be"));
        }
        let mut blob = blob(&self.root, &self.layer)?;
        if self.layer.media_type == TAR {
            layer::walk(&mut blob, bounds, sink)?;
        } else {
            let unreadable = Error::io("preparing to decompress the layer");
            let mut decoder = zstd::Decoder::new(&mut blob).map_err(unreadable)?;
            let bounded = decoder.window_log_max(WINDOW_LOG_MAX);
            bounded.map_err(Error::io("bounding the decompressor"))?;
            layer::walk(decoder, bounds, sink)?;
        }
        blob.finish()
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How OCI calls the processor of this host.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Reads a file that no digest covers.
fn named(root: &OwnedFd, name: &str) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    let mut bounded = open(root, &[name])?.take(DOCUMENT_MAX + 1);
    bounded
        .read_to_end(&mut content)
        .map_err(Error::io(format!("reading {name}")))?;
    if content.len() as u64 > DOCUMENT_MAX {
        return Err(refuse(format!("{name} is larger than {DOCUMENT_MAX} bytes")));
    }
    Ok(content)
}

/// Reads a document under its digest.
fn document<T: DeserializeOwned>(
    root: &OwnedFd,
    what: &str,
    descriptor: &Descriptor,
    media_type: &str,
) -> Result<T, Error> {
    if descriptor.media_type != media_type {
        return Err(refuse(format!("{what} is no {media_type}")));
    }
    if descriptor.size > DOCUMENT_MAX {
        return Err(refuse(format!("{what} is larger than {DOCUMENT_MAX} bytes")));
    }
    let mut blob = blob(root, descriptor)?;
    let mut content = Vec::new();
    blob.read_to_end(&mut content)
        .map_err(Error::io(format!("reading {what}")))?;
    blob.finish()?;
    json(what, &content)
}

fn json<T: DeserializeOwned>(what: &str, content: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(content).map_err(|error| refuse(format!("{what} cannot be read: {error}")))
}

fn blob(root: &OwnedFd, descriptor: &Descriptor) -> Result<Blob, Error> {
    let file = open(root, &["blobs", "sha256", descriptor.digest.hex()])?;
    Ok(Blob::new(file, descriptor.size, descriptor.digest.clone()))
}

/// Opens a regular file below the layout, through no link.
fn open(root: &OwnedFd, names: &[&str]) -> Result<File, Error> {
    let path = names.join("/");
    let failed = |error: rustix::io::Errno| Error::io(format!("opening the image's {path}"))(error.into());
    let mut folder = None;
    let mut file = None;
    for (place, name) in names.iter().enumerate() {
        let parent = folder.as_ref().unwrap_or(root);
        // Without blocking, since the name may be a pipe's.
        let last = place + 1 == names.len();
        let kind = if last { OFlags::NONBLOCK } else { OFlags::DIRECTORY };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | kind;
        let opened = openat(parent, *name, flags, Mode::empty()).map_err(failed)?;
        if last {
            file = Some(File::from(opened));
        } else {
            folder = Some(opened);
        }
    }
    let is_regular = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
    file.filter(is_regular)
        .ok_or_else(|| refuse(format!("its {path} is no regular file")))
}

fn refuse(why: impl Into<String>) -> Error {
    Error::BadImage { why: why.into() }
}
