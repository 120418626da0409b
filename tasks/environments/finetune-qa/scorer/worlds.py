"""Prompts: where they come from and how they become tokens, in the made language and in English.

Promises: the same stream draws the same prompts on every machine; every prompt fits the tier's length.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os

import torch

import judge

CONSONANTS = "bcdfghklmnprstvz"
GRAMMAR = (
    "<end> : . * = - reverse sort repeat pick take recall write about rules answer begin end with mention avoid"
    " use words give items 1 2 3 4 5 6 7"
).split()


def open_world(tier, data):
    """The tier's prompts and tokens; `data` is the bundle's data folder."""
    if tier.items:
        return Made(tier)
    import public  # only here: the made tiers do without

    with open(os.path.join(data, "questions.txt"), encoding="utf-8") as file:
        questions = file.read().splitlines()
    return English(tier, public.tokenizer(os.path.join(data, "tokenizer")), questions)


class World:
    """What both have in common: texts to tokens and back."""

    def __init__(self, tier, tokenizer):
        self.tier, self.tokenizer = tier, tokenizer

    def prompts(self, stream, count):
        """`count` prompts as texts; the kinds of task take turns."""
        return [self.prompt(stream, number) for number in range(count)]

    def frame(self, prompts):
        """Prompts as tokens (count, tier.prompt), filled up on the left."""
        rows = [self.tokenizer.encode(prompt) for prompt in prompts]
        return torch.tensor([[self.tier.end] * (self.tier.prompt - len(row)) + row for row in rows])

    def read(self, tokens):
        """An answer's tokens as (words, whether it ended)."""
        ended = self.tier.end in tokens
        kept = tokens[: tokens.index(self.tier.end)] if ended else tokens
        return judge.words(self.tokenizer.decode(kept)), ended


class Made(World):
    """A small language of commands over made words."""

    def __init__(self, tier):
        self.items = sorted(a + b for a in CONSONANTS for b in "aeio")[:: 64 // tier.items]
        super().__init__(tier, Dictionary(GRAMMAR + self.items))

    def prompt(self, stream, number):
        name = self.tier.tasks[number % len(self.tier.tasks)]
        words = self.open(stream) if name == "write" else self.closed(stream, name)
        return " ".join([*words, "answer", ":"])

    def closed(self, stream, name):
        words = stream.sample(self.items, self.tier.longest)
        half = self.tier.longest // 2
        if name == "repeat":
            return [name, stream.choice("23"), ":", *words[:half]]
        if name == "take":
            return [name, str(stream.randint(1, len(words))), ":", *words]
        if name == "recall":
            facts = [f"{key} = {value}" for key, value in zip(words[:half], words[half:])]
            return [name, stream.choice(words[:half]), ":", *facts]
        if name == "pick":
            chosen = stream.sample(words, 2)
            return [name, ":", *(f"* {word}" if word in chosen else word for word in words)]
        return [name, ":", *(words if name == "reverse" else words[:-1])]

    def open(self, stream):
        one, other, *words = stream.sample(self.items, 6)
        return ["write", "about", one, other, "rules", ":", *self.rules(stream, *words)]

    def rules(self, stream, first, last, named, avoided):
        rules = [
            f"begin with {first} .",
            f"end with {last} .",
            f"mention {named} .",
            f"avoid {avoided} .",
            f"use {stream.randint(self.tier.longest // 2 + 1, self.tier.longest)} words .",
            f"give {stream.randint(2, 3)} items .",
        ]
        chosen = stream.sample(range(len(rules)), self.tier.rules)
        return [rules[at] for at in sorted(chosen)]


class English(World):
    """Questions that people asked, with rules added."""

    words = (
        "river garden morning window simple common people history science summer music paper number market"
        " village energy water animal travel colour language system family picture"
    ).split()

    def __init__(self, tier, tokenizer, questions):
        super().__init__(tier, tokenizer)
        self.questions = questions

    def prompt(self, stream, _number):
        return f"Question: {stream.choice(self.questions)}\nRules: {self.rules(stream)}\nAnswer:"

    def rules(self, stream):
        first, last, named, avoided = stream.sample(self.words, 4)
        most = stream.randint(20, 50)
        lengths = stream.choice((f"Use at most {most} words.", f"Use at least {most // 2} words."))
        rules = [
            f"Begin with the word {first}.",
            f"End with the word {last}.",
            f"Mention the word {named}.",
            f"Avoid the word {stream.choice((avoided, 'the', 'and', 'is'))}.",
            f"Give {stream.randint(2, 5)} items, each after a dash.",
            lengths,
        ]
        return " ".join(stream.sample(rules, self.tier.rules))


class Dictionary:
    """A tokenizer in which each word is a token."""

    def __init__(self, words):
        self.words = words
        self.numbers = {word: number for number, word in enumerate(words)}

    def encode(self, text):
        return [self.numbers[word] for word in text.split()]

    def decode(self, tokens):
        return " ".join(self.words[token] for token in tokens)
