"""Level 2: sorting and two pointers.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Ferry pairs"
LEVEL = 2
STATEMENT = """
Small ferries cross a lake. Each carries one or two animals, of at most `w` kilograms together. How few
crossings bring all animals over (the ferry comes back by itself)? And with that few crossings, what is the
largest possible number of animals that cross alone? Both answers are asked for; the second follows from the
first.

**Input.** `n` and `w` (1 ≤ n ≤ 100,000; 1 ≤ w ≤ 10^9), then the animals' weights `a_1 … a_n` (1 ≤ a_i ≤ w).

**Output.** Two numbers: the least number of crossings, and how many animals cross alone.
"""
SAMPLES = (("5 10\n7 3 5 6 9\n", "4 3\n"), ("4 100\n1 1 1 1\n", "2 0\n"))


def generate(rng, index):
    n = size(rng, index, 100_000)
    w = rng.choice((1, 10, 1000, 10**9))
    least = rng.choice((1, 1 + w // 3))
    return lines((n, w), [rng.randint(min(least, w), w) for _ in range(n)])


def solve(text):
    n, w, *weights = numbers(text)
    weights.sort()
    light, heavy, crossings = 0, n - 1, 0
    while light <= heavy:
        if weights[light] + weights[heavy] <= w:
            light += 1
        heavy -= 1
        crossings += 1
    return lines((crossings, 2 * crossings - n))
