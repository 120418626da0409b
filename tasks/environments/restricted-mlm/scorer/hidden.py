"""The hidden texts of a scoring, drawn from its seed: which texts, and which of their tokens are masked.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os

import numpy
import torch

from corpus import Language


def draw(task, sizes, seed):
    """Texts (count, length), the same with the mask, and the masked positions (count, masked)."""
    count, length = sizes["texts"]["hidden"], sizes["length"]
    if sizes["tier"] == "full":
        pool = numpy.load(os.path.join(task, "scorer", "pool.npy"), mmap_mode="r")
        rng = numpy.random.default_rng(seed.number("texts"))
        texts = pool[numpy.sort(rng.choice(len(pool), count, replace=False))]
    else:
        with open(os.path.join(task, "scorer", "language.json")) as file:
            name = json.load(file)["name"]
        language = Language(name, sizes["vocabulary"] - 1, sizes["classes"])
        texts = language.texts(seed.number("texts"), count, length)
    texts = torch.from_numpy(texts.astype(numpy.int64))
    rng = numpy.random.default_rng(seed.number("masks"))
    positions = torch.from_numpy(rng.random((count, length)).argsort(1)[:, : sizes["masked"]])
    return texts, texts.scatter(1, positions, sizes["mask_id"]), positions
