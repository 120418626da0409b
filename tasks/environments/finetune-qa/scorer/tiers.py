"""The sizes of each tier: model, prompts, answers. Everything else is the same code.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass, replace

import torch

from gpt import Config
from scoring import HostTrouble


@dataclass(frozen=True)
class Tier:
    device: str
    model: Config
    tuned: Config  # the second baseline's
    prompt: int  # tokens; shorter prompts are filled up on the left with the end token
    answer: int  # tokens at most, the end token included
    end: int  # the end token
    hidden: int  # prompts of one scoring
    batch: int  # prompts answered at a time
    rules: int  # rules of an open task
    tasks: tuple = ()  # made worlds: the kinds of task, which take turns
    items: int = 0  # made worlds: how many words there are to work on
    longest: int = 0  # made worlds: how many of them a task names at most

    def place(self):
        """The device that this tier's models run on."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise HostTrouble("this tier needs a CUDA GPU and PyTorch finds none")
        return torch.device(self.device)


SMALL = Config(vocabulary=48, context=32, layers=2, heads=2, width=64)
MIDDLE = Config(vocabulary=96, context=64, layers=4, heads=6, width=384)
XL = Config(vocabulary=50257, context=1024, layers=48, heads=25, width=1600)
ALPACA = replace(XL, layers=12, heads=12, width=768)

SMOKE_TASKS = ("reverse", "sort", "repeat", "pick", "take", "write", "write", "write")
GPU_TASKS = ("reverse", "sort", "repeat", "pick", "recall", "write", "write", "write")

# fmt: off
TIERS = {
    "smoke": Tier("cpu", SMALL, SMALL, prompt=12, answer=8, end=0, hidden=2048, batch=2048, rules=1,
                  tasks=SMOKE_TASKS, items=16, longest=4),
    "gpu": Tier("cuda", MIDDLE, MIDDLE, prompt=20, answer=16, end=0, hidden=4096, batch=1024, rules=3,
                tasks=GPU_TASKS, items=64, longest=7),
    "full": Tier("cuda", XL, ALPACA, prompt=128, answer=96, end=50256, hidden=1536, batch=128, rules=3),
}
# fmt: on
