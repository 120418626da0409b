"""The network to improve: each position is looked up and goes through one hidden layer, alone.

It cannot see a masked position's neighbours, so it learns how frequent each token is and nothing else.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import torch

from graph import Builder

WIDTH = 32


def describe(length, vocabulary):
    """The graph, as graph.json holds it."""
    build = Builder()
    x = build.node("embedding", "tokens", build.parameter("table", vocabulary, WIDTH))
    x = build.node("linear", x, build.parameter("inner", WIDTH, WIDTH), build.parameter("inner_bias", WIDTH))
    x = build.node("relu", x)
    head = build.parameter("head", vocabulary, WIDTH), build.parameter("head_bias", vocabulary)
    return build.graph(build.node("linear", x, *head))


def initial(description, generator, counts):
    """The parameters' first values; `counts` says how often each token stands in the texts."""
    shapes = description["parameters"].items()
    tensors = {name: torch.randn(sizes, generator=generator) / sizes[-1] ** 0.5 for name, sizes in shapes}
    tensors["head"].zero_()
    tensors["head_bias"] = torch.log((counts + 1) / (counts + 1).sum())
    return tensors
