"""Level 5: minimum spanning trees that must hold an edge.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import edges_of_tree, kind_of_tree, lines, numbers, size

TITLE = "Spare cable"
LEVEL = 5
STATEMENT = """
An island is to be wired. Between some of its `n` villages a cable can be laid, cable `i` between `u_i` and
`v_i` at a cost of `c_i`. The chosen cables must join all villages, directly or not. The mayor of some place
wants cable `i` to be laid in any case. For every `i`: what does the cheapest network cost that contains cable
`i`?

**Input.** `n` and `m` (2 ≤ n ≤ 20,000; n − 1 ≤ m ≤ 40,000), then `m` lines `u v c` (u ≠ v; 1 ≤ c ≤ 10^9). All
villages can be joined.

**Output.** `m` lines with a cost each.
"""
SAMPLES = (("3 3\n1 2 1\n2 3 2\n1 3 5\n", "3\n3\n6\n"), ("2 2\n1 2 7\n2 1 4\n", "7\n4\n"))


def generate(rng, index):
    n = size(rng, index, 20_000, least=2)
    most = rng.choice((3, 10**9))
    cheap = rng.choice((1, most // 3, most))
    rows = [(u, v, rng.randint(1, cheap)) for u, v in edges_of_tree(rng, n, kind_of_tree(index))]
    for _ in range(rng.randint(0, min(20_000, n * n))):
        u = rng.randint(1, n - 1)
        rows.append((u, rng.randint(u + 1, n), rng.randint(1, most)))
    rng.shuffle(rows)
    return lines((n, len(rows)), *rows)


def solve(text):
    """Joins by size without shortening any path, so that the way between two villages in the joining forest is
    short and its dearest step is the dearest cable between them in the cheapest network."""
    n, _, *rest = numbers(text)
    cables = list(zip(rest[::3], rest[1::3], rest[2::3]))
    above, price, count = list(range(n + 1)), [10**18] * (n + 1), [1] * (n + 1)
    total = 0
    for u, v, cost in sorted(cables, key=lambda cable: cable[2]):
        while above[u] != u:
            u = above[u]
        while above[v] != v:
            v = above[v]
        if u != v:
            if count[u] > count[v]:
                u, v = v, u
            above[u], price[u] = v, cost
            count[v] += count[u]
            total += cost
    answers = []
    for u, v, cost in cables:
        dearest = 0
        while u != v:
            if price[u] > price[v]:
                u, v = v, u
            dearest, u = price[u], above[u]
        answers.append(total - dearest + cost)
    return lines(*answers)
