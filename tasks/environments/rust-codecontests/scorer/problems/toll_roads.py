"""Level 4: lowest common ancestors.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import edges_of_tree, kind_of_tree, lines, numbers, size

TITLE = "Toll roads"
LEVEL = 4
STATEMENT = """
The towns of a land are joined by roads so that there is exactly one way between any two. Each road has a toll.
For every trip from `u` to `v`, what is paid on the way, and through how many towns does it lead, `u` and `v`
included?

**Input.** `n` and `q` (1 ≤ n ≤ 50,000; 1 ≤ q ≤ 50,000), then `n − 1` lines `u v t`: a road with toll `t` (0 to
10^9), then `q` lines `u v` (u = v can occur).

**Output.** `q` lines with two numbers each: what is paid, and the towns.
"""
SAMPLES = (("4 3\n1 2 5\n2 3 1\n2 4 7\n3 4\n1 1\n1 3\n", "8 3\n0 1\n6 3\n"), ("1 1\n1 1\n", "0 1\n"))


def generate(rng, index):
    n, q = size(rng, index, 50_000), size(rng, index, 50_000)
    roads = [(u, v, rng.randint(0, 10**9)) for u, v in edges_of_tree(rng, n, kind_of_tree(index + 1))]
    return lines((n, q), *roads, *((rng.randint(1, n), rng.randint(1, n)) for _ in range(q)))


def solve(text):
    n, q, *rest = numbers(text)
    roads, trips = rest[: 3 * n - 3], rest[3 * n - 3 :]
    beside = [[] for _ in range(n + 1)]
    for u, v, toll in zip(roads[::3], roads[1::3], roads[2::3]):
        beside[u].append((v, toll))
        beside[v].append((u, toll))
    order, above, paid, depth = [1], [0] * (n + 1), [0] * (n + 1), [0] * (n + 1)
    for town in order:
        for other, toll in beside[town]:
            if other != above[town]:
                above[other], paid[other], depth[other] = town, paid[town] + toll, depth[town] + 1
                order.append(other)
    below, heavy = [1] * (n + 1), [0] * (n + 1)
    for town in reversed(order[1:]):
        parent = above[town]
        below[parent] += below[town]
        if not heavy[parent] or below[town] > below[heavy[parent]]:
            heavy[parent] = town
    head = list(range(n + 1))
    for town in order:
        if heavy[town]:
            head[heavy[town]] = head[town]
    answers = []
    for u, v in zip(trips[::2], trips[1::2]):
        a, b = u, v
        while head[a] != head[b]:
            if depth[head[a]] >= depth[head[b]]:
                a = above[head[a]]
            else:
                b = above[head[b]]
        top = a if depth[a] < depth[b] else b
        answers.append((paid[u] + paid[v] - 2 * paid[top], depth[u] + depth[v] - 2 * depth[top] + 1))
    return lines(*answers)
