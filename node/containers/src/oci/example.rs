//! Layouts for the tests: whatever tar is wanted as the layer, under digests that fit.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::blob::hex;
use super::{CONFIG, MANIFEST, TAR, TAR_ZSTD, architecture};
use crate::digest::ImageDigest;

pub(crate) const FILE: &str = "usr/share/marker";
pub(crate) const CONTENT: &[u8] = b"of the image";

/// A small image in `folder`.
pub(crate) fn layout(folder: &Path) -> ImageDigest {
    with_layer(folder, &tar(&[entry(FILE, EntryType::Regular, CONTENT, "")]), TAR)
}

/// Changes the layer behind the end of its tar, where only the digest tells.
pub(crate) fn damage(folder: &Path) {
    let blobs = fs::read_dir(folder.join("blobs/sha256")).unwrap();
    let paths = blobs.map(|entry| entry.unwrap().path());
    let layer = paths
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut content = fs::read(&layer).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(layer, content).unwrap();
}

/// A layout whose layer holds these bytes.
pub(super) fn with_layer(folder: &Path, layer: &[u8], media_type: &str) -> ImageDigest {
    let config = json!({ "architecture": architecture(), "os": "linux", "rootfs": {} });
    let layer = blob(folder, layer, media_type);
    with(folder, &config, &[layer])
}

/// A layout of this configuration and these layers.
pub(super) fn with(folder: &Path, config: &Value, layers: &[Value]) -> ImageDigest {
    let config = blob(folder, config.to_string().as_bytes(), CONFIG);
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers });
    let manifest = blob(folder, manifest.to_string().as_bytes(), MANIFEST);
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    serde_json::from_value(index["manifests"][0]["digest"].clone()).unwrap()
}

/// Writes a blob and describes it.
pub(super) fn blob(folder: &Path, content: &[u8], media_type: &str) -> Value {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let digest = hex(&Sha256::digest(content));
    fs::write(blobs.join(&digest), content).unwrap();
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len() })
}

/// One entry's bytes, under any name at all.
pub(super) fn entry(name: &str, kind: EntryType, content: &[u8], target: &str) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    for (place, text) in [(&mut gnu.name, name), (&mut gnu.linkname, target)] {
        // The library's own setters refuse what the tests are about.
        place[..text.len()].copy_from_slice(text.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_mode(0o6755);
    header.set_size(content.len() as u64);
    header.set_mtime(1_000_000_000);
    header.set_cksum();
    let mut tar = Builder::new(Vec::new());
    tar.append(&header, content).unwrap();
    let mut bytes = tar.into_inner().unwrap();
    // Without the end of an archive.
    bytes.truncate(bytes.len() - 1024);
    bytes
}

pub(super) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

pub(super) fn zstd(content: &[u8]) -> (Vec<u8>, &'static str) {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(content).unwrap();
    (encoder.finish().unwrap(), TAR_ZSTD)
}
