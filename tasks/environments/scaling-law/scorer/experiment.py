"""The service that makes experiments for an agent: one request on standard input, one reply on standard output.

    {"experiments": [{"width": 16, "steps": 40, "draw": 0}, …]}   →  {"results": [{"loss": 3.1, "flops": 4e8}, …]}
    {"check": {"width": …, "steps": …, "predicted_loss": …}}  →  {"valid": true, "fraction": 0.98}

An agent sees neither this program nor the text that it trains on. Promises: no experiment costs more than the
cap, which is enforced here and nowhere else; every request gets one line of reply; a reply to `check` says
nothing about losses.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import rules  # noqa: E402
from scoring import HostTrouble, Rejected, Seed  # noqa: E402
from tiers import TIERS  # noqa: E402

REQUEST_BYTES = 4096
MOST_EXPERIMENTS = 16


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    tier = TIERS[parser.parse_args().tier]
    try:
        reply = answer(tier, sys.stdin.buffer.readline(REQUEST_BYTES + 1))
    except Rejected as rejected:
        reply = {"error": str(rejected)}
    except (HostTrouble, OSError) as trouble:
        reply = {"error": f"this host cannot make experiments: {trouble}"}
    print(json.dumps(reply, allow_nan=False))


def answer(tier, line):
    if len(line) > REQUEST_BYTES:
        raise Rejected(f"a request has at most {REQUEST_BYTES} bytes")
    request = rules.parse(line)
    kind = next(iter(request)) if type(request) is dict and len(request) == 1 else None
    if kind == "check":
        return _check(tier, request["check"])
    if kind == "experiments" and type(request["experiments"]) is list:
        return _experiments(tier, request["experiments"])
    raise Rejected("a request is an object with one key, `check` or `experiments`, the latter a list")


def _check(tier, found):
    try:
        checked = rules.checked_answer(tier, found)
    except Rejected as rejected:
        return {"valid": False, "error": str(rejected)}
    return {"valid": True, "fraction": rules.share(tier, checked.width, checked.steps)}


def _experiments(tier, wanted):
    if not 1 <= len(wanted) <= MOST_EXPERIMENTS:
        raise Rejected(f"a request has 1 to {MOST_EXPERIMENTS} experiments")
    return {"results": [_experiment(tier, each) for each in wanted]}


def _experiment(tier, found):
    try:
        width, steps, draw = rules.experiment(tier, found)
    except Rejected as rejected:
        return {"error": str(rejected)}
    import training  # here, because loading PyTorch takes longer than refusing

    text = training.open_text(os.path.join(HERE, "data"))
    losses = training.shard_losses(tier, text, width, steps, Seed(f"{draw:064x}"))
    return {"loss": statistics.mean(losses), "flops": rules.flops(tier, width, steps)}


if __name__ == "__main__":
    main()
