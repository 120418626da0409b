"""The reference program: the start's arithmetic without its waste.

Reads and tokenises once; groups the rows of a batch by length, so that little is padding; computes the output
layer for answer tokens alone; updates all parameters in a few fused operations; writes the result once.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json

import torch
from gpt import Config, Gpt
from safetensors.torch import load_file, save_file
from torch.nn import functional

GROUPS = 2  # per batch: more would pad less and launch more


def read_rows():
    """Of each row, its tokens and the length of its prompt."""
    with open("words.txt") as file:
        numbers = {word: number for number, word in enumerate(file.read().split())}
    rows = []
    with open("rows.jsonl") as file:
        for line in file:
            row = json.loads(line)
            prompt = row["prompt"].split()
            rows.append(([numbers[word] for word in prompt + row["answer"].split()], len(prompt)))
    return rows


def grouped(rows, device):
    """The batch as groups of rows of like length: padded tokens, and where the answers' tokens stand in them."""
    rows = sorted(rows, key=lambda row: len(row[0]))
    size = -(-len(rows) // GROUPS)
    groups = []
    for group in (rows[at : at + size] for at in range(0, len(rows), size)):
        longest = len(group[-1][0])
        tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in group])
        places = torch.tensor(
            [
                at * (longest - 1) + place - 1
                for at, (ids, start) in enumerate(group)
                for place in range(start, len(ids))
            ]
        )
        groups.append((tokens.to(device, non_blocking=True), places.to(device, non_blocking=True)))
    return groups


def answer_loss(model, tokens, places):
    """The summed cross-entropy of the answers' tokens."""
    x = model.wte(tokens[:, :-1]) + model.wpe.weight[: tokens.shape[1] - 1]
    for block in model.h:
        x = block(x)
    x = model.ln_f(x.flatten(0, 1)[places])
    return functional.cross_entropy(x @ model.wte.weight.T, tokens[:, 1:].flatten()[places], reduction="sum")


def load(settings):
    with torch.device("meta"):
        model = Gpt(Config(**settings["model"]))
    model.load_state_dict(load_file("initial.safetensors", device=settings["device"]), assign=True)
    return model.requires_grad_()


def main():
    torch.set_float32_matmul_precision("high")
    with open("run.json") as file:
        settings = json.load(file)
    model = load(settings)
    parameters = list(model.parameters())
    betas = (settings["beta1"], settings["beta2"])
    optimiser = torch.optim.AdamW(
        parameters, settings["learning_rate"], betas, settings["epsilon"], settings["weight_decay"], fused=True
    )
    rows, size = read_rows(), settings["batch"]
    for step in range(settings["steps"]):
        batch = rows[step * size : (step + 1) * size]
        answer_tokens = sum(len(ids) - start for ids, start in batch)
        optimiser.zero_grad()
        for tokens, places in grouped(batch, settings["device"]):
            (answer_loss(model, tokens, places) / answer_tokens).backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings["clip_norm"], foreach=True)
        optimiser.step()
    save_file({name: tensor.cpu() for name, tensor in model.state_dict().items()}, "out.safetensors")


if __name__ == "__main__":
    main()
