"""Prints the loss of the model in the working folder on the validation text, and its raw score there.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math

import given
import numpy
import torch

ROWS_AT_ONCE = 4


@torch.no_grad()
def loss(model):
    rows, total = given.text("validation"), 0.0
    for at in range(0, len(rows), ROWS_AT_ONCE):
        tokens = torch.from_numpy(rows[at : at + ROWS_AT_ONCE].astype(numpy.int64)).to(given.DEVICE)
        total += model.losses(tokens).sum().item()
    return total / len(rows)


if __name__ == "__main__":
    found = loss(given.model())
    print(f"loss {found:.4f}, raw score {math.log(found - given.config()['floor']):.4f}")
