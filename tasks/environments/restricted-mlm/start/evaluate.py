"""Checks what stands in this folder as the scorer does, and prints its loss on the validation texts.

    python3 evaluate.py

The scorer draws other texts and other masks; what it prints differs from this by chance only.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math

import numpy
import torch

import task  # first: it shows Python where the library is
import graph
from scoring import Rejected


@torch.no_grad()
def main():
    program, tensors = graph.load(".", task.BOUNDS)
    tensors = {name: tensor.to(task.DEVICE) for name, tensor in tensors.items()}
    texts, masks = task.Texts("valid"), torch.Generator(task.DEVICE).manual_seed(1)
    batch, losses = task.SIZES["batch"], []
    for begin in range(0, len(texts.rows), batch):
        drawn = texts.at(numpy.arange(begin, min(begin + batch, len(texts.rows))))
        tokens, positions = task.hide(drawn, masks)
        logits = task.at_positions(program.run(tensors, tokens), positions)
        losses.append(task.loss(logits, drawn, positions).item())
    loss = sum(losses) / len(losses)
    print(f"loss {loss:.4f}, raw score {math.log(loss - task.SIZES['floor']):.4f}")
    for name, used in (("elements", program.elements), ("operations", program.operations)):
        print(f"{name} {used} of {task.SIZES['bounds'][name]}")


if __name__ == "__main__":
    try:
        main()
    except Rejected as rejected:
        raise SystemExit(f"invalid: {rejected}") from None
