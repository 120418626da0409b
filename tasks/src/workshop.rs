//! What packing an environment needs beyond its files: somebody who builds images and runs a preparation.

use std::error::Error;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use quorate_core::task::{Image, Limits};
use thiserror::Error as ThisError;

/// A preparation to run.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// What the container is made from.
    pub image: Image,
    /// The command.
    pub command: Vec<String>,
    /// What it sees as `/task`: the environment's files and the shared modules.
    pub task: PathBuf,
    /// An empty folder that receives what it leaves in its working folder.
    pub out: PathBuf,
    /// What it may use.
    pub limits: Limits,
}

/// Builds images and runs preparations. Every call blocks.
pub trait Workshop: Debug {
    /// The image that a Containerfile describes.
    ///
    /// # Errors
    /// Where it cannot be built.
    fn image(&self, containerfile: &Path) -> Result<Image, WorkshopError>;

    /// Runs a preparation to its end.
    ///
    /// # Errors
    /// Where it fails; the error carries what it said.
    fn prepare(&self, preparation: &Preparation) -> Result<(), WorkshopError>;
}

/// Why a workshop could not do it.
#[derive(Debug, ThisError)]
#[error("{doing}")]
pub struct WorkshopError {
    /// What was being done.
    pub doing: String,
    /// Why it failed.
    pub source: Box<dyn Error + Send + Sync>,
}
