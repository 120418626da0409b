"""Level 2: a sieve of divisors.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Rich divisors"
LEVEL = 2
STATEMENT = """
A number is rich if it has many divisors. For each pair `l`, `r`, which number from `l` to `r` (both included)
has the most divisors, and how many? If several have the most, the smallest of them is wanted.

**Input.** `q` (1 ≤ q ≤ 200), then `q` lines with `l` and `r` (1 ≤ l ≤ r ≤ 200,000).

**Output.** `q` lines with two numbers each: the number and how many divisors it has.
"""
SAMPLES = (("3\n1 10\n7 7\n13 17\n", "6 4\n7 2\n16 5\n"), ("1\n1 1\n", "1 1\n"))


def generate(rng, index):
    q, most = size(rng, index, 200), size(rng, index, 200_000)
    return lines(q, *(sorted((rng.randint(1, most), rng.randint(1, most))) for _ in range(q)))


def solve(text):
    _, *ends = numbers(text)
    count = [0] * (max(ends) + 1)
    for divisor in range(1, len(count)):
        for multiple in range(divisor, len(count), divisor):
            count[multiple] += 1
    found = []
    for l, r in zip(ends[::2], ends[1::2]):
        most = max(count[l : r + 1])
        found.append((count.index(most, l), most))
    return lines(*found)
