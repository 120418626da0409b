"""Level 3: edit distance.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Edit budget"
LEVEL = 3
STATEMENT = """
A sign writer turns one word into another. Painting a new letter anywhere costs 3, scraping one off costs 2,
painting one letter over with another costs 4. Swapping two letters costs 1, but only if they are neighbours
both in the old word and in the new one, and a letter that is swapped is not touched otherwise. What is the
cheapest way?

**Input.** Two lines, each a word of 1 to 700 letters `a` to `z`.

**Output.** The least cost.
"""
SAMPLES = (("tea\neat\n", "5\n"), ("from\nform\n", "1\n"))


def generate(rng, index):
    n = size(rng, index, 700)
    letters = "abcdefghijklmnopqrstuvwxyz"[: rng.choice((2, 4, 26))]
    first = rng.choices(letters, k=n)
    if index % 2:
        return lines("".join(first), "".join(rng.choices(letters, k=size(rng, index, 700))))
    second = first[:]
    for _ in range(1 + n // 4):
        at = rng.randrange(max(1, n - 1))
        second[at : at + 2] = second[at : at + 2][::-1]
        second[rng.randrange(n)] = rng.choice(letters)
    return lines("".join(first), "".join(second))


def solve(text):
    old, new = text.split()
    before, last = [], [3 * j for j in range(len(new) + 1)]
    for i, letter in enumerate(old, 1):
        row = [2 * i]
        for j, wanted in enumerate(new, 1):
            cost = min(last[j] + 2, row[j - 1] + 3, last[j - 1] + 4 * (letter != wanted))
            if i > 1 and j > 1 and letter == new[j - 2] and wanted == old[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return lines(last[-1])
