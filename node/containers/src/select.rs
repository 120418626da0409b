//! Choosing a backend.

use std::path::PathBuf;
use std::sync::Arc;

use crate::docker::Docker;
use crate::embedded::Embedded;
use crate::ownership::{Claim, Owner};
use crate::runtime::{Error, Runtime};

/// Which backend the node's owner wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Docker where an engine answers and a probe shows that it keeps the vital promises, else
    /// embedded.
    #[default]
    Auto,
    /// Docker, or an error.
    Docker,
    /// Embedded, or an error.
    Embedded,
}

/// Makes a runtime for `owner`, with its files below `scratch`, and in `images` what it unpacks of
/// images. Owners may share that folder; an engine keeps images by itself.
///
/// # Errors
/// [`Error::Locked`] where another live runtime has this owner, and what the backend says where it
/// cannot be used.
pub async fn select(
    choice: Choice,
    owner: Owner,
    scratch: PathBuf,
    images: PathBuf,
) -> Result<Arc<dyn Runtime>, Error> {
    let claim = Claim::take(&owner, &scratch)?;
    match choice {
        Choice::Docker => Ok(Arc::new(Docker::connect(claim).await?)),
        Choice::Embedded => Ok(Arc::new(Embedded::new(claim, &images)?)),
        Choice::Auto => {
            match capable_docker(Arc::clone(&claim)).await {
                Ok(docker) => return Ok(Arc::new(docker)),
                Err(error) => {
                    tracing::info!(%error, "no usable container engine: using the embedded runtime")
                }
            }
            Ok(Arc::new(Embedded::new(claim, &images)?))
        }
    }
}

async fn capable_docker(claim: Arc<Claim>) -> Result<Docker, Error> {
    let docker = Docker::connect(claim).await?;
    match docker.check().await?.refusal() {
        Some(why) => Err(Error::Unenforceable {
            what: "a vital promise",
            why,
        }),
        None => Ok(docker),
    }
}
