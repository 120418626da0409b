"""What the damaged model still says. Its body is intact, so it predicts well, only under other names.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import numpy
import torch

TOKENS_AT_ONCE = 1 << 16


def states(model, tokens):
    """What the output layer compares with each row of the embedding: (batch, length, width)."""
    x = model.wte(tokens) + model.wpe.weight[: tokens.shape[1]]
    for block in model.h:
        x = block(x)
    return model.ln_f(x)


def following(model, generator, prefixes=16, length=3):
    """For each row of the embedding, the mean state after it, over random rows before it: (vocabulary, width)."""
    vocabulary, width = model.wte.weight.shape
    where = model.wte.weight.device
    total = torch.zeros(vocabulary, width, device=where)
    for _ in range(prefixes):
        before = torch.randint(vocabulary, (vocabulary, length), generator=generator)
        tokens = torch.cat((before, torch.arange(vocabulary)[:, None]), 1)
        parts = tokens.split(TOKENS_AT_ONCE // (length + 1))
        total += torch.cat([states(model, part.to(where))[:, -1] for part in parts])
    return total / prefixes


def preceding(model, rows):
    """For each token, the mean state before it in the text: (vocabulary, width)."""
    vocabulary, width = model.wte.weight.shape
    where = model.wte.weight.device
    total, count = torch.zeros(vocabulary, width, device=where), torch.zeros(vocabulary, device=where)
    at_once = TOKENS_AT_ONCE // rows.shape[1]
    for at in range(0, len(rows), at_once):
        tokens = torch.from_numpy(rows[at : at + at_once].astype(numpy.int64)).to(where)
        targets = tokens[:, 1:].flatten()
        total.index_add_(0, targets, states(model, tokens[:, :-1]).flatten(0, 1))
        count += torch.bincount(targets, minlength=vocabulary)
    return total / count.clamp(min=1)[:, None]
