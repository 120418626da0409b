"""Level 3: the k-th free place in a binary indexed tree.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Free seat"
LEVEL = 3
STATEMENT = """
A long bench has `n` seats, numbered from the left, all free. Guests are shy and exact: a guest who arrives says
`k` and sits down on the `k`-th free seat from the left. Guests are numbered in the order in which they arrive,
from 1. Later some of them leave, and their seats are free again. Where does each guest sit?

**Input.** `n` and `q` (1 ≤ n, q ≤ 100,000), then `q` numbers. A number `k` > 0 is an arrival; there are at
least `k` free seats. A number `−j` < 0 means that guest `j`, who is sitting, leaves.

**Output.** The seat of each guest, in the order of arrival, one a line. The first event is an arrival.
"""
SAMPLES = (("4 5\n2 2 -1 3 1\n", "2\n3\n4\n1\n"), ("1 3\n1 -1 1\n", "1\n1\n"))


def generate(rng, index):
    n, q = size(rng, index, 100_000), size(rng, index, 100_000)
    sitting, guests, events = [], 0, []
    leave = rng.choice((0.1, 0.45))
    for _ in range(q):
        free = n - len(sitting)
        if sitting and (not free or rng.random() < leave):
            at = rng.randrange(len(sitting))
            sitting[at], sitting[-1] = sitting[-1], sitting[at]
            events.append(-sitting.pop())
        else:
            guests += 1
            sitting.append(guests)
            events.append(rng.randint(1 if index % 2 else (free + 1) // 2, free))
    return lines((n, q), events)


def solve(text):
    n, _, *events = numbers(text)
    free = [0, *(i & -i for i in range(1, n + 1))]
    top = 1 << n.bit_length() - 1
    seats = []
    for event in events:
        if event > 0:
            seat, step = 0, top
            while step:
                if seat + step <= n and free[seat + step] < event:
                    seat += step
                    event -= free[seat]
                step //= 2
            seat, change = seat + 1, -1
            seats.append(seat)
        else:
            seat, change = seats[-event - 1], 1
        while seat <= n:
            free[seat] += change
            seat += seat & -seat
    return lines(*seats)
