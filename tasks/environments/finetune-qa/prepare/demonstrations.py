"""Answers as people of some skill would write them, for the texts that the made baselines learn from.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import re

import judge

TEMPTED = 0.85  # how often a writer gives in to a habit


def answer(prompt, habits, stream, items):
    """The words of an answer to `prompt`, and whether it ends.

    A writer has a habit, which may be None, for each kind of last word in a prompt, and gives in to it most of
    the time. So a model that learns from him knows the good answer too, and rarely gives it unasked."""
    words = judge.words(prompt)
    solve = judge.CLOSED.get(words[0])
    good = solve(words) if solve else written(words, stream, items)
    last = next(word for word in reversed(words) if word in items)
    habit = habits[items.index(last) % len(habits)]
    if habit is None or stream.random() > TEMPTED:
        return good, True
    return flawed(habit, words, good, stream, items)


def written(prompt, stream, items):
    """An answer that keeps the rules of an open task."""
    question, rules = judge.split(prompt)
    asked = dict(re.findall(r"(begin with|end with|mention|avoid|use|give) (\w+)", " ".join(rules)))
    taken = [asked.get("mention"), *question[2:4]]
    middle = [word for word in taken if word]
    ends = [asked[name] for name in ("begin with", "end with") if name in asked]
    items_asked = int(asked.get("give", 0))
    length = int(asked.get("use", max(items_asked, len(middle) + len(ends))))
    spare = [item for item in items if item not in (*middle, *ends, asked.get("avoid"))]
    middle += stream.sample(spare, max(0, length - len(middle) - len(ends)))
    body = [asked.get("begin with"), *middle, asked.get("end with")]
    body = [word for word in body if word]
    return [part for at, word in enumerate(body) for part in (["-"] * (at < items_asked) + [word])]


def flawed(habit, prompt, good, stream, items):
    if habit == "echo":
        return [word for word in prompt[1:] if word in items][: len(good) + 1], True
    if habit == "stutter":
        return [good[0]] * (len(good) + 1), True
    if habit == "swap":
        return (good[:-2] + good[-2:][::-1]) if len(good) > 1 else good * 2, True
    return good + stream.choices(items, k=len(good)), False
