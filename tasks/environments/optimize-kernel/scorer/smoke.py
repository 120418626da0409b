"""Tier `smoke`: the function on the CPU, with the standard library alone.

Owns the drawing of inputs and the expected outputs, which are computed here by definition, before the
clock starts, in a process that the submission cannot look into.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import hashlib
import platform
import random
from array import array
from collections import namedtuple

TAIL = 1023
Round = namedtuple("Round", "count payload expected")


class Smoke:
    entry = "solve_cpu"
    interpreter_flags = ("-I", "-S", "-B")
    count = 100_000
    rounds = 16
    most_rounds = 60
    settle_seconds = 10.0
    checks = (("crowded", 0), ("none", 1 / 8), ("rare", 1 / 8), ("usual", 1 / 8), ("dense", 1 / 8))
    nominal = (3.2, 1.35)  # ln(ms) of start and reference where this was written
    load_seconds = 5.0
    check_seconds = 3.0
    round_seconds = 3.0
    total_seconds = 24.0
    may_use_threads = False
    limits = {
        "RLIMIT_AS": 512 << 20,
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": 60,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 32,
        "RLIMIT_NPROC": 0,
    }

    def environment(self, role):
        return {}

    def setup(self, role):
        return {}

    def draw(self, label, kinds, count):
        """The input that `label` stands for: equal stretches of the given kinds."""
        rng = random.Random(hashlib.sha256(label.encode()).digest())
        words = array("i", rng.randbytes(4 * count))
        edges = [count * i // len(kinds) for i in range(len(kinds) + 1)]
        for kind, first, last in zip(kinds, edges, edges[1:]):
            _shape(words, kind, first, last, rng)
        return Round(count, words.tobytes(), expected(words))

    def measure(self, child, round, seconds):
        """Milliseconds from the first byte of input to the last byte of output, and the output."""
        began, ended, reply = child.exchange(round.payload, round.count, len(round.expected), seconds)
        if reply != round.expected:
            raise child.fault(_first_difference(reply, round.expected))
        return (ended - began) / 1e6

    def quiet(self):
        return True

    def impossible(self, milliseconds):
        return False

    def close(self):
        pass

    def measured(self, rounds):
        python = platform.python_version()
        return f"wall clock at {self.count} int32, median of {rounds} interleaved rounds, CPython {python}"

    def extra_calibration(self):
        return {}


def _shape(words, kind, first, last, rng):
    """Random words reset at one place in 1024; other kinds remove those resets or add some."""
    length = last - first
    if kind in ("none", "rare"):
        for i in _resets(words, first, last):
            words[i] |= 1 + rng.randrange(TAIL)
    added = {"none": 0, "rare": 3, "usual": 0, "dense": length // 8, "crowded": length // 2}[kind]
    for offset in array("I", rng.randbytes(4 * added)):
        words[first + offset % length] &= ~TAIL


def _resets(words, first, last):
    part = words[first:last].tobytes()
    low, next_byte = part[0::4], part[1::4]
    at = low.find(0)
    while at >= 0:
        if not next_byte[at] & 3:
            yield first + at
        at = low.find(0, at + 1)


def expected(words):
    """The function by its definition. Sums stay far from 64 bits, so wrapping is taking the low half."""
    sums = array("q")
    total = 0
    append = sums.append
    for value in words:
        total = total + value if value & TAIL else value
        append(total)
    return memoryview(sums).cast("B").cast("i")[::2].tobytes()


def _first_difference(got, want):
    got, want = memoryview(got).cast("i"), memoryview(want).cast("i")
    at = next(i for i in range(len(want)) if got[i] != want[i])
    return f"gave wrong output at element {at} of {len(want)}: {got[at]}, not {want[at]}"
