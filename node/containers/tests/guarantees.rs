//! Every guarantee, asserted from inside a container, against both backends, on the host image and on
//! an OCI image.
//!
//! One list of tests; a backend that this host lacks is named in one line and its tests are shown
//! as ignored, unless `QUORATE_REQUIRE_BACKENDS` (such as `docker,embedded`) says it must be there.
//! This program is also the embedded backend's helper, and the victim that the crash tests kill.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking and by printing"
)]

#[path = "guarantees/bench.rs"]
mod bench;
#[path = "guarantees/control.rs"]
mod control;
#[path = "guarantees/crash.rs"]
mod crash;
#[path = "guarantees/image.rs"]
mod image;
#[path = "guarantees/isolation.rs"]
mod isolation;
#[path = "guarantees/layout.rs"]
mod layout;
#[path = "guarantees/limits.rs"]
mod limits;
#[path = "guarantees/workspace.rs"]
mod workspace;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use quorate_containers::Choice;

use bench::Bench;

/// A test's name and what it does on a backend.
type Test = (&'static str, fn(&Bench));

fn main() -> ExitCode {
    quorate_containers::embedded::helper_main_if_requested();
    if let Some(order) = std::env::args()
        .nth(1)
        .filter(|argument| argument == crash::VICTIM)
    {
        crash::be_a_victim(&order);
    }
    let arguments = Arguments::from_args();
    let required = std::env::var("QUORATE_REQUIRE_BACKENDS").unwrap_or_default();
    let mut trials = Vec::new();
    let mut benches = Vec::new();
    let mut missing = false;
    for (name, choice) in [("docker", Choice::Docker), ("embedded", Choice::Embedded)] {
        let bench = Bench::set_up(name, choice).map(Arc::new);
        if let Err(why) = &bench {
            missing |= required.split(',').any(|one| one.trim() == name);
            eprintln!("no {name} backend on this host, so no {name}:: test runs: {why}");
        }
        trials.extend(on_the_host().map(|test| trial(name, test, bench.as_ref().ok())));
        // A backend that is there imports the image, or fails the suite.
        let imported = bench.is_ok().then(|| Arc::new(Bench::set_up_on_image(choice)));
        trials.extend(on_an_image().map(|test| trial(&format!("{name}-oci"), test, imported.as_ref())));
        benches.extend(bench.into_iter().chain(imported));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let clean = benches.iter().all(|bench| bench.leaves_nothing());
    if missing {
        eprintln!("a backend that QUORATE_REQUIRE_BACKENDS names is missing");
    }
    if conclusion.has_failed() || missing || !clean {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// What holds whatever the image.
const ANYWHERE: [&[Test]; 4] = [isolation::TESTS, limits::TESTS, workspace::TESTS, control::TESTS];

fn on_the_host() -> impl Iterator<Item = Test> {
    let tests = ANYWHERE.into_iter().chain([crash::TESTS, image::IMPORTS]);
    tests.flatten().copied()
}

fn on_an_image() -> impl Iterator<Item = Test> {
    let tests = ANYWHERE.into_iter().chain([image::TESTS]);
    tests.flatten().copied()
}

fn trial(backend: &str, (name, test): Test, bench: Option<&Arc<Bench>>) -> Trial {
    let bench = bench.cloned();
    let ignored = bench.is_none();
    let run = move || {
        if let Some(bench) = bench {
            test(&bench);
        }
        Ok(())
    };
    Trial::test(format!("{backend}::{name}"), run).with_ignored_flag(ignored)
}
