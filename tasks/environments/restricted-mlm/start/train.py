"""Trains the network of network.py and writes graph.json and weights.safetensors.

    python3 train.py [--steps N] [--batch N] [--rate X]

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json

import numpy
import torch

import task  # first: it shows Python where the library is
import graph
import network
import weights


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()

    texts, rng = task.Texts("train"), numpy.random.default_rng(0)
    description = network.describe(task.SIZES["length"], task.SIZES["vocabulary"])
    program = graph.Program(description, task.BOUNDS)
    first = network.initial(description, torch.Generator().manual_seed(0), texts.counts())
    tensors = {name: tensor.to(task.DEVICE).requires_grad_() for name, tensor in first.items()}
    optimiser = torch.optim.Adam(tensors.values(), options.rate)
    masks = torch.Generator(task.DEVICE).manual_seed(0)
    for step in range(options.steps):
        drawn = texts.draw(rng, options.batch)
        tokens, positions = task.hide(drawn, masks)
        loss = task.loss(task.at_positions(program.run(tensors, tokens), positions), drawn, positions)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)

    with open(graph.GRAPH_FILE, "w") as file:
        json.dump(description, file, indent=1)
    weights.write(graph.WEIGHTS_FILE, tensors)


if __name__ == "__main__":
    main()
