"""Level 5: the smallest cut of a network.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from collections import deque

from drawing import lines, numbers, size

TITLE = "Dam gates"
LEVEL = 5
STATEMENT = """
Water runs from lake 1 to lake `n` through canals. Canal `i` runs from `u_i` to `v_i`, one way, and closing its
gate costs `c_i`. Besides, any lake except 1 and `n` can be closed as a whole for a cost of `p_j`: then no water
passes it. What is the least cost at which no water can get from lake 1 to lake `n`?

**Input.** `n` and `m` (2 ≤ n ≤ 80; 0 ≤ m ≤ 500), then `p_1 … p_n` (0 to 10^9; `p_1` and `p_n` mean nothing),
then `m` lines `u v c` (u ≠ v; 0 ≤ c ≤ 10^9). Several canals may join the same lakes.

**Output.** The least cost.
"""
SAMPLES = (
    ("4 4\n0 3 9 0\n1 2 2\n1 3 5\n2 4 9\n3 4 4\n", "6\n"),
    ("3 3\n0 1 0\n1 2 5\n2 3 5\n1 3 2\n", "3\n"),
)


def generate(rng, index):
    n, m = size(rng, index, 80, least=2), size(rng, index, 500, least=0)
    most, layer = rng.choice((3, 10**9)), rng.choice((3, 12, n))
    rows = []
    for _ in range(m):
        u = rng.randint(1, n - 1)
        v = min(n, u + rng.randint(1, layer))
        rows.append((v, u) if rng.random() < 0.15 else (u, v))
    rows = [(*row, rng.randint(0, most)) for row in rows]
    return lines((n, m), [rng.randint(0, rng.choice((most, 2 * most))) for _ in range(n)], *rows)


def solve(text):
    """Each lake is an edge from its way in (2j) to its way out (2j + 1); flows augment along shortest paths."""
    n, m, *rest = numbers(text)
    price, rows = rest[:n], rest[n:]
    room = [{} for _ in range(2 * n)]

    def join(u, v, cost):
        room[u][v] = room[u].get(v, 0) + cost
        room[v].setdefault(u, 0)

    for lake in range(n):
        join(2 * lake, 2 * lake + 1, price[lake])
    for u, v, cost in zip(rows[::3], rows[1::3], rows[2::3]):
        join(2 * u - 1, 2 * v - 2, cost)
    first, last, total = 1, 2 * n - 2, 0
    while True:
        came, queue = {first: None}, deque([first])
        while queue and last not in came:
            at = queue.popleft()
            for beside, left in room[at].items():
                if left and beside not in came:
                    came[beside] = at
                    queue.append(beside)
        if last not in came:
            return lines(total)
        way, at = [], last
        while came[at] is not None:
            way.append((came[at], at))
            at = came[at]
        flow = min(room[u][v] for u, v in way)
        for u, v in way:
            room[u][v] -= flow
            room[v][u] += flow
        total += flow
