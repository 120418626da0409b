"""Level 1: exclusive or.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Lone lantern"
LEVEL = 1
STATEMENT = """
Every lantern of a festival has a twin with the same code, but one lantern's twin has drifted away. The codes on
the river bank are read out in no particular order. Which code occurs an odd number of times? (There may be
several pairs of twins with one code; exactly one code occurs an odd number of times.)

**Input.** `n` (odd, 1 ≤ n ≤ 199,999), then the codes `a_1 … a_n` (0 ≤ a_i ≤ 10^18).

**Output.** The code of the lone lantern.
"""
SAMPLES = (("5\n7 3 9 3 7\n", "9\n"), ("3\n4 4 4\n", "4\n"))


def generate(rng, index):
    pairs = size(rng, index, 99_999, least=0)
    most = rng.choice((3, 1000, 10**18))
    codes = [rng.randint(0, most) for _ in range(pairs)] * 2 + [rng.randint(0, most)]
    rng.shuffle(codes)
    return lines(len(codes), codes)


def solve(text):
    _, *codes = numbers(text)
    lone = 0
    for code in codes:
        lone ^= code
    return lines(lone)
