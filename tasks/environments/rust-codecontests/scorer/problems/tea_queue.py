"""Level 1: simulation.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Tea queue"
LEVEL = 1
STATEMENT = """
A kettle holds `c` cups of tea and is full when the first guest arrives. Guests come one after another, and
guest `i` asks for `a_i` cups, which must all come from one filling. If the kettle holds fewer cups than that,
whatever is left in it is poured away, it is filled up again, and then the guest is served. Nothing is done
after the last guest.

How often is the kettle filled up again, and how many cups are poured away?

**Input.** `n` and `c` (1 ≤ n ≤ 100,000; 1 ≤ c ≤ 10^9), then `a_1 … a_n` (1 ≤ a_i ≤ c).

**Output.** Two numbers: the fillings after the first one, and the cups poured away in total.
"""
SAMPLES = (("5 4\n2 1 3 4 1\n", "3 2\n"), ("2 10\n4 6\n", "0 0\n"))


def generate(rng, index):
    n = size(rng, index, 100_000)
    c = 1 if index == 1 else rng.choice((3, 10, 1000, 10**9))
    most = max(1, c // rng.choice((1, 2, 4)))
    return lines((n, c), [rng.randint(1, most) for _ in range(n)])


def solve(text):
    _, c, *orders = numbers(text)
    left, fillings, wasted = c, 0, 0
    for order in orders:
        if left < order:
            fillings, wasted, left = fillings + 1, wasted + left, c
        left -= order
    return lines((fillings, wasted))
