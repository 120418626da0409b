"""Who follows whom: in the text, and by what the damaged model says of its rows.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import numpy
import torch
from matching import Graph

SMOOTHING = 0.1
ROWS_AT_ONCE = 4096
STEPS = 8


def frequent_tokens(text, vocabulary):
    """All tokens, the most frequent first."""
    counts = numpy.bincount(text.reshape(-1), minlength=vocabulary)
    return torch.from_numpy(numpy.argsort(-counts, kind="stable"))


def frequent_rows(said, embedding):
    """All rows, the one first that the model would write most often. `said` is the state after each row."""
    frequency = torch.full((len(said),), 1 / len(said), device=said.device)
    for _ in range(STEPS):
        parts = zip(said.split(ROWS_AT_ONCE), frequency.split(ROWS_AT_ONCE))
        frequency = sum(share @ (part @ embedding.T).softmax(1) for part, share in parts)
    return frequency.argsort(descending=True).cpu()


def of_text(text, tokens):
    few = len(tokens)
    place = numpy.full(1 << 16, -1)
    place[tokens.numpy()] = numpy.arange(few)
    before, after = place[text[:, :-1]].reshape(-1), place[text[:, 1:]].reshape(-1)
    both = (before >= 0) & (after >= 0)
    pairs = numpy.bincount(before[both] * few + after[both], minlength=few * few).reshape(few, few)
    pairs = torch.from_numpy(pairs).float() + SMOOTHING
    return Graph(pairs / pairs.sum(1, keepdim=True), pairs.sum(1) / pairs.sum())


def of_rows(said, embedding, rows):
    follows = (said[rows] @ embedding[rows].T).softmax(1)
    frequency = torch.full((len(rows),), 1 / len(rows), device=said.device)
    for _ in range(STEPS):
        frequency = frequency @ follows
    return Graph(follows, frequency)
