"""Public data sets and models, as `tasks/tools/fetch.py` leaves them: one folder each, in the hub's own files.

Needs pyarrow and tokenizers beside torch and safetensors. Reads files in the order of their names, so that the
same download gives the same data everywhere.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os

import numpy

END_OF_TEXT = 50256  # of GPT-2's tokenizer
ROWS = 1024
# What published GPT-2 files hold beside the model: causal masks, and the output layer that is the embedding.
NO_WEIGHTS = (".attn.bias", ".attn.masked_bias", "lm_head.weight")


def records(folder):
    """The rows of a data set, as dicts, from its parquet and jsonl files."""
    for path in _files(folder, (".parquet", ".jsonl")):
        if path.endswith(".jsonl"):
            with open(path, encoding="utf-8") as file:
                yield from map(json.loads, file)
        else:
            from pyarrow import parquet

            for batch in parquet.ParquetFile(path).iter_batches(ROWS):
                yield from batch.to_pylist()


def texts(folder):
    """The column `text` of a data set."""
    return (record["text"] for record in records(folder))


class Tokenizer:
    def __init__(self, path):
        from tokenizers import Tokenizer as Fast

        self._fast = Fast.from_file(path)

    def encode(self, text):
        return self._fast.encode(text).ids

    def decode(self, ids):
        return self._fast.decode(list(ids))


def tokenizer(folder):
    """The tokenizer of a model's folder."""
    return Tokenizer(os.path.join(folder, "tokenizer.json"))


def token_stream(texts, tokenizer, end_token=END_OF_TEXT):
    """Each text's tokens, with `end_token` after them, as uint16."""
    for text in texts:
        yield numpy.array([*tokenizer.encode(text), end_token], dtype=numpy.uint16)


def gpt2(folder):
    """A GPT-2's weights, by the names of `gpt.Gpt`."""
    from safetensors.torch import load_file

    found = {}
    for path in _files(folder, (".safetensors",)):
        for name, tensor in load_file(path).items():
            if not name.endswith(NO_WEIGHTS):
                found[name.removeprefix("transformer.")] = tensor.float()
    return found


def _files(folder, endings):
    paths = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    paths = sorted(path for path in paths if path.endswith(endings))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no {' or '.join(endings)} file: was it fetched?")
    return paths
