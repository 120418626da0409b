"""Makes what every run draws from: a base model and the texts of its language, as `data/` of the bundle.

    prepare.py --tier T --instance HEX [--data DIR]

Tiers `smoke` and `gpu` train the base model on one made language, and take the texts from another, which a run
then tunes the model to; `full` takes both from public sources.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import itertools
import os
import sys

sys.dont_write_bytecode = True
TASK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TASK, "scorer"), os.path.join(TASK, "library")]

import numpy  # noqa: E402
import torch  # noqa: E402

import weights  # noqa: E402
from corpus import Language  # noqa: E402
from gpt import Gpt  # noqa: E402
from tiers import TIERS  # noqa: E402

CLASSES = 4
PEAK_RATE, NARROW = 3e-3, 96  # the rate at that width; wider models take less
WARM_UP_STEPS = 20


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=sorted(TIERS))
    parser.add_argument("--instance", required=True)
    parser.add_argument("--data", help="the fetched public sources, a folder for each (tier full)")
    options = parser.parse_args()
    tier = TIERS[options.tier]
    base, texts = public(options.data, tier) if options.tier == "full" else made(options.instance, tier)
    os.makedirs("data")
    weights.write(os.path.join("data", "base.safetensors"), base)
    numpy.save(os.path.join("data", "texts.npy"), texts.astype(numpy.uint16))


def made(instance, tier):
    torch.set_num_threads(1 if tier.device == "cpu" else tier.threads)
    torch.set_float32_matmul_precision("high")
    known = Language("optimize-llm-foundry/known", tier.model.vocabulary, CLASSES)
    new = Language("optimize-llm-foundry/new", tier.model.vocabulary, CLASSES)
    texts = new.texts(f"{instance}/texts", tier.texts, tier.model.context)
    generator = torch.Generator().manual_seed(int(instance[:15], 16))
    model = Gpt(tier.model).initialise(generator).to(tier.device)
    lessons = tier.pretraining_steps * tier.pretraining_batch
    train(model, known.texts(f"{instance}/lessons", lessons, tier.model.context), tier)
    return model.state_dict(), texts


def train(model, texts, tier):
    """A plain training from nothing, so that the runs start from a model that knows something."""
    device = next(model.parameters()).device
    rate = PEAK_RATE * (NARROW / tier.model.width) ** 0.5
    optimiser = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1, (step + 1) / WARM_UP_STEPS))
    for batch in torch.from_numpy(texts).long().split(tier.pretraining_batch):
        optimiser.zero_grad()
        model.losses(batch.to(device)).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def public(data, tier):
    """GPT-2's largest published model, and the heads of OpenWebText's texts that fill its context."""
    import public as sources

    tokenizer = sources.tokenizer(os.path.join(data, "gpt2"))
    encoded = (tokenizer.encode(text) for text in sources.texts(os.path.join(data, "openwebtext")))
    context = tier.model.context
    long_enough = (ids[:context] for ids in encoded if len(ids) >= context)
    texts = numpy.array(list(itertools.islice(long_enough, tier.texts)))
    if len(texts) < tier.texts:
        sys.exit(f"prepare.py: the sources hold {len(texts)} texts of {context} tokens; {tier.texts} are needed")
    return sources.gpt2(os.path.join(data, "gpt2-xl")), texts


if __name__ == "__main__":
    main()
