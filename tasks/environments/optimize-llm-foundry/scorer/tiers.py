"""The sizes of each tier, and what counts as the same result. One table for the preparation and the scorer.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass

from gpt import Config


@dataclass(frozen=True)
class Tier:
    device: str
    threads: int  # of the program under the clock, before it chooses for itself
    model: Config
    # The run: one step for each batch of rows, each row used once.
    steps: int
    batch: int
    learning_rate: float
    # What `prepare.py` makes.
    texts: int
    pretraining_steps: int
    pretraining_batch: int
    # The scoring.
    hidden_texts: int
    rounds: int
    most_rounds: int
    settle_seconds: float
    run_seconds: float
    memory_bytes: int | None
    distance: float  # from the start program's weights, in units of the way that those went
    loss_share: float  # of the fall in loss that may be missing or added


TIERS = {
    "smoke": Tier(
        device="cpu",
        threads=1,
        model=Config(vocabulary=512, context=96, layers=2, heads=4, width=96),
        steps=12,
        batch=10,
        learning_rate=1e-3,
        texts=2048,
        pretraining_steps=80,
        pretraining_batch=16,
        hidden_texts=64,
        rounds=5,
        most_rounds=12,
        settle_seconds=16.0,
        run_seconds=15.0,
        memory_bytes=4 << 30,
        distance=0.02,
        loss_share=0.02,
    ),
    "gpu": Tier(
        device="cuda",
        threads=8,
        model=Config(vocabulary=8192, context=512, layers=8, heads=12, width=768),
        steps=16,
        batch=24,
        learning_rate=2e-4,
        texts=8192,
        pretraining_steps=200,
        pretraining_batch=32,
        hidden_texts=64,
        rounds=3,
        most_rounds=6,
        settle_seconds=60.0,
        run_seconds=60.0,
        memory_bytes=None,  # CUDA reserves addresses for all of the card's memory
        distance=0.02,
        loss_share=0.02,
    ),
    "full": Tier(
        device="cuda",
        threads=8,
        model=Config(vocabulary=50257, context=1024, layers=48, heads=25, width=1600),
        steps=125,
        batch=8,
        learning_rate=1e-5,
        texts=16384,
        pretraining_steps=0,
        pretraining_batch=0,
        hidden_texts=64,
        rounds=3,
        most_rounds=3,
        settle_seconds=0.0,
        run_seconds=900.0,
        memory_bytes=None,
        distance=0.02,
        loss_share=0.02,
    ),
}
