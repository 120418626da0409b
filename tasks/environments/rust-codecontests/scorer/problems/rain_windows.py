"""Level 2: prefix sums and remainders.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from collections import Counter

from drawing import lines, numbers, size

TITLE = "Rain windows"
LEVEL = 2
STATEMENT = """
A gauge notes how much the water level of a lake changed on each of `n` days, rising or falling. A stretch of
one or more days in a row is *even-handed* if the sum of its changes is a multiple of `k` (0 is one, and so are
negative ones). How many stretches are even-handed?

**Input.** `n` and `k` (1 ≤ n ≤ 200,000; 1 ≤ k ≤ 10^9), then the changes `a_1 … a_n` (−10^9 ≤ a_i ≤ 10^9).

**Output.** The number of even-handed stretches.
"""
SAMPLES = (("4 3\n1 2 -3 4\n", "4\n"), ("3 1\n5 5 5\n", "6\n"))


def generate(rng, index):
    n = size(rng, index, 200_000)
    k = rng.choice((1, 2, 7, n, 10**9))
    most = rng.choice((1, 10, 10**9))
    return lines((n, k), [rng.randint(-most, most) for _ in range(n)])


def solve(text):
    _, k, *changes = numbers(text)
    seen, total, stretches = Counter([0]), 0, 0
    for change in changes:
        total = (total + change) % k
        stretches += seen[total]
        seen[total] += 1
    return lines(stretches)
