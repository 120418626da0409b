//! Artifacts: the files an attempt hands in, a task bundle, an agent or an image, addressed by content.
//!
//! Four parts, each of which can be read alone:
//! - [`manifest`]: what an artifact is: a list of paths, modes, sizes and digests with one spelling;
//! - [`store`]: where artifacts rest on disk, each blob once, within a quota;
//! - [`archive`]: artifacts to and from tar streams, as container engines speak them;
//! - [`transfer`]: artifacts between nodes, from several providers at once, each 16 KiB verified
//!   before it touches the disk.
//!
//! Everything that comes from outside is bounded before it is allocated and checked before it is stored.

pub mod archive;
pub mod manifest;
pub mod store;
pub mod transfer;
mod tree;

pub use manifest::{File, Manifest, Mode};
pub use store::{Limits, Store, StoreError};
