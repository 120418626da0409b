"""Level 4: dynamic programming over sets.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Stall tour"
LEVEL = 4
STATEMENT = """
A taster begins at stall 1 of a market and wants to visit each of the `n` stalls exactly once, ending wherever
she likes. Going from stall `i` straight to stall `j` takes `d_ij` seconds; the way back can take another time,
because of the crowd. Besides, stall `i` may ask to be visited only after stall `w_i` (at any later time). How
soon can she reach her last stall?

**Input.** `n` (1 ≤ n ≤ 14), then `w_1 … w_n` (0 if the stall asks for nothing; 0 ≤ w_i ≤ n, w_i ≠ i), then `n`
lines of `n` numbers: `d_ij` (0 to 10^6; `d_ii` = 0).

**Output.** The least number of seconds, or −1 if the wishes cannot be met.
"""
SAMPLES = (
    ("3\n0 3 0\n0 1 9\n5 0 1\n5 2 0\n", "11\n"),
    ("2\n2 0\n0 1\n1 0\n", "-1\n"),
)


def generate(rng, index):
    n = size(rng, index, 14)
    wishes = [0] * n
    for i in range(1, n):
        if rng.random() < 0.25:
            wishes[i] = rng.choice([j for j in range(1, n + 1) if j != i + 1])
    most = rng.choice((3, 10**6))
    times = [[0 if i == j else rng.randint(0, most) for j in range(n)] for i in range(n)]
    return lines(n, wishes, *times)


def solve(text):
    n, *rest = numbers(text)
    wishes, times = rest[:n], [rest[n + i * n : n + (i + 1) * n] for i in range(n)]
    never = float("inf")
    least = [None] * (1 << n)
    if not wishes[0]:
        least[1] = [0] + [never] * (n - 1)
    for visited in range(1, 1 << n):
        if least[visited] is None:
            continue
        for stall in range(n):
            first = wishes[stall]
            if visited >> stall & 1 or (first and not visited >> first - 1 & 1):
                continue
            reached = visited | 1 << stall
            if least[reached] is None:
                least[reached] = [never] * n
            least[reached][stall] = min(soon + row[stall] for soon, row in zip(least[visited], times))
    best = min(least[-1]) if least[-1] else never
    return lines(-1 if best == never else best)
