"""Level 4: the convex hull.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Rope fence"
LEVEL = 4
STATEMENT = """
A shepherd puts a rope round `n` trees and pulls it tight. How many trees are corners of the rope, where it
really bends? And how large is twice the area inside? If all trees stand on one line, the area is 0 and the
corners are the two ends; if all trees stand on one spot, there is one corner. Several trees on one spot count
as one.

**Input.** `n` (1 ≤ n ≤ 60,000), then `n` lines `x y` (−10^9 ≤ x, y ≤ 10^9).

**Output.** Two numbers: the corners and twice the area.
"""
SAMPLES = (("5\n0 0\n2 0\n2 2\n0 2\n1 0\n", "4 8\n"), ("3\n1 1\n3 3\n2 2\n", "2 0\n"))


def generate(rng, index):
    n = size(rng, index, 60_000)
    reach = rng.choice((3, 1000, 10**9))
    if index % 4 == 1:
        a, b = rng.randint(-reach, reach) // 2, rng.randint(-1, 1)
        return lines(n, *((x, b * x + a) for x in (rng.randint(-reach // 3, reach // 3) for _ in range(n))))
    if index % 4 == 3:  # many corners
        side = int(n**0.5) + 1
        return lines(n, *((x, x * x) for x in (rng.randint(-15 * side, 15 * side) for _ in range(n))))
    return lines(n, *((rng.randint(-reach, reach), rng.randint(-reach, reach)) for _ in range(n)))


def _chain(trees):
    chain = []
    for x, y in trees:
        while len(chain) > 1:
            (a, b), (c, d) = chain[-2:]
            if (c - a) * (y - b) > (d - b) * (x - a):
                break
            chain.pop()
        chain.append((x, y))
    return chain[:-1]


def solve(text):
    _, *rest = numbers(text)
    trees = sorted(set(zip(rest[::2], rest[1::2])))
    corners = _chain(trees) + _chain(trees[::-1]) or trees
    twice = sum(x * v - u * y for (x, y), (u, v) in zip(corners, corners[1:] + corners[:1]))
    return lines((len(corners), twice))
