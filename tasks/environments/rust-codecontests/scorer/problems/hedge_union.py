"""Level 2: the union of intervals.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Hedge union"
LEVEL = 2
STATEMENT = """
Gardeners report which parts of a long straight hedge they have trimmed: each report is a stretch from metre `l`
to metre `r`. Stretches may overlap or touch. How many metres are trimmed in all, and how long is the longest
trimmed piece without a gap? Stretches that touch at a point leave no gap.

**Input.** `n` (1 ≤ n ≤ 100,000), then `n` lines with `l` and `r` (−10^9 ≤ l < r ≤ 10^9).

**Output.** Two numbers: the metres trimmed and the longest piece.
"""
SAMPLES = (("4\n0 4\n3 6\n10 11\n6 7\n", "8 7\n"), ("2\n-5 -1\n-4 -2\n", "4 4\n"))


def generate(rng, index):
    n = size(rng, index, 100_000)
    reach = rng.choice((2 * n + 2, 10 * n, 10**9))
    longest = rng.choice((3, 50, max(3, reach // n)))
    starts = [rng.randint(-reach, reach - 1) for _ in range(n)]
    return lines(n, *((l, min(reach, l + rng.randint(1, longest))) for l in starts))


def solve(text):
    _, *ends = numbers(text)
    total = longest = 0
    first = last = None
    for l, r in sorted(zip(ends[::2], ends[1::2])):
        if last is None or l > last:
            total += 0 if last is None else last - first
            first, last = l, r
        last = max(last, r)
        longest = max(longest, last - first)
    return lines((total + last - first, longest))
