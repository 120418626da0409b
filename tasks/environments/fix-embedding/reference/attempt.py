"""Finds the permutation and undoes it, then trains for an eighth of the budget at most.

The text says how often each token follows each other; the damaged model says it of its rows, under names of its
own. Laid over each other, the two graphs name the frequent rows. Then the model reads the text with the names
found so far, and each token gets the row that the model expects where the token stands.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import copy
import os

import evaluate
import given
import graphs
import matching
import states
import torch
import train

FREQUENT = 4096
READINGS = 2
READ_TOKENS = {"smoke": 100_000, "gpu": 4_000_000, "full": 20_000_000}
COUNTED = 4  # counting is cheaper than reading, so the graph takes this many times the text
SHARPNESS = 8
TRAINED_SHARE = 1 / 8
TRAINED_STEPS = {"smoke": 120}  # the same on every machine that makes them in time; elsewhere time alone sets the end


def main():
    torch.set_float32_matmul_precision("high")
    model, text = given.model(), given.text("training")
    read = text[: READ_TOKENS[os.environ["QUORATE_TIER"]] // text.shape[1]]
    with torch.no_grad():
        rows = model.wte.weight.clone()
        order = first_names(model, text[: COUNTED * len(read)])
        for _ in range(READINGS):
            model.wte.weight.copy_(rows[order])
            expected = states.preceding(model, read)
            order = matching.permutation(matching.balance((SHARPNESS * expected) @ rows.T))
        model.wte.weight.copy_(rows[order])
    given.save(model)
    improve(model, text)


def first_names(model, text):
    """A row for each token: the frequent ones by their graphs, the others by how frequent they are."""
    said = states.following(model, torch.Generator().manual_seed(0))
    tokens = graphs.frequent_tokens(text, len(said))
    rows = graphs.frequent_rows(said, model.wte.weight)
    few = min(FREQUENT, len(said))
    text_graph = graphs.of_text(text, tokens[:few])
    chances = matching.match(text_graph.to(given.DEVICE), graphs.of_rows(said, model.wte.weight, rows[:few]))
    order = torch.empty_like(tokens)
    order[tokens[:few]] = rows[matching.permutation(chances).cpu()]
    order[tokens[few:]] = rows[few:]
    return order


def improve(model, text):
    """Trains a copy, and keeps it if it is better."""
    trained = copy.deepcopy(model)
    seconds = TRAINED_SHARE * float(os.environ["QUORATE_SECONDS"])
    train.tune(trained, text, seconds, TRAINED_STEPS.get(os.environ["QUORATE_TIER"]))
    if evaluate.loss(trained) < evaluate.loss(model):
        given.save(trained)


if __name__ == "__main__":
    main()
