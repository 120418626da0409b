"""Makes what a bundle of scaling-law does not ship: the hidden text, its best loss, the rules in numbers.

    prepare.py --tier TIER --instance HEX [--data DIR]        (in an empty folder)

The best configuration is the grid's (truth.json); its loss is measured here, on this instance's own text.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import hashlib
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, *(os.path.join(os.path.dirname(HERE), part) for part in ("scorer", "library"))]

import rules  # noqa: E402
import texts  # noqa: E402
import training  # noqa: E402
from scoring import HostTrouble, Seed  # noqa: E402
from tiers import TIERS  # noqa: E402

# What somebody answers who makes no experiment: a width that sounds sensible, and a round number.
NAIVE = {"smoke": (64, 3.35), "gpu": (768, 3.23), "full": (384, 3.0)}


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--data", help="the folder of the public sources, at tier full")
    options = parser.parse_args()
    try:
        prepare(options.tier, options.instance, options.data)
    except (HostTrouble, OSError) as trouble:
        sys.exit(f"prepare.py: this host cannot prepare the bundle: {trouble}")


def prepare(name, instance, sources):
    tier = TIERS[name]
    data = os.path.join("scorer", "data")
    texts.write(name, tier, instance, sources, data)
    with open(os.path.join(HERE, "truth.json")) as file:
        best = json.load(file)[name]["best"]
    seed = Seed(hashlib.sha256(f"{instance}/best".encode()).hexdigest())
    losses = training.shard_losses(tier, training.open_text(data), best["width"], best["steps"], seed)
    _write(os.path.join(data, "best.json"), {**best, "loss": statistics.mean(losses)})
    _write(os.path.join("data", "rules.json"), in_numbers(tier))
    width, predicted = NAIVE[name]
    naive = {"width": width, "steps": rules.steps_for(tier, width), "predicted_loss": predicted}
    _write(os.path.join("start", "answer.json"), naive)


def in_numbers(tier):
    """What the instructions say, for programs."""
    return {
        "flops": tier.flops,
        "experiment_flops": tier.flops * rules.EXPERIMENT_SHARE,
        "flops_per_width2_step": rules.flops(tier, 1, 1),
        "width_multiple": tier.head,
        "most_width": tier.most_width,
        "most_steps": tier.most_steps,
        "layers": tier.layers,
        "tokens_per_step": tier.block * tier.batch,
    }


def _write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file, indent=1)


if __name__ == "__main__":
    main()
