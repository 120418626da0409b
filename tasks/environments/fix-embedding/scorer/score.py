"""Scores a mended model: ln(loss − floor) on text that nobody has seen yet. What was handed in is read as data.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import sys

sys.dont_write_bytecode = True

import json
import math
import os

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import numpy
import scoring
import torch
import weights
from corpus import Language
from gpt import Config, Gpt, shapes

MODEL = "model.safetensors"
LOGITS_AT_ONCE = 1 << 26


def score(options):
    config = load(options, "data/config.json")
    hidden = load(options, "scorer/hidden.json")
    size, floor = Config(**config["model"]), config["floor"]
    model = read(options.submission, size).to(device(options.tier))
    losses = row_losses(model, hidden_text(options, hidden, size.context + 1))
    nominal = scoring.scale(options)
    shards = losses.view(hidden["shards"], -1).mean(1).tolist()
    samples = [scoring.normalise(raw_score(loss, floor), nominal) for loss in shards]
    loss = losses.mean().item()
    return scoring.valid(raw_score(loss, floor), samples, loss=loss, rows=len(losses), shards=len(shards))


def load(options, name):
    with open(os.path.join(options.task, name)) as file:
        return json.load(file)


def device(tier):
    if tier == "smoke":
        torch.set_num_threads(1)
        return "cpu"
    if not torch.cuda.is_available():
        raise scoring.HostTrouble(f"tier {tier} needs a GPU and PyTorch finds none")
    return "cuda"


def read(folder, size):
    with torch.device("meta"):
        model = Gpt(size)
    model.load_state_dict(weights.read(folder, MODEL, shapes(size)), assign=True)
    return model


def hidden_text(options, hidden, length):
    """The rows that the seed picks: new ones of the made language, or some of those that prepare set apart."""
    count = hidden["shards"] * hidden["shard_rows"]
    number = options.seed.number("text")
    if "language" in hidden:
        language = Language(hidden["language"], hidden["vocabulary"], hidden["classes"])
        return language.texts(number, count, length)
    rows = numpy.load(os.path.join(options.task, "scorer", "hidden.npy"), mmap_mode="r")
    return rows[numpy.random.default_rng(number).choice(len(rows), count, replace=False)]


@torch.no_grad()
def row_losses(model, rows):
    """The loss of each row, in float64."""
    where = model.wte.weight.device
    at_once = max(1, LOGITS_AT_ONCE // (rows.shape[1] * model.config.vocabulary))
    tokens = torch.from_numpy(rows.astype(numpy.int64))
    return torch.cat([model.losses(part.to(where)).double().cpu() for part in tokens.split(at_once)])


def raw_score(loss, floor):
    if not math.isfinite(loss):
        raise scoring.Rejected("the model's loss is no finite number")
    if loss <= floor:
        raise scoring.Rejected(f"the loss is not above {floor}, which no model of this text can reach")
    return math.log(loss - floor)


if __name__ == "__main__":
    scoring.run(score)
