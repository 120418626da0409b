"""Answers of models to prompts, and who wins.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import torch

import gpt
import judge


def model(config, tensors, device):
    """The model that these tensors (name → tensor) are the weights of."""
    with torch.device("meta"):
        made = gpt.Gpt(config)
    made.load_state_dict(tensors, assign=True)
    return made.to(device)


def answers(made, world, prompts):
    """The greedy answers as (words, whether it ended), one for each prompt."""
    device = next(made.parameters()).device
    tier, rows = world.tier, []
    for part in world.frame(prompts).split(tier.batch):
        rows += made.generate(part.to(device), tier.answer).tolist()
    return [world.read(row) for row in rows]


def wins(prompts, ours, theirs):
    """1, ½ or 0 for each prompt: our answer is better than, as good as or worse than theirs."""
    return [judge.duel(judge.words(prompt), a, b) for prompt, a, b in zip(prompts, ours, theirs, strict=True)]


def qualities(world, prompts, rows):
    """The judge's quality of each answer, given as tokens (count, tier.answer)."""
    return [judge.quality(judge.words(prompt), *world.read(row)) for prompt, row in zip(prompts, rows.tolist())]
