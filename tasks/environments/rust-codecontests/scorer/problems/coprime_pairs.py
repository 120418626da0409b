"""Level 4: counting with the Moebius function.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Coprime pairs"
LEVEL = 4
STATEMENT = """
Cog wheels wear evenly if their numbers of teeth have no common divisor but 1. A box holds `n` wheels. How many
of the pairs of two different wheels wear evenly? Two wheels with the same number of teeth are different wheels.

**Input.** `n` (1 ≤ n ≤ 100,000), then the numbers of teeth `a_1 … a_n` (1 to 200,000).

**Output.** The number of pairs.
"""
SAMPLES = (("4\n2 3 4 9\n", "4\n"), ("3\n1 1 6\n", "3\n"))


def generate(rng, index):
    n, most = size(rng, index, 100_000), size(rng, index, 200_000)
    factor = rng.choice((1, 1, 2, 6))
    return lines(n, [max(1, rng.randint(1, most) // factor * factor) for _ in range(n)])


def solve(text):
    _, *teeth = numbers(text)
    most = max(teeth)
    count = [0] * (most + 1)
    for number in teeth:
        count[number] += 1
    mobius = [0, 1] + [0] * most
    for i in range(1, most + 1):
        if mobius[i]:
            for multiple in range(2 * i, most + 1, i):
                mobius[multiple] -= mobius[i]
    pairs = 0
    for divisor in range(1, most + 1):
        if mobius[divisor]:
            multiples = sum(count[divisor::divisor])
            pairs += mobius[divisor] * (multiples * (multiples - 1) // 2)
    return lines(pairs)
