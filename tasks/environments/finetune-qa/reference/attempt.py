"""The reference: expert iteration. Samples many answers, keeps what the judge finds good, trains on it, repeats.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import random
import time
from dataclasses import dataclass

import train  # first: it makes the bundle's modules importable
import torch

import duel
import tune
import weights


@dataclass(frozen=True)
class Recipe:
    rounds: int
    prompts: int  # of each round
    tries: int  # answers to each prompt
    steps: int  # of each round
    batch: int
    rate: float
    good: float  # the quality from which on an answer is worth learning


REMEMBERED = 3  # rounds whose answers are trained on
SHARE_OF_BUDGET = 0.8  # after which no round begins, so that a slow machine hands in what it has
RECIPES = {
    "smoke": Recipe(rounds=12, prompts=320, tries=8, steps=30, batch=64, rate=1e-3, good=0.99),
    "gpu": Recipe(rounds=8, prompts=2048, tries=8, steps=100, batch=256, rate=2e-4, good=0.99),
    "full": Recipe(rounds=8, prompts=512, tries=8, steps=120, batch=16, rate=1e-5, good=0.7),
}


def main():
    ends = time.monotonic() + SHARE_OF_BUDGET * float(os.environ["QUORATE_SECONDS"])
    name, seed = os.environ["QUORATE_TIER"], os.environ["QUORATE_SEED"]
    model, world = train.load(name, os.path.join(train.TASK, "data"))
    generator = torch.Generator().manual_seed(int(seed[:8], 16))
    torch.manual_seed(int(seed[8:16], 16))
    recipe, stream, kept = RECIPES[name], random.Random(seed), []
    for number in range(recipe.rounds):
        if time.monotonic() > ends:
            break
        rows, mean = best(model, world, recipe, stream)
        kept = [*kept, rows][-REMEMBERED:]
        loss = tune.fit(model, torch.cat(kept), world.tier, recipe.steps, recipe.batch, recipe.rate, generator)
        print(f"round {number}: sampled quality {mean:.3f}, kept {len(rows)}, loss {loss:.3f}", flush=True)
    weights.write("model.safetensors", model.state_dict())


def best(model, world, recipe, stream):
    """Rows (prompt and answer) of the best answers sampled, and the mean quality of all samples."""
    prompts = world.prompts(stream, recipe.prompts)
    framed = world.frame(prompts)
    tried = torch.stack([tune.sample(model, framed, world.tier, 1.0) for _ in range(recipe.tries)])
    grades = torch.tensor([duel.qualities(world, prompts, rows) for rows in tried])
    top, which = grades.max(0)
    good = top >= recipe.good
    chosen = tried[which, torch.arange(len(prompts))]
    return torch.cat((framed, chosen), 1)[good], grades.mean().item()


if __name__ == "__main__":
    main()
