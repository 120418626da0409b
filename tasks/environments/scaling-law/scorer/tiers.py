"""The sizes of each tier. Everything else about a training is the same at all of them.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    device: str
    vocabulary: int
    layers: int
    head: int  # the width of one attention head; widths are multiples of it
    block: int  # tokens that one window predicts
    batch: int  # windows of one step
    micro: int  # windows that are in memory at once
    flops: float  # the target budget
    most_width: int
    most_steps: int
    rate: float  # the highest learning rate at the width `rate_width`
    rate_width: int
    shards: int  # of the hidden text, each of `windows` windows
    windows: int


TIERS = {
    "smoke": Tier("cpu", 256, 1, 4, 16, 32, 256, 2e10, 256, 1500, 0.015, 64, 16, 256),
    "gpu": Tier("cuda", 4096, 4, 64, 256, 128, 128, 2.5e15, 2048, 4000, 0.002, 512, 16, 32),
    "full": Tier("cuda", 50257, 4, 64, 1024, 64, 16, 5e17, 4096, 250_000, 0.001, 1024, 16, 32),
}
