"""A network that mixes positions with allowed operations: windows of neighbours, and attention without softmax.

Attention's scores go through ReLU instead of softmax and are divided by the length, which is a product with a
constant. Nothing is normalised; each block's last layer begins at zero instead, so that it begins as the identity.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass

import torch

from graph import Builder


@dataclass(frozen=True)
class Config:
    """`blocks` names each block: w for a window of `radius` neighbours on each side, a for attention."""

    width: int
    hidden: int
    radius: int
    heads: int
    blocks: str


def describe(length, vocabulary, config, whole=True):
    """The graph: up to the logits, or up to the last hidden layer only."""
    build = Builder()
    x = build.node("embedding", "tokens", build.parameter("table", vocabulary, config.width))
    x = build.node("add", x, build.parameter("place", length, config.width))
    for number, kind in enumerate(config.blocks):
        block = {"w": _window, "a": _attention}[kind]
        x = build.node("add", x, block(build, f"block{number}", x, length, config))
    x = _linear(build, "last", x, config.width, config.width)
    return build.graph(build.node("linear", x, "table", build.parameter("bias", vocabulary)) if whole else x)


def _linear(build, name, x, inputs, outputs):
    weight, bias = build.parameter(f"{name}_weight", outputs, inputs), build.parameter(f"{name}_bias", outputs)
    return build.node("linear", x, weight, bias)


def _window(build, name, x, length, config):
    offsets = range(-config.radius, config.radius + 1)
    at = [min(max(place + offset, 0), length - 1) for place in range(length) for offset in offsets]
    inputs = len(offsets) * config.width
    x = build.node("index", x, axis=0, at=at)
    x = build.node("reshape", x, sizes=[length, inputs])
    x = build.node("relu", _linear(build, f"{name}_in", x, inputs, config.hidden))
    return _linear(build, f"{name}_out", x, config.hidden, config.width)


def _attention(build, name, x, length, config):
    split = [length, config.heads, config.width // config.heads]
    query, key, value = (
        build.node("reshape", _linear(build, f"{name}_{role}", x, config.width, config.width), sizes=split)
        for role in ("query", "key", "value")
    )
    scores = build.node("einsum", query, key, equation="ihd,jhd->hij")
    scores = build.node("add", scores, build.parameter(f"{name}_place", config.heads, length, length))
    shares = build.node("multiply", build.node("relu", scores), build.parameter(f"{name}_share", 1))
    x = build.node("einsum", shares, value, equation="hij,jhd->ihd")
    x = build.node("reshape", x, sizes=[length, config.width])
    return _linear(build, f"{name}_out", x, config.width, config.width)


def initial(description, generator, counts):
    """The parameters' first values; `counts` says how often each token stands in the texts."""
    length = description["parameters"]["place"][0]
    tensors = {}
    for name, sizes in description["parameters"].items():
        tensors[name] = torch.randn(sizes, generator=generator) / sizes[-1] ** 0.5
        if name.endswith(("_bias", "_out_weight", "_place")):
            tensors[name].zero_()
        elif name.endswith("_share"):
            tensors[name].fill_(1 / length)
    tensors["bias"] = torch.log((counts + 1) / (counts + 1).sum())
    return tensors
