//! Whole networks of real processes, for tests that kill, starve and deceive them.
//!
//! A [`World`] is a coordinator and nodes, each a process of the one binary with a home of its own
//! below one temporary folder. Tests wait on what the ledger says, never on the clock; when one
//! fails, every party's log is printed. One world lives at a time in a test program, since all share
//! this machine's cores.
//!
//! The binary is the one that `QUORATE_BIN` names, else the workspace's debug build, built if missing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking and by printing"
)]

pub mod binary;
pub mod cables;
pub mod campaign;
pub mod dishonest;
pub mod disk;
pub mod ledger;
pub mod party;
pub mod seed;
pub mod traces;
pub mod wait;
pub mod wire;
pub mod world;

pub use cables::Cables;
pub use campaign::Campaign;
pub use disk::Disk;
pub use ledger::Ledger;
pub use party::Party;
pub use seed::Moments;
pub use wait::{PATIENCE, until};
pub use world::World;
