"""The score command of finetune-qa: the mean win rate of the model handed in against two baselines.

The prompts are drawn from the seed, when the model can no longer be changed. The model is data: it is read as
tensors of known names and shapes, and nothing of the submission runs.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import duel  # noqa: E402
import gpt  # noqa: E402
import scoring  # noqa: E402
import weights  # noqa: E402
import worlds  # noqa: E402
from tiers import TIERS  # noqa: E402

SHARDS = 16


def score(options):
    tier = TIERS[options.tier]
    device = tier.place()
    tensors = weights.read(options.submission, "model.safetensors", gpt.shapes(tier.model))
    data = os.path.join(options.task, "data")
    world = worlds.open_world(tier, data)
    prompts = world.prompts(options.seed.stream("prompts"), tier.hidden)

    ours = duel.answers(duel.model(tier.model, tensors, device), world, prompts)
    wins = {}
    for name, folder, config in (("base", data, tier.model), ("tuned", HERE, tier.tuned)):
        theirs = duel.answers(duel.model(config, baseline(folder, name, config), device), world, prompts)
        wins[name] = duel.wins(prompts, ours, theirs)
    return outcome(wins, scoring.scale(options), ended=mean([end for _, end in ours]))


def baseline(folder, name, config):
    try:
        return weights.read(folder, f"{name}.safetensors", gpt.shapes(config))
    except scoring.Rejected as broken:
        raise scoring.HostTrouble(f"the bundle's baseline cannot be used: {broken}") from None


def outcome(wins, nominal, **measured):
    """The mean win rate, and that of each shard: prompts in a row, as many of each kind in every shard."""
    both = [mean(pair) for pair in zip(*wins.values(), strict=True)]
    size = len(both) // SHARDS
    samples = [scoring.normalise(mean(both[at * size : (at + 1) * size]), nominal) for at in range(SHARDS)]
    rates = {f"against_{name}": mean(found) for name, found in wins.items()}
    return scoring.valid(mean(both), samples, prompts=len(both), **rates, **measured)


def mean(numbers):
    return sum(numbers) / len(numbers)


if __name__ == "__main__":
    scoring.run(score)
