//! A node is killed while it runs a container; the next one finds and removes every trace.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use quorate_containers::{Backend, Choice, Error, Owner, Runtime, select};

use crate::Test;
use crate::bench::{Bench, eventually, fresh_owner, leftovers, shell, tokio};

pub(crate) const VICTIM: &str = "__victim";
const READY: &str = "the container runs";

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_node_is_swept_up_after", killed),
    (
        "a_killed_node_with_a_paused_container_is_swept_up_after",
        killed_while_paused,
    ),
    ("two_live_nodes_cannot_share_an_owner", one_owner),
];

pub(crate) fn runtime(backend: Backend, owner: &Owner, home: &Path) -> Arc<dyn Runtime> {
    let choice = match backend {
        Backend::Docker => Choice::Docker,
        Backend::Embedded => Choice::Embedded,
    };
    tokio()
        .block_on(select(
            choice,
            owner.clone(),
            home.join("scratch"),
            home.join("images"),
        ))
        .unwrap()
}

/// Runs a container for ever; arguments: the backend, the owner, its home, whether to pause.
pub(crate) fn be_a_victim(_: &str) -> ! {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let backend = if arguments[0] == "docker" {
        Backend::Docker
    } else {
        Backend::Embedded
    };
    let runtime = runtime(backend, &arguments[1].parse().unwrap(), Path::new(&arguments[2]));
    let mut spec = shell("trap '' TERM HUP INT; (setsid sleep 600 &); while :; do sleep 1; done");
    spec.limits.wall = std::time::Duration::from_secs(600);
    let mut container = tokio().block_on(runtime.start(spec)).unwrap();
    if arguments[3] == "paused" {
        tokio().block_on(container.control().pause()).unwrap();
    }
    println!("{READY}");
    let ended = tokio().block_on(container.wait());
    panic!("it was to run for ever: {ended:?}");
}

fn killed(bench: &Bench) {
    kill_and_sweep(bench, "running");
}

fn killed_while_paused(bench: &Bench) {
    kill_and_sweep(bench, "paused");
}

fn kill_and_sweep(bench: &Bench, state: &str) {
    let home = tempfile::Builder::new()
        .prefix("quorate-victim-")
        .tempdir()
        .unwrap();
    let owner = fresh_owner();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([VICTIM, &bench.backend().to_string(), &owner.to_string()])
        .arg(home.path())
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), READY);
    assert!(
        !leftovers(&owner, home.path()).is_empty(),
        "there is something to sweep"
    );
    victim.kill().unwrap();
    victim.wait().unwrap();
    if bench.backend() == Backend::Embedded && state == "running" {
        // Nothing untrusted runs on, even if no node ever comes back.
        let running = || {
            leftovers(&owner, home.path())
                .iter()
                .any(|one| one.starts_with("/proc/"))
        };
        eventually("the container dies with its node", || !running());
    }
    let runtime = runtime(bench.backend(), &owner, home.path());
    let swept = tokio().block_on(runtime.sweep()).unwrap();
    assert!(swept.containers > 0, "{swept:?}");
    assert_eq!(leftovers(&owner, home.path()), [""; 0]);
    let again = tokio().block_on(runtime.sweep()).unwrap();
    assert_eq!(
        again,
        quorate_containers::Swept::default(),
        "nothing is left to sweep"
    );
}

fn one_owner(bench: &Bench) {
    let (scratch, images) = (
        bench.home.path().join("scratch"),
        bench.home.path().join("images"),
    );
    for choice in [Choice::Docker, Choice::Embedded, Choice::Auto] {
        let second = tokio().block_on(select(
            choice,
            bench.owner.clone(),
            scratch.clone(),
            images.clone(),
        ));
        assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    }
}
