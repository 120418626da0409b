//! An OCI image layout on disk: two short descriptions, a manifest and the layer, each named by its
//! digest. Every JSON text is canonical: no spaces, and its keys in alphabetical order.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Image;
use crate::error::Error;
use crate::layer::{self, Hashed, named};
use crate::tree::Tree;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What machine an image is for, in the engine's words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Platform {
    pub(crate) architecture: String,
    pub(crate) os: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    manifests: Vec<Descriptor>,
    media_type: String,
    schema_version: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
    media_type: String,
    schema_version: u8,
}

#[derive(Serialize)]
struct Config {
    architecture: String,
    created: String,
    os: String,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct RootFs {
    diff_ids: Vec<String>,
    #[serde(rename = "type")]
    kind: String,
}

/// Writes the tree as a layout, first into a folder below `beside` and then, whole, to its place.
pub(crate) fn write(
    tree: &Tree,
    epoch: u64,
    platform: &Platform,
    layout: &Path,
    beside: &Path,
) -> Result<Image, Error> {
    let write = || -> io::Result<Image> {
        let scratch = tempfile::tempdir_in(beside)?;
        let draft = scratch.path().join("layout");
        fs::create_dir_all(draft.join("blobs/sha256"))?;
        let image = write_draft(tree, epoch, platform, &draft)?;
        fs::rename(&draft, layout)?;
        Ok(image)
    };
    write().map_err(Error::io(format!("writing the image to `{}`", layout.display())))
}

fn write_draft(tree: &Tree, epoch: u64, platform: &Platform, layout: &Path) -> io::Result<Image> {
    let unnamed = layout.join("layer");
    let layer = layer::write(tree, File::create_new(&unnamed)?)?;
    fs::rename(unnamed, blob(layout, &layer.packed.digest))?;

    let config = put(
        layout,
        CONFIG,
        &Config {
            architecture: platform.architecture.clone(),
            created: utc(epoch),
            os: platform.os.clone(),
            rootfs: RootFs {
                diff_ids: vec![layer.unpacked.digest.clone()],
                kind: "layers".into(),
            },
        },
    )?;
    let manifest = put(
        layout,
        MANIFEST,
        &Manifest {
            config,
            layers: vec![descriptor(LAYER, &layer.packed)],
            media_type: MANIFEST.into(),
            schema_version: 2,
        },
    )?;
    let digest = manifest.digest.clone();
    let index = Index {
        manifests: vec![Descriptor {
            platform: Some(platform.clone()),
            ..manifest
        }],
        media_type: INDEX.into(),
        schema_version: 2,
    };
    fs::write(layout.join("index.json"), serde_json::to_vec(&index)?)?;
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(Image {
        digest,
        diff_id: layer.unpacked.digest,
        unpacked_bytes: layer.unpacked.bytes,
        packed_bytes: layer.packed.bytes,
    })
}

/// Stores a JSON text as a blob.
fn put(layout: &Path, media_type: &str, value: &impl Serialize) -> io::Result<Descriptor> {
    let text = serde_json::to_vec(value)?;
    let hashed = Hashed {
        digest: named(Sha256::new_with_prefix(&text)),
        bytes: text.len() as u64,
    };
    fs::write(blob(layout, &hashed.digest), text)?;
    Ok(descriptor(media_type, &hashed))
}

fn descriptor(media_type: &str, hashed: &Hashed) -> Descriptor {
    Descriptor {
        digest: hashed.digest.clone(),
        media_type: media_type.into(),
        platform: None,
        size: hashed.bytes,
    }
}

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

/// A moment as RFC 3339 writes it. Counted in years that begin in March, a leap day is a year's last.
fn utc(epoch: u64) -> String {
    let days = epoch / 86_400 + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next_year) = if from_march < 10 {
        (from_march + 3, 0)
    } else {
        (from_march - 9, 1)
    };
    let year = era * 400 + year_of_era + next_year;
    let (hour, minute, second) = (epoch / 3600 % 24, epoch / 60 % 60, epoch % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (epoch, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_763_683_200, "2025-11-21T00:00:00Z"),
            (u64::from(u32::MAX), "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(utc(epoch), expected);
        }
    }
}
