//! Tasks: what an environment states, how it becomes a bundle, what an attempt hands in and what its
//! scorer says, and the environments, agents and campaigns that Quorate ships.
//!
//! - [`definition`]: `task.toml`, and everything that can be wrong with an environment;
//! - [`catalog`]: what the binary ships, and where a named environment or agent is found;
//! - [`bundle`], [`agent`]: environments and agents as artifacts, the same everywhere;
//! - [`workshop`]: who builds the images and runs the preparations that packing needs;
//! - [`campaign`]: campaign files, packed into what a coordinator publishes;
//! - [`handin`]: the declared files of an attempt's work folder;
//! - [`scoring`]: a scorer's output as an outcome.
//!
//! Nothing here runs a container or talks to a network. Every call blocks.

pub mod agent;
pub mod bundle;
pub mod campaign;
pub mod catalog;
pub mod declared;
pub mod definition;
pub mod handin;
pub mod packing;
pub mod scoring;
pub mod toml_file;
mod tree;
pub mod workshop;

#[cfg(test)]
mod sample;

pub use agent::{AgentError, AgentSpec, Setting, open_agent, pack_agent};
pub use bundle::{BundleError, Order, Packed};
pub use campaign::{CampaignError, CampaignFile, PackedCampaign, shipped_campaign};
pub use catalog::{CatalogError, Source};
pub use definition::{Definition, Finding};
pub use handin::{Defect, HandInError, HandedIn};
pub use packing::OpenError;
pub use scoring::{ScorerError, Scoring};
pub use workshop::Workshop;
