"""Trains the model in the working folder on the training text: `train.py SECONDS`. The plain way, and a weak one.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import sys
import time

import given
import numpy
import torch

WARM = 0.1
MOST_ROWS = 16
MOST_TOKENS = 4096


def train(model, rows, progress, batch, rate, generator):
    """Trains on random rows, once for each number of `progress`: the share that is done, which sets the rate."""
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    for done in progress:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (done + 1e-3) / WARM) * (1 - done)
        chosen = torch.randint(len(rows), (batch,), generator=generator).numpy()
        tokens = torch.from_numpy(rows[chosen].astype(numpy.int64)).to(device)
        optimizer.zero_grad()
        model.losses(tokens).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def steps(count):
    return (step / count for step in range(count))


def within(seconds, most=None):
    """Until the time is up, or `most` steps are made."""
    began, step = time.monotonic(), 0
    while (done := max((time.monotonic() - began) / seconds, step / most if most else 0)) < 1:
        yield done
        step += 1


def tune(model, rows, seconds, most=None):
    """Trains a trained model on: at the rate that its width stands, with a batch that fits a GPU at every tier.
    Where `most` steps take less time, it trains no longer."""
    batch = min(MOST_ROWS, MOST_TOKENS // model.config.context)
    train(model, rows, within(seconds, most), batch, 0.1 / model.config.width, torch.Generator().manual_seed(0))


if __name__ == "__main__":
    torch.set_float32_matmul_precision("high")
    mended = given.model()
    tune(mended, given.text("training"), float(sys.argv[1]))
    given.save(mended)
