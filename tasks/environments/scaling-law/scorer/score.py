"""The scorer: trains what the answer names with the whole budget, and compares.

raw = 1 − [(L(answer) − L(best)) + |predicted − L(answer)|], where L(answer) is the loss of that training on
hidden text and L(best) the loss of the best configuration of a grid of such trainings (`data/best.json`).

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import statistics
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import rules  # noqa: E402
import scoring  # noqa: E402
from tiers import TIERS  # noqa: E402


def score(options):
    tier = TIERS[options.tier]
    found = rules.answer(tier, scoring.read_file(options.submission, "answer.json", rules.ANSWER_BYTES))
    import training  # here, because loading PyTorch takes longer than refusing

    data = os.path.join(options.task, "scorer", "data")
    losses = training.shard_losses(tier, training.open_text(data), found.width, found.steps, options.seed)
    best = best_loss(data)
    raws = shard_scores(losses, best, found.predicted_loss)
    nominal = scoring.scale(options)
    return scoring.valid(
        statistics.mean(raws),
        [scoring.normalise(raw, nominal) for raw in raws],
        width=found.width,
        steps=found.steps,
        fraction=rules.share(tier, found.width, found.steps),
        predicted_loss=found.predicted_loss,
        loss=statistics.mean(losses),
        best_loss=best,
    )


def best_loss(data):
    with open(os.path.join(data, "best.json")) as file:
        return json.load(file)["loss"]


def shard_scores(losses, best, predicted):
    """Raw scores of the shards, whose mean is the raw score of the whole text.

    The prediction is about the whole text. So each shard takes the sign of the whole's error: with its own,
    the chance of what a shard holds would count as an error of the prediction.
    """
    sign = 1 if predicted >= statistics.mean(losses) else -1
    return [1 - (loss - best) - sign * (predicted - loss) for loss in losses]


if __name__ == "__main__":
    scoring.run(score)
