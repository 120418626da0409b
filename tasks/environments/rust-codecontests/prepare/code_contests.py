"""Chooses problems of `deepmind/code_contests` that can be judged by comparing outputs.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import random
import re

import catalog
import tiers

FEWEST_TESTS, MOST_TESTS = 10, 60  # of a problem, kept in the bundle
TEST_BYTES = 1 << 18
STATEMENT_CHARACTERS = 20_000
MOST_SECONDS = 10
# Where several outputs are right, comparing with one of them would be unjust; an image says what text does not.
UNFIT = re.compile(
    r"<image>|interactive|(print|output|find|choose|report) any\b|in any order"
    r"|\bany (of (them|the)|one|valid|such|suitable|possible|correct|optimal|answer|solution)\b"
    r"|(more than one|multiple|several|many) (\w+ )?(answer|solution)",
    re.IGNORECASE,
)


def choose(records, instance):
    """Pairs of a name and what the scorer keeps of a problem: as many as a tier has, chosen by `instance`."""
    fit = {}
    for record in records:
        if (problem := _problem(record)) is not None:
            fit.setdefault(_name(record["name"]), problem)
    names = random.Random(instance).sample(sorted(fit), min(tiers.PUBLIC_PROBLEMS, len(fit)))
    return [(name, fit[name]) for name in sorted(names)]


def _name(title):
    return "cc_" + re.sub("[^a-z0-9]+", "_", title.lower()).strip("_")[:50]


def _problem(record):
    statement, samples = record["description"], _pairs(record["public_tests"])
    seconds = _seconds(record["time_limit"])
    hidden = _pairs(record["private_tests"]) + _pairs(record["generated_tests"])
    tests = [pair for pair in dict.fromkeys(hidden) if sum(map(len, pair)) <= TEST_BYTES][:MOST_TESTS]
    if not samples or len(tests) < FEWEST_TESTS or seconds is None:
        return None
    if record["input_file"] or record["output_file"]:
        return None
    if len(statement) > STATEMENT_CHARACTERS or UNFIT.search(statement):
        return None
    return {
        "title": record["name"],
        "statement": statement,
        "samples": samples,
        "tests": tests,
        "seconds": seconds,
        "memory_bytes": max(record["memory_limit_bytes"] or 0, catalog.MEMORY_BYTES),
    }


def _pairs(tests):
    return list(zip(tests["input"], tests["output"], strict=True))


def _seconds(limit):
    """The stated limit in whole seconds, or None if there is none or it is out of the usual."""
    if not limit:
        return None
    seconds = limit["seconds"] + (limit.get("nanos", 0) > 0)
    return max(catalog.SECONDS, seconds) if 0 < seconds <= MOST_SECONDS else None
