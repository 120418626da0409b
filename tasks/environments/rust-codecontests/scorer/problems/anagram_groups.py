"""Level 2: hashing words.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from collections import Counter

from drawing import lines, size

TITLE = "Anagram groups"
LEVEL = 2
STATEMENT = """
Two words belong together if one can be made of the other by moving its letters around. So words fall into
groups; equal words are counted as often as they occur. Say how many groups there are, how many words the
largest has, and which of all words in groups of that size comes first in the alphabet.

**Input.** `n` (1 ≤ n ≤ 50,000), then `n` words of 1 to 20 small letters `a` to `z`, one a line.

**Output.** One line: the number of groups, the size of the largest, and the word.
"""
SAMPLES = (("5\ntea\neat\nlane\nlean\nelan\n", "2 3 elan\n"), ("2\nb\na\n", "2 1 a\n"))


def generate(rng, index):
    n = size(rng, index, 50_000)
    letters = "abcdefghijklmnopqrstuvwxyz"[: rng.choice((1, 3, 26))]
    longest = rng.choice((3, 8, 20))
    words = ["".join(rng.choices(letters, k=rng.randint(1, longest))) for _ in range(max(1, n // 3))]
    return lines(n, *("".join(rng.sample(word, len(word))) for word in rng.choices(words, k=n)))


def solve(text):
    _, *words = text.split()
    groups = Counter("".join(sorted(word)) for word in words)
    largest = max(groups.values())
    first = min(word for word in words if groups["".join(sorted(word))] == largest)
    return lines((len(groups), largest, first))
