//! Container images built so that the same inputs make the same digest.
//!
//! [`build`] has the engine at hand, Docker or Podman, build a Containerfile, takes the finished file
//! system out and packs it anew: one layer, its entries in order, no time newer than the Containerfile's
//! `SOURCE_DATE_EPOCH`, nothing that only tells of the building machine. The result is an OCI image
//! layout. What a digest still depends on is what the steps themselves fetch, so a Containerfile pins
//! its versions.
//!
//! Only files count. `ENV`, `USER`, `ENTRYPOINT` and the like are not carried over: what runs in the
//! image, as whom and in which environment is the node's to say.
//!
//! The engine keeps its build cache; whatever else a build made there is removed, after a failure too.

mod context;
mod duplicates;
mod engine;
mod error;
mod layer;
mod layout;
mod log;
mod recipe;
mod tree;
mod volatile;

use std::path::Path;

use engine::Engine;
pub use error::Error;
pub use recipe::Recipe;
use tree::Tree;

/// What a layout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest's digest, `sha256:…`, which names the image.
    pub digest: String,
    /// The digest of the layer before compression, which does not depend on the compressor's version.
    pub diff_id: String,
    /// Bytes of the layer before compression.
    pub unpacked_bytes: u64,
    /// Bytes of the layer as it is stored.
    pub packed_bytes: u64,
}

/// Builds a recipe's image and writes it to `layout`, a folder that does not exist yet.
///
/// Each line of the engine's log goes to `progress`. The folder appears whole or not at all; what is
/// written meanwhile lies beside it.
pub async fn build(
    recipe: &Recipe,
    layout: &Path,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<Image, Error> {
    let plan = recipe.read()?;
    let beside = layout.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new(".")).to_owned();
    let archive = tempfile::tempfile_in(&beside).map_err(Error::io("making a temporary file"))?;

    let engine = Engine::connect().await?;
    let (archive, platform) = engine.build_and_export(recipe, &plan, archive, progress).await?;

    let layout = layout.to_owned();
    let pack = move || {
        layout::write(
            &Tree::read(archive, plan.epoch)?,
            plan.epoch,
            &platform,
            &layout,
            &beside,
        )
    };
    let packed = tokio::task::spawn_blocking(pack).await;
    packed.map_err(|error| Error::io("packing the image")(std::io::Error::other(error)))?
}
