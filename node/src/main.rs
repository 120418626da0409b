//! `quorate`: the one binary of the network. Coordinators, nodes and readers all run it.
//!
//! Exit codes: 0 done; 1 it failed; 2 the command line is wrong; 3 a check found something wrong
//! (an audit, a verification, a score that does not agree); 4 the coordinator cannot be reached.

mod cli;
mod clock;
mod config;
mod control;
mod follower;
mod home;
mod host;
mod invitation;
mod journal;
mod ledgers;
mod output;
mod qualifications;
mod reading;
mod runner;
mod sealing;
mod slots;
mod volunteer;
mod web;
mod witnessing;
mod workshop;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // A container of the embedded backend begins in a process that has no threads yet.
    quorate_containers::embedded::helper_main_if_requested();
    cli::run(cli::Cli::parse())
}
