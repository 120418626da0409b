"""Level 4: moving the root of a tree.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import edges_of_tree, kind_of_tree, lines, numbers, size

TITLE = "Gossip sums"
LEVEL = 4
STATEMENT = """
The houses of a valley are joined by paths so that there is exactly one way between any two. In house `i` live
`p_i` people. If a story is first told in house `v`, everybody hears it after as many minutes as there are
metres from `v` to his own house. The *wait* of `v` is the sum of these times over all people. Which are the
least and the greatest wait of any house?

**Input.** `n` (1 ≤ n ≤ 60,000), then `p_1 … p_n` (0 to 1,000), then `n − 1` lines `u v d`: a path of `d` metres
between the houses `u` and `v` (1 ≤ d ≤ 1,000).

**Output.** Two numbers: the least and the greatest wait.
"""
SAMPLES = (("3\n1 1 1\n1 2 2\n2 3 4\n", "6 10\n"), ("1\n9\n", "0 0\n"))


def generate(rng, index):
    n = size(rng, index, 60_000)
    most = rng.choice((1, 1000))
    edges = edges_of_tree(rng, n, kind_of_tree(index))
    return lines(n, [rng.randint(0, most) for _ in range(n)], *((u, v, rng.randint(1, most)) for u, v in edges))


def solve(text):
    n, *rest = numbers(text)
    people, paths = [0, *rest[:n]], rest[n:]
    beside = [[] for _ in range(n + 1)]
    for u, v, metres in zip(paths[::3], paths[1::3], paths[2::3]):
        beside[u].append((v, metres))
        beside[v].append((u, metres))
    order, above, far = [1], [(0, 0)] * (n + 1), [0] * (n + 1)
    for house in order:
        for other, metres in beside[house]:
            if other != above[house][0]:
                above[other], far[other] = (house, metres), far[house] + metres
                order.append(other)
    wait = [0] * (n + 1)
    wait[1] = sum(map(int.__mul__, people, far))
    total, below = sum(people), people[:]
    for house in reversed(order[1:]):
        below[above[house][0]] += below[house]
    for house in order[1:]:
        parent, metres = above[house]
        wait[house] = wait[parent] + metres * (total - 2 * below[house])
    return lines((min(wait[1:]), max(wait[1:])))
