"""The score command of optimize-llm-foundry: how fast is train.py, given that it trains what the start trains.

The raw score is ln(seconds) of a run, by the scorer's own clock. Each round is normalised with its own start and
reference, which ran on the same inputs within the same seconds, so whatever slowed the machine slowed all three.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math
import os
import statistics
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import torch  # noqa: E402

import scoring  # noqa: E402
from launcher import Launcher  # noqa: E402
from rounds import Rounds  # noqa: E402
from tiers import TIERS  # noqa: E402

PROGRAM_BYTES = 1 << 20
LEAST_WIDTH = math.log(1.5)  # a host on which the reference is hardly faster than the start measures nothing
HALF_WIDTH = 0.05  # of the mean's interval: two such scorings leave room within the agreement's margin
T_QUANTILE = 2.0  # Student's, five per cent a side, at the numbers of rounds that occur here
MAD_OF_NORMAL = 0.6745  # a normal distribution's median absolute deviation, in standard deviations
EDGE_DEVIATIONS = 2.5


def score(options, launcher):
    return _scored(options, launcher, ("start", "reference", "submission"), None)


def self_score(options, launcher):
    """Without the reference, whose place on the scale is taken as the bundle states it; no extra rounds."""
    start, reference = scoring.scale(options)
    return _scored(options, launcher, ("start", "submission"), reference - start)


def _scored(options, launcher, roles, nominal_width):
    tier = TIERS[options.tier]
    if tier.device == "cuda" and not torch.cuda.is_available():
        raise scoring.HostTrouble("PyTorch sees no CUDA device")
    torch.set_num_threads(tier.threads)
    folders = {role: os.path.join(options.task, role) for role in roles}
    folders["submission"] = options.submission
    programs = {role: scoring.read_file(folders[role], "train.py", PROGRAM_BYTES) for role in roles}
    rounds = Rounds(tier, options.seed, programs, launcher, options.task)
    most = tier.rounds if nominal_width else tier.most_rounds
    measured = rounds.run(most, lambda done: is_enough(samples(done, nominal_width)))
    seconds = {role: math.exp(statistics.median(each[role] for each in measured)) for role in roles}
    if "reference" in roles and math.log(seconds["start"] / seconds["reference"]) < LEAST_WIDTH:
        raise scoring.HostTrouble("it is too busy: start and reference take nearly the same time")
    return scoring.valid(
        math.log(seconds["submission"]),
        samples(measured, nominal_width),
        **{f"{role}_seconds": value for role, value in seconds.items()},
        rounds=len(measured),
        worst_distance=max(distance for distance, _ in rounds.closeness),
        worst_loss_share=max(share for _, share in rounds.closeness),
    )


def samples(rounds, nominal_width):
    """Each round's normalised score. A round that the machine disturbed far beyond the others counts as the edge
    of what is usual, so that a comparison of means stays sharp."""
    each = [_normalised(seconds, nominal_width) for seconds in rounds]
    middle = statistics.median(each)
    deviation = statistics.median(abs(sample - middle) for sample in each) / MAD_OF_NORMAL
    reach = EDGE_DEVIATIONS * deviation
    return [min(max(sample, middle - reach), middle + reach) for sample in each]


def _normalised(seconds, nominal_width):
    width = nominal_width if nominal_width else min(seconds["reference"] - seconds["start"], -LEAST_WIDTH)
    return (seconds["submission"] - seconds["start"]) / width


def is_enough(found):
    """Whether the mean is known to within HALF_WIDTH. What is looked at is the spread of the samples, never their
    mean, so stopping here moves no score."""
    return T_QUANTILE * statistics.stdev(found) <= HALF_WIDTH * math.sqrt(len(found))


def main():
    # The launcher is forked before the seed is taken: no program's process has the seed anywhere in its memory.
    launcher = Launcher()
    try:
        scoring.run(lambda options: score(options, launcher), lambda options: self_score(options, launcher))
    finally:
        launcher.close()


if __name__ == "__main__":
    main()
