"""The sizes of the tiers. `task.json` carries a tier's sizes to agents and scorer.

The mask is the last token id, as GPT-2's 50256 is. `floor` lies below the loss that anybody can reach: at the
tiers with a made language, below that of an oracle (tests/test_floor.py); at `full` it is RE-Bench's.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

TIERS = {
    "smoke": {
        "length": 32,
        "vocabulary": 64,
        "masked": 5,
        "floor": 0.5,
        "classes": 2,
        "texts": {"train": 24_000, "valid": 1_024, "hidden": 2_048},
        "batch": 128,
        "bounds": {"nodes": 512, "parameters": 4 << 20, "elements": 1 << 19, "operations": 100_000_000},
    },
    "gpu": {
        "length": 64,
        "vocabulary": 4_096,
        "masked": 10,
        "floor": 0.1,
        "classes": 4,
        "texts": {"train": 400_000, "valid": 4_096, "hidden": 4_096},
        "batch": 64,
        "bounds": {"nodes": 2_048, "parameters": 64 << 20, "elements": 16 << 20, "operations": 20_000_000_000},
    },
    "full": {
        "length": 128,
        "vocabulary": 50_257,
        "masked": 19,
        "floor": 1.5,
        "texts": {"train": 8_000_000, "valid": 8_192, "hidden": 4_096, "pool": 32_768},
        "batch": 32,
        "bounds": {"nodes": 4_096, "parameters": 256 << 20, "elements": 64 << 20, "operations": 200_000_000_000},
    },
}
