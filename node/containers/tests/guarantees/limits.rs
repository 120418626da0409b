//! Every limit bites, and a command's own end comes back as it was.

use std::time::{Duration, Instant};

use quorate_containers::End;

use crate::Test;
use crate::bench::{Bench, PROMPT, command, python, shell, text};

pub(crate) const TESTS: &[Test] = &[
    ("exit_codes_and_output_come_back", exit_codes),
    ("signals_come_back", signals),
    ("a_missing_program_is_127", missing_program),
    ("the_smallest_container_works", small),
    ("memory_bites", memory),
    ("memory_bites_through_tmp", memory_through_tmp),
    ("processes_bite", processes),
    ("a_fork_bomb_is_stopped_by_the_clock", fork_bomb),
    ("disk_bites", disk),
    ("inodes_bite", inodes),
    ("output_bites", output),
    ("output_at_the_limit_passes", full_output),
    ("wall_time_bites", wall),
    ("wall_time_bites_the_deaf", deaf),
    ("open_files_bite", open_files),
    ("the_cpu_quota_bites", cpu_quota),
    ("a_core_can_be_pinned", cpuset),
    ("what_the_command_leaves_running_dies_with_it", leftovers),
];

fn exit_codes(bench: &Bench) {
    let finished = bench.run(shell("echo out; echo err >&2; exit 3"));
    assert_eq!(finished.end, End::Exited(3));
    assert_eq!(
        (text(&finished.stdout).as_str(), text(&finished.stderr).as_str()),
        ("out\n", "err\n")
    );
}

fn signals(bench: &Bench) {
    for signal in [6, 9, 11, 15] {
        let finished = bench.run(python(&format!("import os\nos.kill(os.getpid(), {signal})")));
        assert_eq!(finished.end, End::Signalled(signal), "{}", text(&finished.stderr));
        assert_eq!(text(&finished.stderr), "", "no shell has a say");
    }
}

fn missing_program(bench: &Bench) {
    // A shell's own words are no programs either.
    for program in ["/no/such/program", "no-such-program", "exit"] {
        let finished = bench.run(command(&[program, "0"]));
        assert_eq!(finished.end, End::Exited(127), "{program}");
        assert!(
            text(&finished.stderr).contains(program),
            "{}",
            text(&finished.stderr)
        );
    }
}

fn memory(bench: &Bench) {
    let mut spec = python("x = bytearray(300 << 20)\nprint('had it')");
    spec.limits.memory_bytes = 64 << 20;
    let finished = bench.run(spec);
    assert_eq!(
        (finished.end, text(&finished.stdout).as_str()),
        (End::OutOfMemory, "")
    );
}

fn memory_through_tmp(bench: &Bench) {
    let mut spec = shell("dd if=/dev/zero of=/tmp/x bs=1M count=200 && echo had it");
    spec.limits.memory_bytes = 64 << 20;
    spec.limits.tmp_bytes = 400 << 20;
    let finished = bench.run(spec);
    assert_eq!(
        (finished.end, text(&finished.stdout).as_str()),
        (End::OutOfMemory, "")
    );
}

fn small(bench: &Bench) {
    let mut spec = command(&["/bin/echo", "fits"]);
    spec.limits.memory_bytes = 32 << 20;
    spec.limits.processes = 1;
    spec.limits.open_files = 16;
    spec.limits.millicpus = 100;
    let finished = bench.run(spec);
    assert_eq!(
        (finished.end, text(&finished.stdout).as_str()),
        (End::Exited(0), "fits\n")
    );
}

const FORK: &str = r#"
import os, sys, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except BlockingIOError:
    print(made)
"#;

fn processes(bench: &Bench) {
    let mut spec = python(FORK);
    spec.limits.processes = 10;
    let finished = bench.run(spec);
    assert_eq!(finished.end, End::Exited(0), "{}", text(&finished.stderr));
    assert_eq!(text(&finished.stdout), "9\n", "itself and nine more");
}

const BOMB: &str = r#"
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"#;

fn fork_bomb(bench: &Bench) {
    let mut spec = python(BOMB);
    spec.limits.wall = Duration::from_secs(2);
    let start = Instant::now();
    assert_eq!(bench.run(spec).end, End::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

const FILL: &str = r#"
import errno, os
for path, limit in (("/work/x", 4 << 20), ("/tmp/x", 2 << 20), ("/dev/shm/x", 2 << 20)):
    written = 0
    try:
        with open(path, "wb", buffering=0) as f:
            while written < (64 << 20):
                written += f.write(bytes(4096))
    except OSError as error:
        print(path, errno.errorcode[error.errno], limit * 0.9 <= written <= limit)
"#;

fn disk(bench: &Bench) {
    let mut spec = python(FILL);
    spec.workspace.bytes = 4 << 20;
    spec.limits.tmp_bytes = 2 << 20;
    let finished = bench.run(spec);
    let expected = "/work/x ENOSPC True\n/tmp/x ENOSPC True\n/dev/shm/x ENOSPC True\n";
    assert_eq!(text(&finished.stdout), expected, "{}", text(&finished.stderr));
}

const TOUCH: &str = r#"
import errno
for folder in ("/work", "/tmp"):
    made = 0
    try:
        while made < 10000:
            open(f"{folder}/{made}", "w").close()
            made += 1
    except OSError as error:
        print(folder, errno.errorcode[error.errno], made)
"#;

fn inodes(bench: &Bench) {
    let mut spec = python(TOUCH);
    spec.workspace.files = 50;
    spec.limits.tmp_bytes = 1 << 20;
    let finished = bench.run(spec);
    assert_eq!(text(&finished.stdout), "/work ENOSPC 50\n/tmp ENOSPC 255\n");
}

fn output(bench: &Bench) {
    let mut spec = shell("yes | head -c 40000 >&2; yes");
    spec.limits.output_bytes = 100_000;
    let finished = bench.run(spec);
    assert_eq!(finished.end, End::OutputLimit);
    assert_eq!(finished.stdout.len() + finished.stderr.len(), 100_000);
}

fn full_output(bench: &Bench) {
    for (bytes, end) in [(50_000, End::Exited(0)), (50_001, End::OutputLimit)] {
        let mut spec = shell(&format!("yes | head -c {bytes}"));
        spec.limits.output_bytes = 50_000;
        let finished = bench.run(spec);
        assert_eq!((finished.end, finished.stdout.len()), (end, 50_000));
    }
}

fn wall(bench: &Bench) {
    let mut spec = shell("echo before; sleep 60; echo after");
    spec.limits.wall = Duration::from_secs(1);
    let finished = bench.run(spec);
    assert_eq!(
        (finished.end, text(&finished.stdout).as_str()),
        (End::TimedOut, "before\n")
    );
    assert!(finished.wall >= Duration::from_secs(1), "{:?}", finished.wall);
    assert!(
        finished.wall < Duration::from_secs(1) + PROMPT,
        "{:?}",
        finished.wall
    );
}

const DEAF: &str = r#"
import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
while True:
    time.sleep(1)
"#;

fn deaf(bench: &Bench) {
    let mut spec = python(DEAF);
    spec.limits.wall = Duration::from_secs(1);
    let finished = bench.run(spec);
    assert_eq!(finished.end, End::TimedOut);
    assert!(
        finished.wall < Duration::from_secs(1) + PROMPT,
        "{:?}",
        finished.wall
    );
}

fn open_files(bench: &Bench) {
    let mut spec = python(
        "import errno, resource\nopen_files = []\ntry:\n    while True: open_files.append(open('/dev/null'))\n\
         except OSError as error: print(errno.errorcode[error.errno], len(open_files))\n\
         try: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n\
         except ValueError: print('not raised')",
    );
    spec.limits.open_files = 32;
    let finished = bench.run(spec);
    assert_eq!(
        text(&finished.stdout),
        "EMFILE 29\nnot raised\n",
        "{}",
        text(&finished.stderr)
    );
}

const SPIN: &str = r#"
import os, time
start = time.monotonic()
if os.fork() == 0:
    while time.monotonic() < start + 2: pass
    os._exit(0)
while time.monotonic() < start + 2: pass
os.wait()
used = os.times()
print((used.user + used.system + used.children_user + used.children_system) / (time.monotonic() - start))
"#;

fn cpu_quota(bench: &Bench) {
    let share = |millicpus| {
        let mut spec = python(SPIN);
        spec.limits.millicpus = millicpus;
        let finished = bench.run(spec);
        text(&finished.stdout)
            .trim()
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("{}", text(&finished.stderr)))
    };
    // On a busy host even the free ones may get little; then the comparison is what counts.
    let (little, much) = (share(100), share(2000));
    assert!(little < 0.15, "two spinning processes got {little} cores of 0.1");
    assert!(much > 1.5 * little, "without the quota they get more: {much}");
}

fn cpuset(bench: &Bench) {
    let mut spec = python("import os\nprint(os.sched_getaffinity(0))");
    spec.limits.cpuset = Some(0);
    assert_eq!(text(&bench.run(spec).stdout), "{0}\n");
}

fn leftovers(bench: &Bench) {
    let start = Instant::now();
    let finished = bench.run(shell("(setsid sleep 60 &) ; sleep 60 & echo started"));
    assert_eq!(
        (finished.end, text(&finished.stdout).as_str()),
        (End::Exited(0), "started\n")
    );
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "nobody waited for what was left"
    );
}
