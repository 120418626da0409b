"""Level 1: a closed formula modulo a prime.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Stair paint"
LEVEL = 1
STATEMENT = """
The stairs of a tower are square mosaics: step `i` from the top is `i` tiles wide and `i` tiles deep. A painter
paints the steps from `l` to `r`, both included. How many tiles does he paint? The number is large: give its
remainder modulo 1,000,000,007.

**Input.** `q` (1 ≤ q ≤ 50,000), then `q` lines with `l` and `r` (1 ≤ l ≤ r ≤ 10^18).

**Output.** `q` lines with a remainder each.
"""
SAMPLES = (("3\n1 3\n2 2\n1 1000000000000000000\n", "14\n4\n40425\n"), ("1\n4 6\n", "77\n"))
MODULUS = 1_000_000_007


def generate(rng, index):
    q = size(rng, index, 50_000)
    most = 10 if index < 4 else 10**18
    return lines(q, *(sorted((rng.randint(1, most), rng.randint(1, most))) for _ in range(q)))


def _first(n):
    return n * (n + 1) * (2 * n + 1) // 6


def solve(text):
    _, *ends = numbers(text)
    return lines(*((_first(r) - _first(l - 1)) % MODULUS for l, r in zip(ends[::2], ends[1::2])))
