"""Finds a tier's best configuration: trains a grid of widths with the whole budget, and keeps what it found.

    truth.py --tier TIER [--instance HEX] [--data DIR]        (the repository's python; writes truth.json)

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = os.path.dirname(HERE)
LIBRARY = os.path.join(os.path.dirname(os.path.dirname(ENVIRONMENT)), "library")
sys.path[:0] = [HERE, os.path.join(ENVIRONMENT, "scorer"), LIBRARY]

import rules  # noqa: E402
import texts  # noqa: E402
import torch  # noqa: E402
import training  # noqa: E402
from scoring import Seed  # noqa: E402
from tiers import TIERS  # noqa: E402

WIDTHS = {
    "smoke": (8, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128),
    "gpu": (128, 192, 256, 320, 384, 512, 640, 768, 1024),
    "full": (512, 768, 1024, 1280, 1536),
}
SEED = Seed("7" * 64)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--instance", default="0" * 64)
    parser.add_argument("--data", help="the folder of the public sources, at tier full")
    options = parser.parse_args()
    tier = TIERS[options.tier]
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        texts.write(options.tier, tier, options.instance, options.data, data)
        grid = [_measured(tier, training.open_text(data), width) for width in WIDTHS[options.tier]]
    best = min(grid, key=lambda each: each["loss"])
    _keep(options.tier, {
        "best": {"width": best["width"], "steps": best["steps"]},
        "grid": grid,
        "command": f"prepare/truth.py --tier {options.tier} --instance {options.instance}",
        "device": torch.cuda.get_device_name() if tier.device == "cuda" else platform.machine(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    })


def _measured(tier, text, width):
    steps = rules.steps_for(tier, width)
    loss = statistics.mean(training.shard_losses(tier, text, width, steps, SEED))
    share = rules.share(tier, width, steps)
    print(f"width {width:5}  steps {steps:7}  budget {share:.3f}  loss {loss:.4f}", flush=True)
    return {"width": width, "steps": steps, "loss": round(loss, 4)}


def _keep(name, found):
    path = os.path.join(HERE, "truth.json")
    with open(path) as file:
        truths = json.load(file)
    with open(path, "w") as file:
        json.dump({**truths, name: found}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
