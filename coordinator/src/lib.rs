//! The coordinator of a campaign: leases, verifier draw, verdicts, the ledger's one writer, and the
//! leaderboard that anybody computes from the ledger.
//!
//! [`desk`] decides and does no I/O; everything round it only carries its records to the log and
//! its answers to the network.

pub mod cosigning;
pub mod desk;
pub mod exchange;
pub mod leaderboard;
pub mod page;
pub mod scribe;
pub mod service;
