"""What every scorer has in common: its options, its seed, and the one JSON object that it prints.

A scorer is `scoring.run(score)`, where `score(options)` returns what `valid` makes, or raises. Promises: a
number is printed only for what `score` returned; `Rejected` becomes `invalid` with its reason; anything else
ends with exit status 1 and a message on stderr, which says that this host could not score and nothing about
the submission. Before `score` runs, the seed's file is gone and no process of the same user can look in.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import hashlib
import json
import math
import os
import random
import re
import stat
import statistics
import sys

import guard

REASON_CHARACTERS = 300


class Rejected(Exception):
    """The submission breaks a rule; the text says which."""


class HostTrouble(Exception):
    """This host cannot score, whatever the submission is."""


class Seed:
    """The scoring's randomness. Each label names a stream of its own."""

    def __init__(self, digits):
        if not re.fullmatch("[0-9a-f]{64}", digits):
            raise HostTrouble("the seed must be 64 hexadecimal digits")
        self._digits = digits

    def number(self, label):
        """A whole number below 2^63."""
        return int.from_bytes(hashlib.sha256(f"{self._digits}/{label}".encode()).digest()[:8], "big") >> 1

    def stream(self, label):
        return random.Random(self.number(label))


def run(score, self_score=None):
    """Runs `score`, or `self_score` where the agent asks for itself (`--self`), and prints the outcome."""
    options = _parse()
    try:
        digits = _take_seed(options)
        options.seed = Seed(digits)
        guard.hide_argument(digits.encode())
        guard.withdraw()
        outcome = (self_score or score)(options) if options.self_score else score(options)
    except Rejected as rejected:
        outcome = {"status": "invalid", "reason": _printable(str(rejected))}
    except (HostTrouble, OSError) as trouble:
        sys.exit(f"score.py: this host cannot score: {trouble}")
    print(json.dumps({"tier": options.tier, **outcome}, allow_nan=False))


def _parse():
    here = os.path.dirname(os.path.abspath(sys.argv[0]))
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=("smoke", "gpu", "full"))
    parser.add_argument("--submission", required=True, help="the folder that holds what was handed in")
    parser.add_argument("--task", default=os.path.dirname(here), help="the unpacked bundle")
    parser.add_argument("--self", dest="self_score", action="store_true", help="an agent scores itself")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--seed", help="64 hexadecimal digits")
    where.add_argument("--seed-file", help="a file that holds them; removed before anything else happens")
    return parser.parse_args()


def _take_seed(options):
    if options.seed_file is None:
        return options.seed
    try:
        with open(options.seed_file) as file:
            digits = file.read(65).strip()
        os.unlink(options.seed_file)
    except OSError as error:
        raise HostTrouble(f"the seed cannot be taken: {error}") from None
    return digits


def scale(options):
    """The nominal raw scores of start and reference, as the bundle's terms state them."""
    with open(os.path.join(options.task, "bundle.json")) as file:
        terms = json.load(file)["scale"]
    return terms["start"], terms["reference"]


def normalise(raw, nominal):
    start, reference = nominal
    return (raw - start) / (reference - start)


def valid(raw, samples, **measured):
    """A valid outcome. `samples` are normalised scores of independent parts, whose mean or median stands for
    the whole; `measured` says what was done, for people."""
    if not math.isfinite(raw) or not samples or not all(map(math.isfinite, samples)):
        raise Rejected("the score is no finite number")
    return {
        "status": "valid",
        "raw": raw,
        "normalized": statistics.median(samples),
        "samples": samples,
        "spread": statistics.stdev(samples) if len(samples) > 1 else 0.0,
        "measured": measured,
    }


def read_file(folder, name, most_bytes):
    """The bytes of a file that was handed in: a regular one of bounded size, reached over no link."""
    path = os.path.join(folder, name)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Rejected(f"{name} is no regular file")
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise Rejected(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > most_bytes:
        raise Rejected(f"{name} is larger than {most_bytes} bytes")
    return data


def _printable(text):
    return "".join(c if " " <= c <= "~" else " " for c in text)[:REASON_CHARACTERS].strip() or "no reason was given"
