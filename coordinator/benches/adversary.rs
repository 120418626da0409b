//! The adversary bench: what dishonest parties achieve against the real rules, and what honesty costs.
//!
//! `cargo bench -p quorate-coordinator --bench adversary [-- ATTEMPTS]`
//!
//! One simulated coordinator runs the real [`Desk`](quorate_coordinator::desk::Desk), a follower checks every record with the real
//! [`History`](quorate_core::History), nodes read their duties from it with the real
//! [`duties`](quorate_core::duties) and sign real records. Only network, clock, containers and scores
//! are simulated. Seeded: the same numbers each time. Prints a Markdown table.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may panic, and prints"
)]

#[path = "adversary/forger.rs"]
mod forger;
#[path = "adversary/forker.rs"]
mod forker;
#[path = "adversary/party.rs"]
mod party;
#[path = "adversary/records.rs"]
mod records;
#[path = "adversary/report.rs"]
mod report;
#[path = "adversary/world.rs"]
mod world;

use party::{Cast, Conduct};
use world::World;

/// Nodes of a network; each has an operator of its own.
const NODES: usize = 100;

/// Attempts of a run, unless the command line says otherwise.
const ATTEMPTS: u32 = 10_000;

fn main() {
    let attempts = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(ATTEMPTS);
    println!("{NODES} nodes, {attempts} attempts a run.\n");
    println!("{}", report::HEAD);
    for percent in [0, 10, 20, 30] {
        let tally = World::new(Cast::mixed(NODES, percent)).run(attempts);
        println!("{}", report::row(&format!("{percent} % of every kind"), &tally));
        if percent == 30 {
            println!("\n{}", report::kinds(&tally));
            println!("{}", report::HEAD);
        }
    }
    for percent in [10, 20, 30] {
        let tally = World::new(Cast::of(NODES, percent, Conduct::Cartel)).run(attempts);
        println!(
            "{}",
            report::row(&format!("{percent} % in one cartel of sleepers"), &tally)
        );
    }
    println!("\n{}", forger::table(attempts.min(300)));
    println!("{}", forker::table());
}
