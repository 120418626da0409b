"""One scoring: start, reference and submission on the same fresh inputs, interleaved, and their score.

Promises: a score is a number only if every output of every round was right; the same seed gives the
same inputs in the same order; whatever goes wrong, no process of a child is left behind.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import hashlib
import math
import os
import random
import statistics
import time

import guard
from child import Child

WIDTH_FACTOR = 2.0  # a round in which start and reference lie further apart, or closer, is not counted
STRETCHES = ("none", "rare", "usual", "dense")
FEWEST_TO_JUDGE = 5
MAD_OF_NORMAL = 0.6745  # a normal distribution's median absolute deviation, in standard deviations
EDGE_DEVIATIONS = 2.5
HALF_WIDTH = 0.04  # of the mean's interval: two such scorings leave room within the agreement's margin
T_QUANTILE = 1.7  # Student's, five per cent a side, at the numbers of rounds that occur here


class HostTrouble(Exception):
    """This host cannot score, whatever the submission is."""


class Session:
    def __init__(self, tier, seed, sources, program):
        self.tier, self.seed, self.program = tier, seed, program
        self.sources = sources  # role → text, the submission last: nothing runs beside it untested
        self.rng = random.Random(hashlib.sha256(f"{seed}/order".encode()).digest())
        self.children = {}
        self.deadline = time.monotonic() + tier.total_seconds

    def run(self, rounds, most, is_enough):
        """Per round, the ln(milliseconds) of each role: `rounds` of them, and more, up to `most` and within
        the tier's time, until they are enough. A noisy machine needs more rounds for the same certainty."""
        try:
            checks = [self._draw_check(i) for i in range(len(self.tier.checks))]
            for role in self.sources:
                self._admit(role, checks)
            del checks
            settle_by = time.monotonic() + self.tier.settle_seconds
            measured = [self._round(i) for i in range(rounds)]
            while len(measured) < most and time.monotonic() < settle_by and not is_enough(measured):
                measured.append(self._round(len(measured)))
            return measured
        finally:
            self._clean_up()

    def _draw_check(self, i):
        kind, share = self.tier.checks[i]
        kinds = self._shuffled(STRETCHES) if kind == "mixed" else (kind,)
        count = min(self.tier.count, int(self.tier.count * share) + self.rng.randint(1, 64))
        return self.tier.draw(f"{self.seed}/check/{i}", kinds, count)

    def _admit(self, role, checks):
        """Starts a child; it must be right on every kind of input before any clock counts."""
        if role == "submission":
            self.calm = guard.scheduling(self._calibrators())
        child = self.children[role] = Child(role, self.program, self.tier)
        child.load(self.sources[role], self.tier)
        for check in checks:
            self._turn(child, check, self.tier.check_seconds)

    def _round(self, i):
        kinds = self._shuffled(STRETCHES)
        drawn = self.tier.draw(f"{self.seed}/round/{i}", kinds, self.tier.count)
        times = {}
        for role in self._shuffled(self.children):
            child = self.children[role]
            times[role] = self._turn(child, drawn, self.tier.round_seconds)
            if self.tier.impossible(times[role]):
                raise child.fault("answered faster than memory can be read and written once")
        return {role: math.log(times[role]) for role in self.children}

    def _turn(self, child, drawn, seconds):
        """Only the child whose turn it is runs; all others stand still, and nothing else may live."""
        self._wait_for_quiet()
        child.resume()
        milliseconds = self.tier.measure(child, drawn, seconds)
        child.pause()
        child.check_silence()
        self._check_rules(child)
        for each in self.children.values():
            each.check_rest()
        return milliseconds

    def _wait_for_quiet(self):
        """A kernel runs on while its process stands still; a helper on the device would slow the others."""
        if self.tier.quiet():
            return
        submission = self.children.get("submission")
        if submission:
            submission.kill()
            if self.tier.quiet():
                raise submission.fault("kept the device busy outside its turn")
        raise HostTrouble("other work keeps the device busy")

    def _check_rules(self, child):
        if guard.strays(self._known()):
            raise child.fault("left another process running")
        if not self.tier.may_use_threads and guard.threads(child.pid) > 1:
            raise child.fault("left another thread running")
        if child.role == "submission" and guard.scheduling(self._calibrators()) != self.calm:
            raise child.fault("changed how other processes are scheduled")
        if time.monotonic() > self.deadline:
            raise child.fault(f"is too slow: scoring must end within {self.tier.total_seconds:.0f} s")

    def _calibrators(self):
        return [os.getpid(), *(c.pid for c in self.children.values() if c.role != "submission")]

    def _known(self):
        return {child.pid for child in self.children.values()}

    def _shuffled(self, items):
        items = list(items)
        self.rng.shuffle(items)
        return items

    def _clean_up(self):
        for child in self.children.values():
            child.kill()
        guard.kill_strays(set())
        self.tier.close()


def score(rounds, nominal):
    """Turns the rounds' ln(milliseconds) into the result's numbers.

    Each round is normalised with its own start and reference, which ran within the same fraction of a
    second, so whatever slowed the machine in that round slowed all three. Without a reference (an agent
    scoring itself) the nominal width of the scale stands in for it. A round that the machine disturbed
    far beyond the others counts as the edge of what is usual, so that a comparison of means stays sharp.
    """
    kept = _calibrated(rounds) if "reference" in rounds[0] else rounds
    samples = _winsorised([_normalise(each, nominal) for each in kept])
    raw = [each["submission"] for each in kept]
    return {
        "raw": statistics.median(raw),
        "normalized": statistics.median(samples),
        "samples": samples,
        "raw_samples": raw,
        "calibration": {f"{role}_ms": _median_ms(kept, role) for role in ("start", "reference")},
        "dropped": len(rounds) - len(kept),
        "spread": statistics.stdev(samples) if len(samples) > 1 else None,
    }


def is_enough(rounds, nominal):
    """Whether the mean of the rounds' samples is known to within HALF_WIDTH. What is looked at is their
    spread, never their mean, so stopping here moves no score."""
    samples = score(rounds, nominal)["samples"]
    return T_QUANTILE * statistics.stdev(samples) <= HALF_WIDTH * math.sqrt(len(samples))


def _calibrated(rounds):
    """The rounds whose own calibration is credible. The submission's time has no part in the choice."""
    width = statistics.median(_width(each) for each in rounds)
    kept = [each for each in rounds if width / WIDTH_FACTOR >= _width(each) >= width * WIDTH_FACTOR]
    if width >= 0 or 2 * len(kept) < len(rounds):
        raise HostTrouble("it is too busy: start and reference differ too little, or never alike")
    return kept


def _width(each):
    return each["reference"] - each["start"]


def _normalise(each, nominal):
    width = _width(each) if "reference" in each else nominal[1] - nominal[0]
    return (each["submission"] - each["start"]) / width


def _winsorised(samples):
    if len(samples) < FEWEST_TO_JUDGE:
        return samples
    middle = statistics.median(samples)
    deviation = statistics.median(abs(sample - middle) for sample in samples) / MAD_OF_NORMAL
    reach = EDGE_DEVIATIONS * deviation
    return [min(max(sample, middle - reach), middle + reach) for sample in samples]


def _median_ms(rounds, role):
    if role not in rounds[0]:
        return None
    return math.exp(statistics.median(each[role] for each in rounds))
