"""Level 3: Grundy numbers.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Stone moves"
LEVEL = 3
STATEMENT = """
Two players take turns. There are `n` heaps of stones; a move takes stones from one heap, and how many is one of
`k` allowed numbers. Who cannot move has lost. Both play perfectly. How many different first moves win for the
player who begins? A move is a heap (two heaps of one size are two heaps) and a number of stones. If the
beginner is lost, that is 0.

**Input.** `n` and `k` (1 ≤ n ≤ 1,000; 1 ≤ k ≤ 10), then `k` different allowed numbers (1 to 5,000), then the
sizes of the heaps (0 to 10,000).

**Output.** The number of winning first moves.
"""
SAMPLES = (("2 2\n1 2\n3 4\n", "2\n"), ("2 1\n2\n2 3\n", "0\n"))


def generate(rng, index):
    n, k = size(rng, index, 1000), rng.randint(1, 10)
    most = size(rng, index, 10_000, least=3)
    allowed = rng.sample(range(1, max(10, most // rng.choice((2, 20, 200))) + 1), k)
    heaps = [rng.randint(0, most) for _ in range(n)]
    if index % 4 == 1:
        heaps = [heaps[i // 2] for i in range(n)]
    return lines((n, k), allowed, heaps)


def solve(text):
    n, k, *rest = numbers(text)
    allowed, heaps = sorted(rest[:k]), rest[k:]
    grundy = []
    for stones in range(max(heaps) + 1):
        reached = {grundy[stones - take] for take in allowed if take <= stones}
        value = 0
        while value in reached:
            value += 1
        grundy.append(value)
    total = 0
    for heap in heaps:
        total ^= grundy[heap]
    wins = sum(
        grundy[heap - take] == total ^ grundy[heap] for heap in heaps for take in allowed if take <= heap
    )
    return lines(wins)
