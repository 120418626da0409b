"""The score command of optimize-kernel.

    score.py --tier smoke --submission DIR --start DIR [--reference DIR] --seed-file FILE [--rounds N]

Prints one JSON object. Exit status 0 means that there is a result, valid or invalid; anything else means
that this host could not score (the message is on stderr), which says nothing about the submission.
Without a reference folder, as when an agent scores itself, the result is normalised with the nominal scale.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import re
import stat
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import guard  # noqa: E402
from child import Fault  # noqa: E402
from session import HostTrouble, Session, is_enough, score  # noqa: E402
from smoke import Smoke  # noqa: E402

SOURCE_BYTES = 1 << 20
REASON_CHARACTERS = 300


def main():
    options = parse()
    seed = take_seed(options)
    if not re.fullmatch("[0-9a-f]{64}", seed):
        sys.exit("score.py: the seed must be 64 hexadecimal digits (or `-`, and the digits on stdin)")
    full = options.reference is not None and os.path.isdir(options.reference)
    protect(seed, full)
    try:
        result = valid(options, seed, full)
    except HostTrouble as trouble:
        sys.exit(f"score.py: this host cannot score: {trouble}")
    except Fault as fault:
        if fault.role != "submission":
            sys.exit(f"score.py: this host cannot be calibrated: the {fault.role} solution {fault}")
        result = invalid(f"the submission {fault}", options, seed)
    print(json.dumps(result))


def parse():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=("smoke", "gpu", "full"))
    parser.add_argument("--submission", required=True)
    parser.add_argument("--start", required=True)
    parser.add_argument("--reference")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--seed", help="64 hexadecimal digits, or `-` for standard input")
    where.add_argument("--seed-file", help="a file that holds them; removed before anything of a submission runs")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--scale", help="nominal ln(ms) of start and reference: START,REFERENCE")
    options = parser.parse_args()
    if options.rounds is not None and not 1 <= options.rounds <= 1000:
        parser.error("--rounds must be from 1 to 1000")
    return options


def take_seed(options):
    if options.seed_file is None:
        return options.seed if options.seed != "-" else sys.stdin.readline().strip()
    try:
        with open(options.seed_file) as file:
            seed = file.read(65).strip()
        os.unlink(options.seed_file)
    except OSError as error:
        sys.exit(f"score.py: the seed cannot be taken: {error}")
    return seed


def protect(seed, full):
    """Before any code of a submission runs: nobody may look in, and the seed must be nowhere to be read."""
    try:
        guard.hide_argument(seed.encode())
        guard.withdraw()
        shown = guard.holders(seed.encode()) if full else []
    except OSError as error:
        sys.exit(f"score.py: this host cannot protect the scorer: {error}; it needs Linux with /proc mounted")
    if shown:
        sys.exit(
            f"score.py: the seed stands in the command line of process {shown[0]}, where the submission could "
            "read it; start the scorer without a wrapper, or with `--seed -` and the seed on stdin"
        )


def valid(options, seed, full):
    tier = make_tier(options.tier)
    rounds = options.rounds or tier.rounds
    # An agent that scores itself, or somebody who names a number, wants just that many.
    most = tier.most_rounds if full and not options.rounds else rounds
    nominal = scale(options, tier)
    roles = ("start", "reference", "submission") if full else ("start", "submission")
    sources = {role: source(getattr(options, role), role) for role in roles}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner.py")) as file:
        program = file.read()
    measured = Session(tier, seed, sources, program).run(rounds, most, lambda done: is_enough(done, nominal))
    rounds = len(measured)
    result = score(measured, nominal)
    result["calibration"].update(tier.extra_calibration())
    header = {"status": "valid", "tier": options.tier, "seed": seed, "rounds": rounds}
    return {**header, "measured": tier.measured(rounds), **result}


def make_tier(name):
    if name == "smoke":
        return Smoke()
    from gpu import Gpu, Unavailable

    try:
        return Gpu(name)
    except Unavailable as error:
        sys.exit(f"score.py: tier {name} needs a GPU: {error}")


def scale(options, tier):
    return tuple(float(part) for part in options.scale.split(",")) if options.scale else tier.nominal


def source(folder, role):
    """The text of `solution.py`: a regular file of bounded size, read once, before anything runs."""
    path = os.path.join(folder, "solution.py")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Fault(role, "is no regular file")
            data = file.read(SOURCE_BYTES + 1)
    except OSError as error:
        raise Fault(role, f"has no readable solution.py: {error.strerror}") from None
    if len(data) > SOURCE_BYTES:
        raise Fault(role, f"is larger than {SOURCE_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Fault(role, "is not UTF-8 text") from None


def invalid(reason, options, seed):
    text = "".join(c if " " <= c <= "~" else " " for c in reason)
    return {"status": "invalid", "reason": text[:REASON_CHARACTERS], "tier": options.tier, "seed": seed}


if __name__ == "__main__":
    main()
