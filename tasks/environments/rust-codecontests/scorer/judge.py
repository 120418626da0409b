"""Compiles a solution and runs it on a problem's tests.

Promises: the compiler reads nothing but the system and the one file; a solution reads nothing but itself and that
file, can start nothing but itself, and writes nowhere; every test is a process of its own, dead before the next
begins. What counts is processor time, so that a busy machine judges like an idle one.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import tempfile

import jail
from scoring import HostTrouble

# Linked statically, the program needs no loader and no library, so it can be denied the whole system.
COMPILER = "/usr/bin/rustc"
FLAGS = "--edition 2021 -O -C target-feature=+crt-static -C strip=symbols --cap-lints allow".split()
COMMAND = [COMPILER, *FLAGS, "--crate-type", "bin", "--crate-name", "solution", "-o", "solution", "main.rs"]
COMPILER_NEEDS = ("/usr", "/lib", "/lib64", "/bin", "/etc/alternatives", "/etc/ld.so.cache")
PROCESSES = 512  # of this user, in whatever container; the terms bound those of this one
COMPILING = jail.Limits(60, 2 << 30, PROCESSES, cpu_seconds=10, file_bytes=64 << 20)
PATIENCE = 10  # wall time for each second of processor time: what a busy machine may cost
OUTPUT_BYTES = 8 << 20
PROBE = b'fn main() { println!("ready"); }'


def check_host():
    """A host that cannot compile and run the simplest program must not judge others."""
    with tempfile.TemporaryDirectory() as folder:
        ended = _compile(PROBE, folder) or _run(folder, b"", 2, 256 << 20)
        if ended.output != b"ready\n":
            raise HostTrouble(f"{COMPILER} or what it made does not work: {ended.reason} {ended.errors[-500:]!r}")


def fault(problem, source, seed):
    """Why `source` does not solve `problem`, or None if it does."""
    with tempfile.TemporaryDirectory() as folder:
        if _compile(source, folder):
            return "does not compile"
        for number, (given, wanted) in enumerate(problem.tests(seed), 1):
            ended = _run(folder, given.encode(), problem.seconds, problem.memory_bytes)
            if ended.reason:
                return f"test {number}: it {ended.reason}"
            if ended.output.split() != wanted.encode().split():
                return f"test {number}: wrong output"
    return None


def _compile(source, folder):
    """Leaves `solution` in `folder` and returns None, or returns how the compiler ended."""
    with open(os.path.join(folder, "main.rs"), "wb") as file:
        file.write(source)
    ended = jail.run(COMMAND, folder, COMPILING, system=COMPILER_NEEDS)
    return ended if ended.reason else None


def _run(folder, given, seconds, memory_bytes):
    wall = seconds * PATIENCE
    limits = jail.Limits(wall, memory_bytes, PROCESSES, seconds, file_bytes=0, output_bytes=OUTPUT_BYTES)
    return jail.run([os.path.join(folder, "solution")], folder, limits, given, system=())
