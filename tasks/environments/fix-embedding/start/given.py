"""What you were given: the models, the text, the device.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import sys

TASK = os.environ["QUORATE_TASK"]
sys.path.insert(0, os.path.join(TASK, "library"))

import numpy
import torch
import weights
from gpt import Config, Gpt, shapes

MODEL = "model.safetensors"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    torch.set_num_threads(1)  # as many as tier smoke has cores, which PyTorch does not see in a container


def config():
    """`floor`, and the sizes of the model to be mended (`model`) and of the small one (`small`)."""
    with open(os.path.join(TASK, "data", "config.json")) as file:
        return json.load(file)


def text(name):
    """`training` or `validation`: rows of tokens, each one token longer than the context."""
    return numpy.load(os.path.join(TASK, "data", f"{name}.npy"), mmap_mode="r")


def model(folder=".", name=MODEL):
    """The model in the working folder."""
    return _load(folder, name, config()["model"])


def small():
    """The small model, which nobody damaged."""
    return _load(os.path.join(TASK, "data"), "small.safetensors", config()["small"])


def save(model):
    """In float16, which costs no loss worth naming and halves what every verifier must fetch."""
    weights.write(MODEL, {name: tensor.half() for name, tensor in model.state_dict().items()})


def _load(folder, name, size):
    size = Config(**size)
    model = Gpt(size)
    model.load_state_dict(weights.read(folder, name, shapes(size)))
    return model.to(DEVICE)
