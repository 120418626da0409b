//! Pausing, resuming, stopping and letting go, while somebody waits.

use std::time::{Duration, Instant};

use quorate_containers::{End, Error};

use crate::Test;
use crate::bench::{
    Bench, PATIENCE, PROMPT, command, eventually, fresh_owner, leftovers, python, shell, text, tokio,
};

pub(crate) const TESTS: &[Test] = &[
    ("pause_holds_and_resume_lets_go", pause),
    ("stop_works_while_another_task_waits", stop),
    ("stop_works_on_a_paused_container", stop_paused),
    ("after_the_end_controls_say_so", after_the_end),
    ("dropping_the_handle_removes_everything", drop_handle),
    ("a_name_is_used_once_at_a_time", same_name),
    ("a_sweep_leaves_the_living_alone", sweep_spares),
    ("a_bad_spec_makes_nothing", bad_spec),
    ("usage_is_reported", usage),
];

/// A second's worth of ticks: time spent frozen does not count as any.
const TICKS: &str = "import time\nfor _ in range(100): time.sleep(0.01)";

fn prompt<T>(what: &str, act: impl Future<Output = Result<T, Error>>) -> T {
    let start = Instant::now();
    let done = tokio().block_on(act).expect(what);
    assert!(start.elapsed() < PROMPT, "{what} took {:?}", start.elapsed());
    done
}

fn pause(bench: &Bench) {
    let mut container = bench.start(python(TICKS));
    let control = container.control();
    prompt("pause", control.pause());
    let held = Duration::from_secs(3);
    let early = tokio().block_on(async { tokio::time::timeout(held, container.wait()).await });
    assert!(early.is_err(), "a paused container does not end: {early:?}");
    prompt("a second pause", control.pause());
    prompt("resume", control.resume());
    let finished = tokio().block_on(container.wait()).unwrap();
    assert_eq!(finished.end, End::Exited(0), "{}", text(&finished.stderr));
    assert!(
        finished.wall >= held + Duration::from_millis(900),
        "{:?}",
        finished.wall
    );
}

fn stop(bench: &Bench) {
    let mut spec = shell("echo kept > file; sleep 60");
    let folder = bench.home.path().join(format!("{}-stopped", spec.name));
    spec.workspace.export = Some(folder.clone());
    let mut container = bench.start(spec);
    let control = container.control();
    let waiting = tokio().spawn(async move { container.wait().await });
    prompt("stop", control.stop());
    let finished = tokio().block_on(waiting).unwrap().unwrap();
    assert_eq!(finished.end, End::Stopped);
    assert!(finished.export.is_some() && folder.is_dir(), "{finished:?}");
}

fn stop_paused(bench: &Bench) {
    let mut container = bench.start(shell("sleep 60"));
    let control = container.control();
    prompt("pause", control.pause());
    prompt("stop", control.stop());
    let start = Instant::now();
    let finished = tokio().block_on(container.wait()).unwrap();
    assert_eq!(finished.end, End::Stopped);
    assert!(finished.wall < PATIENCE && start.elapsed() < Duration::from_secs(10));
}

fn after_the_end(bench: &Bench) {
    let mut container = bench.start(command(&["true"]));
    let control = container.control();
    tokio().block_on(container.wait()).unwrap();
    assert!(matches!(tokio().block_on(control.pause()), Err(Error::Ended)));
    assert!(matches!(tokio().block_on(container.wait()), Err(Error::Ended)));
    tokio()
        .block_on(control.stop())
        .expect("what has ended is stopped");
}

fn drop_handle(bench: &Bench) {
    let scratch = tempfile::tempdir().unwrap();
    let owner = fresh_owner();
    let runtime = crate::crash::runtime(bench.backend(), &owner, scratch.path());
    let container = tokio().block_on(runtime.start(shell("sleep 60"))).unwrap();
    assert!(
        !leftovers(&owner, scratch.path()).is_empty(),
        "there is something to remove"
    );
    drop(container);
    eventually("everything is gone", || {
        leftovers(&owner, scratch.path()).is_empty()
    });
}

fn same_name(bench: &Bench) {
    let first = shell("sleep 60");
    let second = first.clone();
    let mut container = bench.start(first);
    let refused = tokio().block_on(bench.runtime.start(second.clone())).map(drop);
    assert!(
        matches!(refused, Err(Error::Spec { field: "name", .. })),
        "{refused:?}"
    );
    tokio().block_on(container.control().stop()).unwrap();
    assert_eq!(tokio().block_on(container.wait()).unwrap().end, End::Stopped);
    let mut again = bench.start(second);
    tokio().block_on(again.control().stop()).unwrap();
    assert_eq!(tokio().block_on(again.wait()).unwrap().end, End::Stopped);
}

fn sweep_spares(bench: &Bench) {
    let mut own = bench.start(python(TICKS));
    let scratch = tempfile::tempdir().unwrap();
    let owner = fresh_owner();
    let other = crate::crash::runtime(bench.backend(), &owner, scratch.path());
    let mut others = tokio().block_on(other.start(python(TICKS))).unwrap();
    tokio().block_on(bench.runtime.sweep()).unwrap();
    tokio().block_on(other.sweep()).unwrap();
    for container in [&mut own, &mut others] {
        let finished = tokio().block_on(container.wait()).unwrap();
        assert_eq!(finished.end, End::Exited(0), "{}", text(&finished.stderr));
    }
    assert!(leftovers(&owner, scratch.path()).is_empty());
}

fn bad_spec(bench: &Bench) {
    let scratch = tempfile::tempdir().unwrap();
    let owner = fresh_owner();
    let runtime = crate::crash::runtime(bench.backend(), &owner, scratch.path());
    // A core that no host has passes every check before the container is made.
    let mut spec = shell("true");
    spec.limits.cpuset = Some(100_000);
    let started = tokio().block_on(runtime.start(spec)).map(drop);
    assert!(started.is_err());
    assert_eq!(leftovers(&owner, scratch.path()), [""; 0]);
}

fn usage(bench: &Bench) {
    let program = "import time\nx = bytearray(40 << 20)\nend = time.monotonic() + 2.5\nwhile time.monotonic() < end: pass";
    let finished = bench.run(python(program));
    assert_eq!(finished.end, End::Exited(0));
    let (cpu, peak) = (finished.cpu.unwrap(), finished.peak_memory.unwrap());
    assert!(
        cpu > Duration::from_millis(200) && cpu < finished.wall * 2,
        "{cpu:?}"
    );
    assert!((40 << 20..128 << 20).contains(&peak), "{peak}");
}
