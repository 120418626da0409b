"""What a run is given: initial weights, rows in their order, and settings, all drawn from a seed.

Promises: one seed and label stand for one set of inputs. As a command, `inputs.py --tier T --seed HEX FOLDER`
writes such a set into a folder, for whoever wants to run a program by hand.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import numpy  # noqa: E402
import torch  # noqa: E402

import gpt  # noqa: E402
import scoring  # noqa: E402
import weights  # noqa: E402
from tiers import TIERS  # noqa: E402

OPTIMISER = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-6, "weight_decay": 0.1, "clip_norm": 1.0}
SHORTEST = 8  # tokens of a prompt, and of an answer
NOISE = 0.02  # of a tensor's standard deviation: no two runs begin alike
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeiou"


@dataclass
class Inputs:
    settings: dict
    rows: list  # of (prompt, answer), each an array of token ids
    initial: dict  # name → tensor
    hidden: torch.Tensor  # texts that no run sees, (count, context)


class Source:
    """The bundle's base model and texts, from which inputs are drawn."""

    def __init__(self, task, tier):
        self.tier = tier
        data = os.path.join(task, "data")
        self.base = weights.read(data, "base.safetensors", gpt.shapes(tier.model))
        self.texts = numpy.load(os.path.join(data, "texts.npy"))

    def draw(self, seed, label):
        tier, rng = self.tier, numpy.random.default_rng(seed.number(f"{label}/rows"))
        count = tier.steps * tier.batch
        chosen = rng.choice(len(self.texts), size=count + tier.hidden_texts, replace=False)
        rows = [_row(self.texts[index], tier.model.context, rng) for index in chosen[:count]]
        hidden = torch.from_numpy(self.texts[chosen[count:]].astype(numpy.int64))
        generator = torch.Generator().manual_seed(seed.number(f"{label}/weights"))
        initial = {name: _disturbed(tensor, generator) for name, tensor in self.base.items()}
        settings = {name: getattr(tier, name) for name in ("steps", "batch", "learning_rate", "device")}
        return Inputs({**settings, **OPTIMISER, "model": asdict(tier.model)}, rows, initial, hidden)


def _row(text, context, rng):
    """A prompt and an answer from the head of a text; short rows are frequent, long ones rare."""
    total = 2 * SHORTEST + int((context - 2 * SHORTEST) * rng.random() ** 2)
    prompt = int(rng.integers(SHORTEST, total - SHORTEST, endpoint=True))
    return text[:prompt], text[prompt:total]


def _disturbed(tensor, generator):
    scale = NOISE * float(tensor.std(correction=0))
    return tensor + scale * torch.randn(tensor.shape, generator=generator)


def word(number):
    """The word that stands for a token in a run's texts: its number, spelt in syllables."""
    spelt = ""
    while not spelt or number:
        number, syllable = divmod(number, len(CONSONANTS) * len(VOWELS))
        consonant, vowel = divmod(syllable, len(VOWELS))
        spelt = CONSONANTS[consonant] + VOWELS[vowel] + spelt
    return spelt


def write(inputs, folder):
    words = [word(number) for number in range(inputs.settings["model"]["vocabulary"])]
    with open(os.path.join(folder, "words.txt"), "w") as file:
        file.writelines(f"{each}\n" for each in words)
    with open(os.path.join(folder, "run.json"), "w") as file:
        json.dump(inputs.settings, file)
    with open(os.path.join(folder, "rows.jsonl"), "w") as file:
        for prompt, answer in inputs.rows:
            row = {"prompt": " ".join(words[i] for i in prompt), "answer": " ".join(words[i] for i in answer)}
            file.write(json.dumps(row) + "\n")
    weights.write(os.path.join(folder, "initial.safetensors"), inputs.initial)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=sorted(TIERS))
    parser.add_argument("--seed", required=True, help="64 hexadecimal digits")
    parser.add_argument("folder", help="where the files go; it is made if it is missing")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    source = Source(os.path.dirname(HERE), TIERS[options.tier])
    write(source.draw(scoring.Seed(options.seed), "by-hand"), options.folder)


if __name__ == "__main__":
    main()
