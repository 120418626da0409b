"""Makes what the bundle does not ship: the damaged model, the small intact one, and text.

Leaves in the current folder start/model.safetensors, data/ (for everybody) and scorer/hidden.* (for the scorer).
The intact big model and the permutation are nowhere in it. Everything random derives from the instance.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import sys

sys.dont_write_bytecode = True

import argparse
import hashlib
import json
import os

# Read by CUDA's matrix products when they start; without it they are not repeatable.
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

TASK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TASK, folder) for folder in ("prepare", "start", "library")]
os.environ["QUORATE_TASK"] = TASK  # read by start/train.py

import numpy
import torch
import train
import weights
from corpus import Language
from gpt import Config, Gpt
from tiers import FLOOR, TIERS


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--instance", required=True, help="64 hexadecimal digits")
    parser.add_argument("--data", help="the fetched public sources, for tiers that use them")
    options = parser.parse_args()
    tier = TIERS[options.tier]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("high")
    for folder in ("start", "data", "scorer"):
        os.makedirs(folder)
    if tier.made:
        big, small = make(tier, options.instance, "cpu" if options.tier == "smoke" else "cuda")
    else:
        big, small = fetch(tier, options.data)
    damage(big, options.instance)
    save("start/model.safetensors", big)
    save("data/small.safetensors", small)
    dump("data/config.json", {"floor": FLOOR, "model": tier.big, "small": tier.small})


def number(instance, label):
    """A seed for each use, from the instance."""
    return int.from_bytes(hashlib.sha256(f"{instance}/{label}".encode()).digest()[:8], "big") >> 1


def make(tier, instance, device):
    """Writes text of a language of the instance's own; returns the tensors of both models, trained on it."""
    name, vocabulary, classes = f"{instance}/language", tier.big["vocabulary"], tier.made.classes
    dump_hidden(tier, language=name, vocabulary=vocabulary, classes=classes)
    language = Language(name, vocabulary, classes)
    length = tier.big["context"] + 1
    for name, count in (("training", tier.training_rows), ("validation", tier.validation_rows)):
        rows = language.texts(f"{instance}/{name}", count, length)
        numpy.save(f"data/{name}.npy", rows.astype(numpy.uint16))
    # Other text than the agent gets, so that the model knows something that its text does not say.
    text = language.texts(f"{instance}/pretraining", 2 * tier.training_rows, length)
    models = []
    for name, size, plan in (("big", tier.big, tier.made.big), ("small", tier.small, tier.made.small)):
        generator = torch.Generator().manual_seed(number(instance, name))
        model = Gpt(Config(**size)).initialise(generator).to(device)
        train.train(model, text, train.steps(plan.steps), plan.batch, plan.rate, generator)
        models.append(model.state_dict())
    return models


def fetch(tier, folder):
    """Writes public text, cut into rows; returns the tensors of GPT-2 XL and GPT-2."""
    import public

    dump_hidden(tier)
    tokenizer = public.tokenizer(os.path.join(folder, "gpt2"))
    texts = public.texts(os.path.join(folder, "openwebtext"))
    tokens = public.token_stream(texts, tokenizer)
    length = tier.big["context"] + 1
    parts = [("scorer/hidden", tier.hidden_rows), ("data/validation", tier.validation_rows)]
    write_rows(tokens, [*parts, ("data/training", tier.training_rows)], length)
    return public.gpt2(os.path.join(folder, "gpt2-xl")), public.gpt2(os.path.join(folder, "gpt2"))


def write_rows(tokens, parts, length):
    """Cuts a stream of token arrays into files (name, number of rows), one after the other."""
    left = numpy.empty(0, numpy.uint16)
    for name, count in parts:
        rows = numpy.lib.format.open_memmap(f"{name}.npy", "w+", numpy.uint16, (count, length))
        flat, at = rows.reshape(-1), 0
        while at < len(flat):
            if not len(left):
                left = next(tokens, None)
                if left is None:
                    sys.exit(f"prepare.py: the text ends before {name} is full; fetch more of its source")
            take = left[: len(flat) - at]
            flat[at : at + len(take)] = take
            at, left = at + len(take), left[len(take) :]
        rows.flush()


def damage(tensors, instance):
    """Permutes the rows of the embedding."""
    embedding = tensors["wte.weight"]
    generator = torch.Generator().manual_seed(number(instance, "damage"))
    order = torch.randperm(len(embedding), generator=generator)
    tensors["wte.weight"] = embedding[order.to(embedding.device)]


def save(path, tensors):
    weights.write(path, {name: tensor.half() for name, tensor in tensors.items()})


def dump_hidden(tier, **language):
    """What the scorer needs to know of the hidden text."""
    dump("scorer/hidden.json", {"shards": tier.shards, "shard_rows": tier.shard_rows, **language})


def dump(path, value):
    with open(path, "w") as file:
        json.dump(value, file)


if __name__ == "__main__":
    main()
