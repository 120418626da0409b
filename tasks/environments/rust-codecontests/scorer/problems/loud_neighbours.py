"""Level 1: a scan of a circle.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Loud neighbours"
LEVEL = 1
STATEMENT = """
Around a round market square stand `n` houses, each with a bell of loudness `a_i`; house `n` is a neighbour of
house 1. A bell is *proud* if it is strictly louder than the bells of both neighbours. Count the proud bells and
add up how much louder each is than the louder one of its two neighbours.

**Input.** `n` (3 ≤ n ≤ 200,000), then `a_1 … a_n` (0 ≤ a_i ≤ 10^9).

**Output.** Two numbers: how many bells are proud, and the sum.
"""
SAMPLES = (("5\n3 1 4 1 5\n", "2 5\n"), ("3\n2 2 2\n", "0 0\n"))


def generate(rng, index):
    n = size(rng, index, 200_000, least=3)
    most = rng.choice((1, 5, 10**9))
    return lines(n, [rng.randint(0, most) for _ in range(n)])


def solve(text):
    n, *bells = numbers(text)
    count = total = 0
    for i in range(n):
        ahead = bells[i] - max(bells[i - 1], bells[(i + 1) % n])
        if ahead > 0:
            count, total = count + 1, total + ahead
    return lines((count, total))
