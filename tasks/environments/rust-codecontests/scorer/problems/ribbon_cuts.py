"""Level 1: greatest common divisor.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from math import gcd

from drawing import lines, numbers, size

TITLE = "Ribbon cuts"
LEVEL = 1
STATEMENT = """
A tailor has `n` ribbons. She wants to cut all of them into pieces of one and the same whole length, as long as
can be, with nothing left over. How long is a piece, and how often must she cut? A cut divides one piece in two;
pieces are never laid on top of each other.

**Input.** `n` (1 ≤ n ≤ 100,000), then the lengths `a_1 … a_n` (1 ≤ a_i ≤ 10^12).

**Output.** Two numbers: the length of a piece and the number of cuts.
"""
SAMPLES = (("3\n12 18 30\n", "6 7\n"), ("1\n7\n", "7 0\n"))


def generate(rng, index):
    n = size(rng, index, 100_000)
    unit = rng.choice((1, 2, 360, 9973, 10**6, 10**9))
    return lines(n, [unit * rng.randint(1, 10**12 // unit) for _ in range(n)])


def solve(text):
    n, *lengths = numbers(text)
    piece = gcd(*lengths)
    return lines((piece, sum(lengths) // piece - n))
