"""The reference solution: trains the network of network.py on masked texts and leaves graph.json and the weights.

Only the logits at masked positions are made while training; the graph that is handed in makes all of them.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import time
from dataclasses import dataclass

import numpy
import torch
from torch.nn import functional

import task  # first: it shows Python where the library is
import graph
import network
import weights

WARMING = 50  # steps in which the rate rises


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train. `share` of the budget is the most that it may take."""

    config: network.Config
    batch: int
    steps: int
    rate: float
    share: float = 0.75


PLANS = {
    "smoke": Plan(network.Config(width=32, hidden=128, radius=2, heads=4, blocks="w"), 64, 900, 2e-2),
    "gpu": Plan(network.Config(width=384, hidden=1536, radius=2, heads=8, blocks="waww"), 512, 2_000, 1e-3),
    "full": Plan(network.Config(width=768, hidden=3072, radius=2, heads=12, blocks="wawawaww"), 512, 15_000, 6e-4),
}


def main():
    plan = PLANS[task.SIZES["tier"]]
    sizes = task.SIZES["length"], task.SIZES["vocabulary"], plan.config
    description = network.describe(*sizes)
    graph.Program(description, task.BOUNDS)
    texts = task.Texts("train")
    first = network.initial(description, torch.Generator().manual_seed(0), texts.counts())
    tensors = {name: tensor.to(task.DEVICE).requires_grad_() for name, tensor in first.items()}
    trunk = graph.Program(network.describe(*sizes, whole=False), task.BOUNDS)
    train(plan, trunk, tensors, texts)
    with open(graph.GRAPH_FILE, "w") as file:
        json.dump(description, file)
    weights.write(graph.WEIGHTS_FILE, tensors)


def train(plan, trunk, tensors, texts):
    rng = numpy.random.default_rng(0)
    masks = torch.Generator(task.DEVICE).manual_seed(0)
    optimiser = torch.optim.AdamW(tensors.values(), plan.rate, betas=(0.9, 0.98), weight_decay=0.01)
    began, seconds = time.monotonic(), plan.share * float(os.environ["QUORATE_SECONDS"])
    for step in range(plan.steps):
        # On a slow machine the time runs out first, and the rate falls with it.
        done = max(step / plan.steps, (time.monotonic() - began) / seconds)
        if done >= 1:
            break
        optimiser.param_groups[0]["lr"] = plan.rate * min((step + 1) / WARMING, 1.05 - done, 1)
        drawn = texts.draw(rng, plan.batch)
        tokens, positions = task.hide(drawn, masks)
        with torch.autocast(task.DEVICE, torch.bfloat16, enabled=task.DEVICE == "cuda"):
            hidden = task.at_positions(trunk.run(tensors, tokens), positions)
            loss = task.loss(functional.linear(hidden, tensors["table"], tensors["bias"]), drawn, positions)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors.values(), 1.0)
        optimiser.step()
        if step % 100 == 0:
            print(f"step {step}, {time.monotonic() - began:.1f} s: loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
