"""Prints, for each made tier, a loss that no model can get below: `/usr/bin/python3 -B tests/floor.py`.

A token that does not repeat is drawn from a mixture of two lists. A predictor that is told the topic, and told
each repeated token, still loses the mixture's entropy on all other tokens; a model is told neither.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(HERE, "prepare"), os.path.join(HERE, "..", "..", "library")]

import corpus
import numpy
import tiers

TEXTS = 50


def bound(tier):
    """The mean entropy of what is drawn anew, times the smallest share of tokens that are."""
    language = corpus.Language("floor", tier.big["vocabulary"], tier.made.classes)
    texts = language.texts("floor", TEXTS, tier.big["context"] + 1)
    chances = numpy.diff(language._steps, prepend=0)
    entropies = []
    for number, text in enumerate(texts):
        topic = language._topics[number % corpus.TOPICS]
        for before_last, last in zip(text, text[1:]):
            drawn = numpy.zeros(language.vocabulary)
            successors = language._next[language._kinds[before_last], last]
            numpy.add.at(drawn, successors, (1 - corpus.TOPIC_CHANCE) * chances)
            numpy.add.at(drawn, topic, corpus.TOPIC_CHANCE * chances)
            drawn = drawn[drawn > 0]
            entropies.append(-(drawn * numpy.log(drawn)).sum())
    anew, repeated = 1 - corpus.REPEAT_CHANCE, corpus.REPEAT_CHANCE * corpus.REPEAT_LENGTH
    return numpy.mean(entropies) * anew / (anew + repeated)


if __name__ == "__main__":
    for name, tier in tiers.TIERS.items():
        if tier.made:
            print(f"{name}: {bound(tier):.3f} nats a token; the floor is {tiers.FLOOR}")
