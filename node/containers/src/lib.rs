//! Containers for untrusted work: the part of Quorate that protects a volunteer's machine.
//!
//! One trait, [`Runtime`], two backends, the same guarantees: [`docker`] drives an engine over its
//! socket, [`embedded`] needs none. A [`Spec`] says what to run and within which limits; it cannot
//! ask for less protection. `tests/guarantees.rs` asserts every promise from inside a container,
//! against both backends.
//!
//! Always, whatever the spec says: no network; no capabilities and no way to gain any; a seccomp
//! filter ([`syscalls`]); a read-only root; an unprivileged user; private process, IPC, host name,
//! mount and network namespaces; limits on memory (no swap), processes, CPU, open files, disk
//! (bytes and files), output and wall time; nothing of the node's home and no socket visible; and
//! everything removed afterwards, by [`Runtime::sweep`] if the node itself was killed.
//!
//! The root is the host's own `/usr` or an OCI image, imported under its digest ([`Image`]).
//!
//! The workspace and `/tmp` are memory-backed, so their content counts against the memory limit.
//!
//! A program that links this crate must call [`embedded::helper_main_if_requested`] first thing in
//! `main`, before any thread exists.

mod digest;
pub mod docker;
pub mod embedded;
mod export;
mod facts;
mod fill;
mod host;
mod oci;
mod ownership;
mod report;
mod rules;
mod runtime;
mod select;
mod spec;
mod supervise;
pub mod syscalls;

pub use digest::ImageDigest;
pub use export::{Exported, Refusal, Refused};
pub use host::{Fingerprint, host_fingerprint};
pub use ownership::Owner;
pub use report::{Backend, Component, Guarantee, Promise, Report, State};
pub use runtime::{Container, Control, End, Error, Finished, Runtime, Swept};
pub use select::{Choice, select};
pub use spec::{Device, Image, Limits, Mount, Spec, Workspace};
