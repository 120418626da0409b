"""Level 2: counting by dynamic programming.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Stamp ways"
LEVEL = 2
STATEMENT = """
A post office sells `n` kinds of stamps, all of different values, and of each kind it has just `m` pieces. In
how many ways can a letter be franked with exactly `s` cents? Ways differ if they use a different number of
stamps of some kind; the order on the envelope does not matter. Give the remainder modulo 998,244,353.

**Input.** `n`, `m` and `s` (1 ≤ n ≤ 40; 1 ≤ m ≤ 10^6; 0 ≤ s ≤ 5,000), then the `n` different values (1 to
5,000).

**Output.** The number of ways modulo 998,244,353.
"""
SAMPLES = (("3 2 5\n1 2 5\n", "2\n"), ("1 1 0\n7\n", "1\n"))
MODULUS = 998_244_353


def generate(rng, index):
    n, s = size(rng, index, 40), size(rng, index, 5000, least=0)
    highest = max(n, rng.choice((40, 300, 5000)))
    return lines((n, rng.choice((1, 2, 9, 10**6)), s), rng.sample(range(1, highest + 1), n))


def solve(text):
    _, m, s, *values = numbers(text)
    ways = [1] + [0] * s
    for value in values:
        more, beyond = ways[:], (m + 1) * value
        for total in range(value, s + 1):
            more[total] += more[total - value]
            if total >= beyond:
                more[total] -= ways[total - beyond]
            more[total] %= MODULUS
        ways = more
    return lines(ways[s])
