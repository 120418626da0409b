//! Images on this host: what a task's containers are made from.

use std::path::PathBuf;

use quorate_containers::{Image, ImageDigest};
use quorate_core::digest::{ArtifactId, ManifestDigest};
use quorate_core::task;

use super::{RunError, Runner, Stage};

impl Runner {
    /// The artifact that has to be here before containers of this image can run, if one has to.
    pub(crate) async fn missing_image(&self, image: &task::Image) -> Result<Option<ArtifactId>, RunError> {
        match image {
            task::Image::Host => Ok(None),
            task::Image::Oci { artifact, manifest } => {
                let there = self.runtime.has_image(&name(manifest)?).await?;
                Ok((!there).then_some(*artifact))
            }
        }
    }

    /// Makes containers of this image possible. Its artifact must be in the store.
    pub(crate) async fn import_image(&self, image: &task::Image) -> Result<(), RunError> {
        let task::Image::Oci { artifact, manifest } = image else {
            return Ok(());
        };
        let (store, scratch, id) = (self.store.clone(), self.scratch.clone(), *artifact);
        let (layout, _stage) = tokio::task::spawn_blocking(move || {
            let stage = Stage::new(&scratch)?;
            let layout = stage.path("layout");
            store.unpack(id, &layout)?;
            Ok::<(PathBuf, Stage), RunError>((layout, stage))
        })
        .await??;
        Ok(self.runtime.import_image(&layout, &name(manifest)?).await?)
    }
}

/// An image as the backends know it.
pub(super) fn container_image(image: &task::Image) -> Result<Image, RunError> {
    match image {
        task::Image::Host => Ok(Image::Host),
        task::Image::Oci { manifest, .. } => Ok(Image::Oci {
            digest: name(manifest)?,
        }),
    }
}

fn name(manifest: &ManifestDigest) -> Result<ImageDigest, RunError> {
    Ok(manifest.to_string().parse()?)
}
