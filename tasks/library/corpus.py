"""A made language with structure to learn at every scale, for tiers that train on no public data.

A text is drawn token by token: from a grammar in which each context of two tokens allows a few successors with
Zipf-like chances (frequent contexts are learned first, rare ones need data and parameters), with topics that
favour some words for a whole text, and with spans that repeat what stood earlier in it.

Promises: one language for each name, vocabulary and number of classes; the same seed draws the same texts on every machine.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import hashlib

import numpy

SUCCESSORS = 12
TOPICS = 16
TOPIC_CHANCE = 0.15
REPEAT_CHANCE = 0.02
REPEAT_LENGTH = 12
ZIPF = 1.3


class Language:
    """`classes` × `vocabulary` contexts: more take a larger model and more text to learn."""

    def __init__(self, name, vocabulary, classes):
        self.vocabulary = vocabulary
        rng = numpy.random.default_rng(_number(name))
        frequency = 1 / numpy.arange(1, vocabulary + 1)
        frequency = frequency[rng.permutation(vocabulary)] / frequency.sum()
        # The token before last counts by its class only, so that there are contexts that a model can share.
        self._kinds = rng.integers(classes, size=vocabulary)
        shape = (classes, vocabulary, SUCCESSORS)
        self._next = rng.choice(vocabulary, size=shape, p=frequency).astype(numpy.int32)
        self._topics = rng.choice(vocabulary, size=(TOPICS, SUCCESSORS), p=frequency).astype(numpy.int32)
        chances = 1 / numpy.arange(1, SUCCESSORS + 1) ** ZIPF
        self._steps = numpy.cumsum(chances / chances.sum())

    def texts(self, seed, count, length):
        """`count` texts of `length` tokens, as int32 (count, length). `seed` is a number or a text."""
        rng = numpy.random.default_rng(_number(seed) if isinstance(seed, str) else seed)
        texts = numpy.empty((count, length), numpy.int32)
        texts[:, :2] = rng.integers(self.vocabulary, size=(count, 2))
        topic = rng.integers(TOPICS, size=count)
        rows = numpy.arange(count)
        left, source = numpy.zeros(count, int), numpy.zeros(count, int)
        for at in range(2, length):
            pick = numpy.searchsorted(self._steps[:-1], rng.random(count))
            token = self._next[self._kinds[texts[:, at - 2]], texts[:, at - 1], pick]
            token = numpy.where(rng.random(count) < TOPIC_CHANCE, self._topics[topic, pick], token)
            begins = (left == 0) & (rng.random(count) < REPEAT_CHANCE) & (at > REPEAT_LENGTH)
            source = numpy.where(begins, (rng.random(count) * (at - REPEAT_LENGTH)).astype(int), source)
            left = numpy.where(begins, REPEAT_LENGTH, left)
            texts[:, at] = numpy.where(left > 0, texts[rows, source], token)
            source, left = source + 1, numpy.maximum(left - 1, 0)
        return texts


def _number(text):
    return int.from_bytes(hashlib.sha256(str(text).encode()).digest()[:8], "big")
