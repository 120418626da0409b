"""Makes a tier's data and the start's graph and weights.

    prepare.py --tier T --instance HEX [--data DIR]

Leaves data/task.json (the sizes), data/train.npy and data/valid.npy for everybody, what the hidden texts come
from in scorer/, and in start/ the network that knows how frequent each token is and nothing else.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(BUNDLE, "library"), os.path.join(BUNDLE, "start")]

import numpy  # noqa: E402
import torch  # noqa: E402

import graph  # noqa: E402
import weights  # noqa: E402
from corpus import Language  # noqa: E402
from tiers import TIERS  # noqa: E402


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--instance", required=True, help="64 hexadecimal digits, from which everything derives")
    parser.add_argument("--data", help="the fetched public sources")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = TIERS[options.tier]
    for folder in ("data", "scorer", "start"):
        os.makedirs(folder)
    _write("data/task.json", {"tier": options.tier, "mask_id": sizes["vocabulary"] - 1, **sizes})
    if options.tier == "full":
        public_texts(sizes, options.data)
    else:
        made_texts(sizes, f"{options.instance}/restricted-mlm/{options.tier}")
    start(sizes)


def made_texts(sizes, name):
    """Texts of a language of this instance. Its name is the scorer's secret: with it one could draw more."""
    language = Language(name, sizes["vocabulary"] - 1, sizes["classes"])
    for part in ("train", "valid"):
        texts = language.texts(f"{name}/{part}", sizes["texts"][part], sizes["length"])
        numpy.save(f"data/{part}.npy", texts.astype(numpy.uint16))
    _write("scorer/language.json", {"name": name})


def public_texts(sizes, folder):
    """Pieces of OpenWebText, one after the other: first the hidden pool, then what agents may see."""
    import public

    documents = public.texts(os.path.join(folder, "openwebtext"))
    stream = public.token_stream(documents, public.tokenizer(os.path.join(folder, "gpt2")))
    pieces = cut(stream, sizes["length"], sizes["vocabulary"] - 1)
    for path, part in (("scorer/pool.npy", "pool"), ("data/valid.npy", "valid"), ("data/train.npy", "train")):
        shape = (sizes["texts"][part], sizes["length"])
        rows = numpy.lib.format.open_memmap(path, "w+", numpy.uint16, shape)
        for number in range(len(rows)):
            piece = next(pieces, None)
            if piece is None:
                sys.exit(f"prepare.py: openwebtext ends before {path} is full; fetch more of its files")
            rows[number] = piece
        rows.flush()


def cut(stream, length, end):
    """The whole pieces of `length` tokens of each document. `end`, which is also the mask, is in none of them."""
    rest = numpy.empty(0, numpy.uint16)
    for tokens in stream:
        tokens = numpy.concatenate((rest, tokens))
        *documents, rest = numpy.split(tokens, numpy.flatnonzero(tokens == end) + 1)
        for document in documents:
            pieces = (len(document) - 1) // length
            yield from document[: pieces * length].reshape(pieces, length)


def start(sizes):
    from network import describe, initial

    texts = numpy.load("data/train.npy", mmap_mode="r")[:100_000]
    counts = numpy.bincount(texts.ravel(), minlength=sizes["vocabulary"])
    description = describe(sizes["length"], sizes["vocabulary"])
    tensors = initial(description, torch.Generator().manual_seed(0), torch.from_numpy(counts))
    _write(os.path.join("start", graph.GRAPH_FILE), description)
    weights.write(os.path.join("start", graph.WEIGHTS_FILE), tensors)


def _write(path, described):
    with open(path, "w") as file:
        json.dump(described, file, indent=1)


if __name__ == "__main__":
    main()
