"""The task, for training: its sizes, its texts, how they are masked and what the loss is.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import sys

import numpy
import torch
from torch.nn import functional

FOLDER = os.environ["QUORATE_TASK"]
sys.path.insert(0, os.path.join(FOLDER, "library"))

import graph  # noqa: E402

with open(os.path.join(FOLDER, "data", "task.json")) as _file:
    SIZES = json.load(_file)
BOUNDS = graph.Bounds(SIZES["length"], SIZES["vocabulary"], **SIZES["bounds"])
DEVICE = "cpu" if SIZES["tier"] == "smoke" else "cuda"


class Texts:
    """The texts of `part`, `train` or `valid`; they stay in their file until they are drawn."""

    def __init__(self, part):
        self.rows = numpy.load(os.path.join(FOLDER, "data", f"{part}.npy"), mmap_mode="r")

    def counts(self, most=100_000):
        """How often each token stands in the first `most` texts."""
        return torch.from_numpy(numpy.bincount(self.rows[:most].ravel(), minlength=SIZES["vocabulary"]))

    def at(self, numbers):
        return torch.from_numpy(self.rows[numbers].astype(numpy.int64)).to(DEVICE)

    def draw(self, rng, count):
        """`count` texts that `rng`, a numpy generator, picks."""
        return self.at(numpy.sort(rng.integers(len(self.rows), size=count)))


def hide(texts, generator):
    """The texts with the mask at positions drawn anew for each, and those positions."""
    order = torch.rand(texts.shape, generator=generator, device=texts.device).argsort(1)
    positions = order[:, : SIZES["masked"]]
    return texts.scatter(1, positions, SIZES["mask_id"]), positions


def at_positions(values, positions):
    """Of values (texts, length, n) those at the positions (texts, k)."""
    return values.gather(1, positions[:, :, None].expand(-1, -1, values.shape[2]))


def loss(logits, texts, positions):
    """The mean cross-entropy of the hidden tokens; `logits` are those at the positions (texts, k, vocabulary)."""
    return functional.cross_entropy(logits.flatten(0, 1), texts.gather(1, positions).flatten())
