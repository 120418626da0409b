"""Level 4: powers of a matrix.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Tile strip"
LEVEL = 4
STATEMENT = """
A strip one foot wide and `n` feet long is laid with tiles without gaps. There are `k` sorts of tiles; sort `i`
is `l_i` feet long and comes in `c_i` colours. Two tiles of the *same sort* must not lie side by side. In how
many ways can the strip be laid? Ways differ if somewhere lies another sort or another colour. Give the
remainder modulo 1,000,000,007.

**Input.** `n` and `k` (1 ≤ n ≤ 10^18; 1 ≤ k ≤ 4), then `k` lines `l c` (1 ≤ l ≤ 4; 0 ≤ c ≤ 10^9). Two sorts may
have the same length.

**Output.** The number of ways modulo 1,000,000,007.
"""
SAMPLES = (("3 2\n1 1\n2 3\n", "6\n"), ("4 1\n2 5\n", "0\n"))
MODULUS = 1_000_000_007


def generate(rng, index):
    n, k = size(rng, index, 10**18), rng.randint(1 if index < 3 else 2, 4)
    return lines((n, k), *((rng.randint(1, 4), rng.randint(0, rng.choice((2, 10**9)))) for _ in range(k)))


def _product(left, right):
    columns = list(zip(*right))
    return [[sum(map(int.__mul__, row, column)) % MODULUS for column in columns] for row in left]


def solve(text):
    n, k, *rest = numbers(text)
    sorts = list(zip(rest[::2], rest[1::2]))
    # A state (i, r) is a tile of sort i of which r feet are still to come; nothing lies before the strip.
    states = [(i, r) for i, (length, _) in enumerate(sorts) for r in range(length)]
    number = {state: at for at, state in enumerate(states)}
    step = [[0] * (len(states) + 1) for _ in range(len(states) + 1)]
    for at, (i, r) in enumerate([*states, (None, 0)]):
        if r:
            step[at][number[i, r - 1]] = 1
            continue
        for j, (length, colours) in enumerate(sorts):
            if j != i:
                step[at][number[j, length - 1]] = colours
    row = [[0] * len(states) + [1]]
    while n:
        if n & 1:
            row = _product(row, step)
        step = _product(step, step)
        n >>= 1
    return lines(sum(row[0][number[i, 0]] for i in range(k)) % MODULUS)
