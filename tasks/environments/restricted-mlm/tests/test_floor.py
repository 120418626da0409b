"""The floors of the made tiers lie below what an oracle could reach, so ln(loss - floor) always exists.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import sys
import unittest

import numpy

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "prepare"), os.path.join(os.path.dirname(os.path.dirname(HERE)), "library")]

import corpus  # noqa: E402
from tiers import TIERS  # noqa: E402


class Oracle:
    """Knows the language, the topic and all other tokens of a text in which nothing is repeated."""

    def __init__(self, language):
        self.kinds, self.tokens = language._kinds, numpy.arange(language.vocabulary)
        chances = 1 / numpy.arange(1, corpus.SUCCESSORS + 1) ** corpus.ZIPF
        self.chances = chances / chances.sum()
        self.next, self.topics = language._next, language._topics

    def chance(self, before, last, token, topic):
        """Of `token` after two others; arrays of one shape."""
        usual = ((self.next[self.kinds[before], last] == token[..., None]) * self.chances).sum(-1)
        topical = ((self.topics[topic] == token[..., None]) * self.chances).sum(-1)
        return (1 - corpus.TOPIC_CHANCE) * usual + corpus.TOPIC_CHANCE * topical

    def loss(self, rng, count):
        """The mean cross-entropy of the fifth of seven tokens, the other six being known."""
        losses = []
        for _ in range(count):
            topic, text = rng.integers(corpus.TOPICS), [*rng.integers(len(self.tokens), size=2)]
            while len(text) < 7:
                text.append(rng.choice(self.tokens, p=self._all(text[-2], text[-1], self.tokens, topic)))
            a, b, hidden, d, e = text[2:]
            likely = self._all(a, b, self.tokens, topic)
            likely *= self._all(b, self.tokens, d, topic) * self._all(self.tokens, d, e, topic)
            losses.append(-numpy.log(likely[hidden] / likely.sum()))
        return numpy.mean(losses)

    def _all(self, *parts):
        """`chance` for every token that one of the parts stands for."""
        return self.chance(*numpy.broadcast_arrays(*parts, self.tokens)[:4])


class Floor(unittest.TestCase):
    def test_an_oracle_stays_above_it(self):
        for tier, texts in (("smoke", 300), ("gpu", 100)):
            sizes = TIERS[tier]
            for instance in ("one", "two", "three"):
                language = corpus.Language(instance, sizes["vocabulary"] - 1, sizes["classes"])
                loss = Oracle(language).loss(numpy.random.default_rng(1), texts)
                # A token that repeats an earlier one costs the oracle nothing; at most a fifth of them do.
                self.assertGreater(0.8 * loss, sizes["floor"], (tier, instance))


if __name__ == "__main__":
    unittest.main()
