"""Level 1: prefix sums.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Balance points"
LEVEL = 1
STATEMENT = """
A row of `n` weights hangs on a rod; balloons count as negative weights. The rod may be cut between two
neighbours. A cut is fair when both pieces weigh the same. How many fair cuts are there?

**Input.** `n` (2 ≤ n ≤ 200,000), then the weights `a_1 … a_n` (−10^9 ≤ a_i ≤ 10^9).

**Output.** The number of fair cuts.
"""
SAMPLES = (("4\n1 -1 1 -1\n", "1\n"), ("5\n0 0 0 0 0\n", "4\n"))


def generate(rng, index):
    n = size(rng, index, 200_000, least=2)
    if index % 3 == 2:  # large weights around one fair cut
        half = [rng.randint(-(10**9), 10**9) for _ in range(n // 2)]
        return lines(n, half + half[::-1] + [0] * (n % 2))
    return lines(n, [rng.randint(-1, 1) for _ in range(n)])


def solve(text):
    _, *weights = numbers(text)
    total, left, cuts = sum(weights), 0, 0
    for weight in weights[:-1]:
        left += weight
        cuts += 2 * left == total
    return lines(cuts)
