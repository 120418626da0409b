"""The starting recipe, which made the model.safetensors beside it: one short round of keeping the better of two.

    python3 train.py            # reads $QUORATE_TASK/data, writes model.safetensors in the working folder

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import random
import sys

TASK = os.environ["QUORATE_TASK"]
sys.path[:0] = [os.path.join(TASK, "library"), os.path.join(TASK, "scorer")]

import torch  # noqa: E402

import duel  # noqa: E402
import gpt  # noqa: E402
import tune  # noqa: E402
import weights  # noqa: E402
import worlds  # noqa: E402
from tiers import TIERS  # noqa: E402

PROMPTS = {"smoke": 512, "gpu": 1024, "full": 256}
STEPS = 30
BATCH = {"smoke": 64, "gpu": 64, "full": 16}
RATE = {"smoke": 1e-3, "gpu": 1e-4, "full": 5e-6}


def main():
    name, seed = os.environ["QUORATE_TIER"], os.environ["QUORATE_SEED"]
    model, world = load(name, os.path.join(TASK, "data"))
    better_of_two(model, world, name, seed)
    weights.write("model.safetensors", model.state_dict())


def load(name, data):
    """The base model and the world of a tier, from the bundle's folder of data."""
    tier = TIERS[name]
    tensors = weights.read(data, "base.safetensors", gpt.shapes(tier.model))
    return duel.model(tier.model, tensors, tier.place()), worlds.open_world(tier, data)


def better_of_two(model, world, name, seed):
    """Samples two answers to each prompt and trains on the one that the judge likes better, however bad it is."""
    generator = torch.Generator().manual_seed(int(seed[:8], 16))
    prompts = world.prompts(random.Random(seed), PROMPTS[name])
    framed = world.frame(prompts)
    tried = [tune.sample(model, framed, world.tier, 1.0) for _ in range(2)]
    first, second = (torch.tensor(duel.qualities(world, prompts, rows)) for rows in tried)
    kept = torch.where((first >= second)[:, None], *tried)
    tune.fit(model, torch.cat((framed, kept), 1), world.tier, STEPS, BATCH[name], RATE[name], generator)


if __name__ == "__main__":
    main()
