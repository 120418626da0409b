"""Level 3: union-find, backwards in time.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Village merges"
LEVEL = 3
STATEMENT = """
A flood takes away the `m` bridges between `n` islets one by one, in a known order. Before the flood and after
each lost bridge, how many people live on the largest group of islets that are still joined by bridges?

**Input.** `n` and `m` (1 ≤ n ≤ 50,000; 0 ≤ m ≤ 50,000), then how many people live on each islet (0 to 10^9),
then `m` lines `u v` (1 ≤ u, v ≤ n; u = v can occur): the bridges in the order in which they are lost.

**Output.** `m + 1` numbers, one a line.
"""
SAMPLES = (("3 2\n5 1 7\n1 2\n2 3\n", "13\n8\n7\n"), ("1 0\n4\n", "4\n"))


def generate(rng, index):
    n, m = size(rng, index, 50_000), size(rng, index, 50_000, least=0)
    most = rng.choice((1, 10**9))
    people = [rng.randint(0, most) for _ in range(n)]
    near = rng.random() < 0.5
    starts = [rng.randint(1, n) for _ in range(m)]
    return lines((n, m), people, *((u, min(n, u + 1) if near else rng.randint(1, n)) for u in starts))


def solve(text):
    n, m, *rest = numbers(text)
    people, bridges = [0, *rest[:n]], rest[n:]
    above = list(range(n + 1))
    largest = max(people)
    answers = [largest]
    for at in range(2 * m - 2, -1, -2):
        ends = []
        for islet in bridges[at : at + 2]:
            while above[islet] != islet:
                above[islet] = above[above[islet]]
                islet = above[islet]
            ends.append(islet)
        u, v = ends
        if u != v:
            above[u] = v
            people[v] += people[u]
            largest = max(largest, people[v])
        answers.append(largest)
    return lines(*reversed(answers))
