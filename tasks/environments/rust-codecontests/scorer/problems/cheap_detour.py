"""Level 3: shortest paths with one extra bit of state.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from heapq import heappop, heappush

from drawing import lines, numbers, size

TITLE = "Cheap detour"
LEVEL = 3
STATEMENT = """
A courier goes from town 1 to town `n`. Every road has a toll and can be used both ways. He owns one voucher:
once on his way he may use a road for half of its toll, rounded down. He need not use it. What is the least he
pays?

**Input.** `n` and `m` (2 ≤ n ≤ 15,000; 1 ≤ m ≤ 30,000), then `m` lines `u v t`: a road between the different
towns `u` and `v` with toll `t` (0 ≤ t ≤ 10^9). Two towns may have several roads.

**Output.** The least sum of tolls, or −1 if no way leads to town `n`.
"""
SAMPLES = (("3 3\n1 2 4\n2 3 4\n1 3 9\n", "4\n"), ("3 1\n1 2 5\n", "-1\n"))


def generate(rng, index):
    n, m = size(rng, index, 15_000, least=2), size(rng, index, 30_000)
    most = rng.choice((3, 10**9))
    if index % 2:  # a long chain with short cuts that do not pay
        roads = [(i, i + 1, rng.randint(0, most)) for i in range(1, min(n, m + 1))]
    else:
        roads = [(rng.randint(1, i), i + 1, rng.randint(0, most)) for i in range(1, min(n, m + 1))]
    while len(roads) < m:
        u = rng.randint(1, n)
        v = min(n, u + rng.randint(1, 6)) if index % 2 else rng.randint(1, n)
        if u != v:
            roads.append((u, v, rng.randint(0, most)))
    rng.shuffle(roads)
    return lines((n, m), *roads)


def solve(text):
    n, m, *rest = numbers(text)
    roads = [[] for _ in range(n + 1)]
    for u, v, toll in zip(rest[::3], rest[1::3], rest[2::3]):
        roads[u].append((v, toll))
        roads[v].append((u, toll))
    paid, queue = {}, [(0, 1, 0)]
    while queue:
        cost, town, used = heappop(queue)
        if (town, used) in paid:
            continue
        paid[town, used] = cost
        if town == n:
            return lines(cost)
        for beside, toll in roads[town]:
            if (beside, used) not in paid:
                heappush(queue, (cost + toll, beside, used))
            if not used and (beside, 1) not in paid:
                heappush(queue, (cost + toll // 2, beside, 1))
    return lines(-1)
