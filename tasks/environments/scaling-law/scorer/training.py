"""One training of the family of models that the task is about, and its loss on hidden text.

Promises: width and steps are all that varies; the same numbers and seed give the same batches in the same
order, and on the same software and device the same loss.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math
import os
from dataclasses import dataclass

import numpy

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with this

import torch  # noqa: E402

import gpt  # noqa: E402
from scoring import HostTrouble  # noqa: E402

WARM_UP = 0.1  # share of the steps
LAST_RATE = 0.1  # of the highest
CLIP = 1.0
USUAL_WIDTH = 1024  # where the initial weights are GPT-2's own


@dataclass(frozen=True)
class Text:
    """Token streams: what a training may see, and what measures it."""

    train: numpy.ndarray
    held_out: numpy.ndarray


def open_text(folder):
    return Text(*(numpy.memmap(os.path.join(folder, f"{name}.bin"), "<u2", "r") for name in ("train", "held_out")))


def shard_losses(tier, text, width, steps, seed):
    """Trains a model of `width` for `steps` steps; returns its loss on each shard of the hidden text, in nats."""
    _prepare_device(tier)
    model = _train(tier, text.train, width, steps, seed)
    return _measure(tier, text.held_out, model, seed)


def _prepare_device(tier):
    if tier.device == "cuda" and not torch.cuda.is_available():
        raise HostTrouble("this tier trains on a GPU, and PyTorch finds none")
    torch.set_num_threads(1)  # sums of several threads come in any order
    torch.use_deterministic_algorithms(tier.device == "cuda", warn_only=True)


def _train(tier, stream, width, steps, seed):
    model = _initial(tier, width, seed).to(tier.device)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    draws = numpy.random.default_rng(seed.number("batches"))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(tier, width, step, steps)
        for windows in _windows(tier, stream, draws, tier.batch).split(tier.micro):
            with _precision(tier):
                (model.losses(windows.to(tier.device)).sum() / tier.batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
    return model


@torch.no_grad()
def _initial(tier, width, seed):
    """GPT-2's initial weights are for wide models; at 20 units the same numbers would hardly say anything."""
    config = gpt.Config(tier.vocabulary, tier.block, tier.layers, width // tier.head, width)
    model = gpt.Gpt(config).initialise(torch.Generator().manual_seed(seed.number("weights")))
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.mul_(math.sqrt(USUAL_WIDTH / width))
    return model


def rate(tier, width, step, steps):
    """The learning rate: lower for wider models, a short way up, then half a cosine down."""
    highest = tier.rate * math.sqrt(tier.rate_width / width)
    rising = math.ceil(WARM_UP * steps)
    if step < rising:
        return highest * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return highest * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)


@torch.no_grad()
def _measure(tier, stream, model, seed):
    draws = numpy.random.default_rng(seed.number("hidden text"))
    losses = []
    for _ in range(tier.shards):
        parts = _windows(tier, stream, draws, tier.windows).split(tier.micro)
        with _precision(tier):
            losses.append(torch.cat([model.losses(part.to(tier.device)) for part in parts]).double().mean().item())
    return losses


def _windows(tier, stream, draws, count):
    starts = draws.integers(len(stream) - tier.block, size=(count, 1))
    return torch.from_numpy(stream[starts + numpy.arange(tier.block + 1)].astype(numpy.int64))


def _precision(tier):
    return torch.autocast(tier.device, torch.bfloat16, enabled=tier.device == "cuda")
