"""Level 5: dynamic programming with a convex hull of lines.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import LARGEST, lines, numbers, size

TITLE = "Bakery shifts"
LEVEL = 5
STATEMENT = """
A bakery bakes `a_1, …, a_n` loaves in the next `n` hours. The hours are divided into shifts, each of one or
more hours in a row; every hour belongs to a shift. A shift that bakes `x` loaves costs `x² + c`: tired bakers
are dear, and so is every change of shift. What is the least total cost?

**Input.** `n` and `c` (1 ≤ n ≤ 200,000; 0 ≤ c ≤ 10^15), then `a_1 … a_n` (0 to 1,000).

**Output.** The least cost.
"""
SAMPLES = (("4 5\n1 1 1 1\n", "18\n"), ("3 100\n2 0 3\n", "125\n"))


def generate(rng, index):
    n = size(rng, index, 200_000)
    most = rng.choice((1, 30, 1000))
    c = 10**15 if index >= LARGEST else rng.choice((0, 3, 1000, 10**6, 10**15))
    return lines((n, c), [rng.randint(0, 1000 if index >= LARGEST else most) for _ in range(n)])


def solve(text):
    """least[i] = x_i² + c + min over j < i of (−2 x_j) x_i + least[j] + x_j², where x are prefix sums."""
    _, c, *loaves = numbers(text)
    hull, first, baked, least = [(0, 0)], 0, 0, 0  # lines as (x_j, value at 0), steeper ones later
    for count in loaves:
        baked += count
        while first + 1 < len(hull) and _at(hull[first + 1], baked) <= _at(hull[first], baked):
            first += 1
        least = baked * baked + c + _at(hull[first], baked)
        new = (baked, least + baked * baked)
        if new[0] == hull[-1][0]:
            new = min(new, hull.pop())
        while len(hull) - first > 1 and _is_useless(hull[-2], hull[-1], new):
            hull.pop()
        hull.append(new)
        first = min(first, len(hull) - 1)
    return lines(least)


def _at(line, x):
    return line[1] - 2 * line[0] * x


def _is_useless(before, middle, after):
    return (middle[1] - before[1]) * (after[0] - middle[0]) >= (after[1] - middle[1]) * (middle[0] - before[0])
