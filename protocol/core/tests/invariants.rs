//! What must hold of every log, however nodes behave and in whatever order things happen.
//!
//! Two kinds of generated runs: a jumble of actions that anybody takes at any time, most of them
//! wrong; and a network of nodes that each behave in their own way. A failing run is printed by
//! proptest as the smallest list of actions or conducts that still fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod fixtures;
#[path = "invariants/jumble.rs"]
mod jumble;
#[path = "invariants/network.rs"]
mod network;
#[path = "support/observer.rs"]
mod observer;
#[path = "support/rows.rs"]
mod rows;
#[path = "support/world.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod world;
