"""Level 5: meeting in the middle.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from bisect import bisect_left, bisect_right

from drawing import lines, numbers, size

TITLE = "Split vault"
LEVEL = 5
STATEMENT = """
A vault holds `n` sealed bags; bag `i` is worth `a_i`, and debts count as negative. An heir may take any set of
bags, also none at all, if its worth is at least `l` and at most `r`. How many sets may he take?

**Input.** `n`, `l` and `r` (1 ≤ n ≤ 34; −10^17 ≤ l ≤ r ≤ 10^17), then `a_1 … a_n` (−10^15 ≤ a_i ≤ 10^15).

**Output.** The number of sets.
"""
SAMPLES = (("3 2 4\n1 2 3\n", "4\n"), ("2 0 0\n5 -5\n", "2\n"))


def generate(rng, index):
    n = size(rng, index, 34)
    most = rng.choice((1, 100, 10**15))
    bags = [rng.randint(-most if index % 2 else 0, most) for _ in range(n)]
    middle, reach = sum(bags) // 2, rng.choice((0, most, n * most))
    return lines((n, middle - rng.randint(0, reach), middle + rng.randint(0, reach)), bags)


def _worths(bags):
    worths = [0]
    for bag in bags:
        worths += [worth + bag for worth in worths]
    return worths


def solve(text):
    n, l, r, *bags = numbers(text)
    known = sorted(_worths(bags[: n // 2]))
    return lines(
        sum(bisect_right(known, r - worth) - bisect_left(known, l - worth) for worth in _worths(bags[n // 2 :]))
    )
