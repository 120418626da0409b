"""The score command of restricted-mlm.

    score.py --tier smoke --submission DIR --seed-file FILE

The submission is two files of data. The graph is checked and run by library/graph.py; masks, softmax and loss are
this scorer's, which shows the graph masked tokens only.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import math
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

import graph  # noqa: E402
import hidden  # noqa: E402
import scoring  # noqa: E402

SHARDS = 16
NEAREST = 0.01  # the floor is below what can be reached; whoever seems to reach it gets this distance


def score(options):
    with open(os.path.join(options.task, "data", "task.json")) as file:
        sizes = json.load(file)
    device = _device(sizes["tier"])
    program, tensors = graph.load(
        options.submission, graph.Bounds(sizes["length"], sizes["vocabulary"], **sizes["bounds"])
    )
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    drawn = hidden.draw(options.task, sizes, options.seed)
    parts = zip(*(part.to(device).split(sizes["batch"]) for part in drawn))
    with torch.inference_mode():
        each = torch.cat([losses(program, tensors, *part) for part in parts]).double().cpu()
    if not torch.isfinite(each).all():
        raise scoring.Rejected("a logit at a masked position is not finite")
    nominal = scoring.scale(options)
    samples = [scoring.normalise(raw_score(shard, sizes), nominal) for shard in each.chunk(SHARDS)]
    used = {"loss": each.mean().item(), "elements": program.elements, "operations": program.operations}
    return scoring.valid(raw_score(each, sizes), samples, texts=len(each), **used)


def losses(program, tensors, texts, tokens, positions):
    """The cross-entropy of each text's hidden tokens."""
    logits = program.run(tensors, tokens)
    logits = logits.gather(1, positions[:, :, None].expand(-1, -1, logits.shape[2]))
    labels = texts.gather(1, positions)
    return functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)


def raw_score(each, sizes):
    return math.log(max(each.mean().item() - sizes["floor"], NEAREST))


def _device(tier):
    if tier == "smoke":
        return "cpu"
    if not torch.cuda.is_available():
        raise scoring.HostTrouble(f"tier {tier} needs a GPU that PyTorch can use, and there is none")
    return "cuda"


if __name__ == "__main__":
    scoring.run(score)
