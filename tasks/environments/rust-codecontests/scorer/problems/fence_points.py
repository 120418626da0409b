"""Level 3: Pick's theorem in integers.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from math import gcd

from drawing import lines, numbers, size

TITLE = "Fence points"
LEVEL = 3
STATEMENT = """
A fence runs round a garden along straight lines from post to post; it does not touch or cross itself. All posts
have whole coordinates. Flowers grow at every point with whole coordinates strictly inside the fence, and ivy at
every such point on the fence, the posts included. How many flowers are there, and how much ivy?

**Input.** `n` (3 ≤ n ≤ 50,000), then the posts' coordinates `x y` in order around the garden, either way round
(−10^9 ≤ x, y ≤ 10^9). Three posts in a row may lie on one line.

**Output.** Two numbers: flowers and ivy.
"""
SAMPLES = (("4\n0 0\n3 0\n3 2\n0 2\n", "2 10\n"), ("3\n0 0\n2 0\n0 2\n", "0 6\n"))


def generate(rng, index):
    """A skyline of columns over a flat bottom: never crosses itself, whatever the heights are."""
    columns = size(rng, index, 49_997)
    step = rng.randint(1, 2 * 10**9 // (columns + 1))
    tall = rng.choice((1, 6, 10**9))
    left = -(10**9)
    skyline = [(left + i * step, rng.randint(1, tall)) for i in range(columns + 1)]
    posts = [*skyline, (left + columns * step, -rng.randint(1, tall)), (left, -1)]
    if index % 3 == 0:
        posts = [(y, x) for x, y in posts]
    if index % 4 == 3:
        posts.reverse()
    return lines(len(posts), *posts)


def solve(text):
    n, *rest = numbers(text)
    posts = list(zip(rest[::2], rest[1::2]))
    twice = ivy = 0
    for (x, y), (u, v) in zip(posts, posts[1:] + posts[:1]):
        twice += x * v - u * y
        ivy += gcd(x - u, y - v)
    return lines(((abs(twice) - ivy) // 2 + 1, ivy))
