"""Level 5: satisfiability with two literals.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Opposed guests"
LEVEL = 5
STATEMENT = """
Each of `n` guests will be seated either indoors or outdoors. The host has a list of `m` demands, the most
important first. A demand names two places, such as "guest 3 indoors" and "guest 5 outdoors", and is met if at
least one of the two comes true. What is the largest `t` so that the first `t` demands can all be met at once?
And with just those `t` demands, how many guests are *free*, that is, can be seated indoors in one way of
meeting them and outdoors in another?

**Input.** `n` and `m` (1 ≤ n ≤ 150; 1 ≤ m ≤ 1,000), then `m` lines with two numbers `x y` each: `g` stands for
"guest `g` indoors", `−g` for "guest `g` outdoors"; the two may be the same.

**Output.** Two numbers: `t` and how many guests are free.
"""
SAMPLES = (("2 4\n1 2\n-1 2\n1 -2\n-1 -2\n", "3 0\n"), ("3 1\n1 -2\n", "1 3\n"))


def generate(rng, index):
    n, m = size(rng, index, 150), size(rng, index, 1000)
    indoors = [rng.choice((-1, 1)) for _ in range(n + 1)]
    honest = rng.choice((0, m // 2, m))
    rows = []
    while len(rows) < m:
        x, y = (rng.choice((-1, 1)) * rng.randint(1, n) for _ in range(2))
        if len(rows) >= honest or x * indoors[abs(x)] > 0 or y * indoors[abs(y)] > 0:
            rows.append((x, y))
    return lines((n, m), *rows)


def solve(text):
    """Keeps, for each literal, a bit set of what follows from it; a demand adds two implications."""
    n, _, *rest = numbers(text)
    follows = [1 << literal for literal in range(2 * n)]  # literal 2g: guest g indoors, 2g + 1: outdoors

    def imply(cause, effect):
        if not follows[cause] >> effect & 1:
            gained = follows[effect]
            for literal in range(2 * n):
                if follows[literal] >> cause & 1:
                    follows[literal] |= gained

    def is_impossible(literal):
        return follows[literal] >> (literal ^ 1) & 1

    met, before = 0, follows[:]
    for x, y in zip(rest[::2], rest[1::2]):
        x, y = (2 * abs(g) - 2 + (g < 0) for g in (x, y))
        imply(x ^ 1, y)
        imply(y ^ 1, x)
        if any(is_impossible(g) and is_impossible(g + 1) for g in range(0, 2 * n, 2)):
            follows[:] = before
            break
        met, before = met + 1, follows[:]
    free = sum(not is_impossible(g) and not is_impossible(g + 1) for g in range(0, 2 * n, 2))
    return lines((met, free))
