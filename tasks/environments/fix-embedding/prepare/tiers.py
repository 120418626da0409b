"""The sizes of each tier. All else is the same code at every tier.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass

# Below what any model can reach; the README says how that was measured.
FLOOR = 1.5


@dataclass(frozen=True)
class Training:
    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class Made:
    """How a tier without public sources makes its own: the language's classes, and a training for each model."""

    classes: int
    big: Training
    small: Training


@dataclass(frozen=True)
class Tier:
    """Rows are stretches of text, one token longer than the context. The scorer takes `shards` × `shard_rows`."""

    big: dict
    small: dict
    training_rows: int
    validation_rows: int
    shards: int
    shard_rows: int
    made: Made | None = None
    hidden_rows: int = 0


def size(vocabulary, context, layers, heads, width):
    return {"vocabulary": vocabulary, "context": context, "layers": layers, "heads": heads, "width": width}


TIERS = {
    "smoke": Tier(
        big=size(256, 64, layers=2, heads=4, width=64),
        small=size(256, 64, layers=1, heads=2, width=32),
        training_rows=8_000,
        validation_rows=256,
        shards=16,
        shard_rows=32,
        made=Made(2, big=Training(300, 16, 5e-3), small=Training(200, 16, 1e-2)),
    ),
    "gpu": Tier(
        big=size(8192, 256, layers=8, heads=8, width=512),
        small=size(8192, 256, layers=4, heads=4, width=256),
        training_rows=40_000,
        validation_rows=256,
        shards=16,
        shard_rows=32,
        made=Made(8, big=Training(1_000, 64, 1e-3), small=Training(600, 64, 2e-3)),
    ),
    # GPT-2 XL and GPT-2; about a billion tokens, as many as eight hours on one GPU can use.
    "full": Tier(
        big=size(50257, 1024, layers=48, heads=25, width=1600),
        small=size(50257, 1024, layers=12, heads=12, width=768),
        training_rows=1_000_000,
        validation_rows=256,
        shards=16,
        shard_rows=5,
        hidden_rows=20_000,
    ),
}
