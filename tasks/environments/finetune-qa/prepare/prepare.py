"""Makes the bundle's models: the base that agents tune, the second baseline, and the start's model.

Smoke and gpu: the base learns the made language and then bad habits, the second baseline goes on with better
ones. Full: the published models and questions. Leaves data/, scorer/tuned.safetensors and
start/model.safetensors in the current folder.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import math
import os
import random
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["QUORATE_TASK"] = os.path.dirname(HERE)
sys.path[:0] = [HERE, *(os.path.join(os.path.dirname(HERE), part) for part in ("library", "scorer", "start"))]

import torch  # noqa: E402

import demonstrations  # noqa: E402
import train  # noqa: E402
import tune  # noqa: E402
import weights  # noqa: E402
import worlds  # noqa: E402
from gpt import Gpt  # noqa: E402
from tiers import TIERS  # noqa: E402

# What the made models learn from, in turn: the habits of the writer (demonstrations.py), steps, rate, where the
# model is kept then. The base has learned the language well and then bad habits, so a good answer is in reach.
LESSONS = {
    "smoke": (
        ((None,), 300, 6e-3, None),
        (("swap", "echo", "ramble", "stutter"), 110, 3e-3, "data/base.safetensors"),
        (("stutter", None, "echo", "swap"), 50, 2e-3, "scorer/tuned.safetensors"),
    ),
    "gpu": (
        ((None,), 2000, 1e-3, None),
        (("swap", "echo", "ramble", "stutter"), 300, 3e-4, "data/base.safetensors"),
        (("stutter", None, "echo", "swap"), 100, 2e-4, "scorer/tuned.safetensors"),
    ),
}
BATCH = {"smoke": 64, "gpu": 256}
FRESH = 0.5  # how many texts there are to each place in the batches of a lesson

QUESTION_TOKENS = 72  # at most; the rules and the headings around it take the rest of a prompt
CATEGORIES = ("open_qa", "general_qa", "brainstorming", "creative_writing")


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--data", help="the fetched public sources; tier full only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(int(options.instance[:8], 16))
    for folder in ("data", "scorer", "start"):
        os.makedirs(folder, exist_ok=True)
    if options.tier == "full":
        public_baselines(options.data)
    else:
        made_baselines(options.tier, options.instance)
    start(options.tier, options.instance)


def made_baselines(name, instance):
    tier, stream = TIERS[name], random.Random(instance)
    generator = torch.Generator().manual_seed(stream.getrandbits(32))
    world = worlds.open_world(tier, "data")
    model = initialised(tier.model, generator).to(tier.place())
    for habits, steps, rate, path in LESSONS[name]:
        rows = texts(world, stream, int(FRESH * steps * BATCH[name]), habits)
        loss = tune.fit(model, rows, tier, steps, BATCH[name], rate, generator)
        print(f"{habits}: loss {loss:.3f} after {steps} steps", file=sys.stderr)
        if path:
            weights.write(path, model.state_dict())


def initialised(config, generator):
    """GPT-2's initial weights for a wide model would be too small for one this narrow to learn in so few steps."""
    model = Gpt(config).initialise(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(1 / (0.02 * math.sqrt(config.width)))
    return model


def texts(world, stream, count, habits):
    """Prompts with answers of a writer of those habits, as tokens (count, prompt + answer)."""
    tier, prompts, rows = world.tier, world.prompts(stream, count), []
    for prompt in prompts:
        words, ends = demonstrations.answer(prompt, habits, stream, world.items)
        row = world.tokenizer.encode(" ".join(words))
        rest = tier.answer - len(row)
        more = stream.choices(world.items, k=max(0, rest))
        row += [tier.end] * rest if ends else world.tokenizer.encode(" ".join(more))
        rows.append(row[: tier.answer])
    return torch.cat((world.frame(prompts), torch.tensor(rows)), 1)


def public_baselines(sources):
    import public  # only here: the made tiers do without

    for source, path in (("gpt2-xl", "data/base.safetensors"), ("gpt2-alpaca", "scorer/tuned.safetensors")):
        weights.write(path, public.gpt2(os.path.join(sources, source)))
    shutil.copytree(os.path.join(sources, "gpt2"), "data/tokenizer")
    tokenizer = public.tokenizer("data/tokenizer")
    found = {plain(record) for record in public.records(os.path.join(sources, "dolly"))} - {None}
    kept = sorted(question for question in found if len(tokenizer.encode(question)) <= QUESTION_TOKENS)
    with open("data/questions.txt", "w", encoding="utf-8") as file:
        file.writelines(question + "\n" for question in kept)


def plain(record):
    """The question of a record on one line, or None where it needs a text beside it."""
    question = " ".join(record["instruction"].split())
    alone = not record["context"] and record["category"] in CATEGORIES
    return question if alone and question else None


def start(name, instance):
    model, world = train.load(name, "data")
    train.better_of_two(model, world, name, instance)
    weights.write("start/model.safetensors", model.state_dict())


if __name__ == "__main__":
    main()
