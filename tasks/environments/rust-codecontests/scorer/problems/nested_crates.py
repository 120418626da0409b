"""Level 4: the longest increasing subsequence in two dimensions.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from bisect import bisect_left

from drawing import lines, numbers, size

TITLE = "Nested crates"
LEVEL = 4
STATEMENT = """
A crate has a rectangular bottom, `a` by `b`. It fits into another crate if it can be turned by a quarter (or
not) so that both of its sides are strictly shorter than the other's. Crates are stored one inside the other
inside the other. What is the largest number of crates that can be stored in one such nest, all given the same
height?

**Input.** `n` (1 ≤ n ≤ 100,000), then `n` lines `a b` (1 to 10^9).

**Output.** The largest number.
"""
SAMPLES = (("4\n3 5\n4 2\n6 4\n5 9\n", "4\n"), ("3\n2 3\n3 2\n2 9\n", "1\n"))


def generate(rng, index):
    n = size(rng, index, 100_000)
    most = rng.choice((5, n, 10**9))
    if index % 3 == 1:  # close to squares, so that long nests exist
        sides = [rng.randint(1, 10**9) for _ in range(n)]
        return lines(n, *((a, max(1, a + rng.randint(-(10**6), 0))) for a in sides))
    return lines(n, *((rng.randint(1, most), rng.randint(1, most)) for _ in range(n)))


def solve(text):
    _, *sides = numbers(text)
    crates = sorted((min(a, b), -max(a, b)) for a, b in zip(sides[::2], sides[1::2]))
    ends = []
    for _, negative in crates:
        at = bisect_left(ends, -negative)
        ends[at : at + 1] = [-negative]
    return lines(len(ends))
