"""The text that experiments and scorings train on: a made language, or OpenWebText at tier `full`.

Promises: `write` leaves `train.bin` and `held_out.bin` (little-endian uint16 tokens) that share no text; each
instance of the made language is a language of its own, whose losses another instance does not tell.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
from dataclasses import dataclass

import numpy

import corpus


@dataclass(frozen=True)
class Made:
    classes: int
    train: int  # texts
    held_out: int
    length: int  # of each, in tokens


MADE = {"smoke": Made(1, 8192, 1024, 128), "gpu": Made(8, 65536, 2048, 1024)}
HELD_OUT_TOKENS = 10_000_000  # of the public text, at its beginning


def write(name, tier, instance, sources, into):
    """Writes both streams into the folder `into`. Tier `full` reads the public text below `sources`."""
    os.makedirs(into)
    train, held = (os.path.join(into, f"{part}.bin") for part in ("train", "held_out"))
    with open(train, "wb") as train, open(held, "wb") as held:
        if name == "full":
            _write_public(sources, train, held)
        else:
            _write_made(MADE[name], tier, instance, train, held)


def _write_made(made, tier, instance, train, held_out):
    language = corpus.Language(instance, tier.vocabulary, made.classes)
    for file, part, count in ((train, "train", made.train), (held_out, "held out", made.held_out)):
        language.texts(f"{instance}/{part}", count, made.length).astype("<u2").tofile(file)


def _write_public(sources, train, held_out):
    import public

    tokenizer = public.tokenizer(os.path.join(sources, "gpt2"))
    left = HELD_OUT_TOKENS
    for tokens in public.token_stream(public.texts(os.path.join(sources, "openwebtext")), tokenizer):
        tokens = numpy.asarray(tokens, "<u2")
        tokens[:left].tofile(held_out)
        tokens[left:].tofile(train)
        left -= min(left, len(tokens))
