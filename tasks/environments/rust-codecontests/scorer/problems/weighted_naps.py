"""Level 3: weighted intervals by dynamic programming.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from bisect import bisect_right

from drawing import lines, numbers, size

TITLE = "Weighted naps"
LEVEL = 3
STATEMENT = """
A cat can take naps from a list: nap `i` lasts from minute `l_i` to minute `r_i` and refreshes it by `v_i`. Naps
must not overlap, and between the end of one and the start of the next the cat stretches for at least `s`
minutes. How refreshed can it get?

**Input.** `n` and `s` (1 ≤ n ≤ 50,000; 0 ≤ s ≤ 10^9), then `n` lines `l r v` (0 ≤ l < r ≤ 10^9; 1 ≤ v ≤ 10^9).

**Output.** The largest sum.
"""
SAMPLES = (("3 1\n0 3 5\n3 6 5\n4 9 4\n", "9\n"), ("2 0\n0 3 5\n3 6 5\n", "10\n"))


def generate(rng, index):
    n = size(rng, index, 50_000)
    day = rng.choice((10, 4 * n + 4, 10**9))
    longest = rng.choice((2, 30, day))
    rows = []
    for _ in range(n):
        l = rng.randrange(day)
        rows.append((l, min(day, l + rng.randint(1, longest)), rng.randint(1, rng.choice((3, 10**9)))))
    return lines((n, rng.choice((0, 1, 5, day // 20))), *rows)


def solve(text):
    _, s, *rest = numbers(text)
    naps = sorted(zip(rest[1::3], rest[::3], rest[2::3]))
    ends = [r for r, _, _ in naps]
    best = [0]
    for r, l, value in naps:
        best.append(max(best[-1], best[bisect_right(ends, l - s, 0, len(best) - 1)] + value))
    return lines(best[-1])
