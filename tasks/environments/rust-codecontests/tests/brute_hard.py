"""Plain solvers of the problems of levels 4 and 5.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import itertools
import math
from functools import lru_cache

from brute import THE_PRIME, ints, network, pairs_of, rows, small, some, text_of


def gossip_sums(text):
    n, *rest = ints(text)
    far = distances(n, [(u - 1, v - 1, d) for u, v, d in rows(rest[n:], 3)])
    waits = [sum(map(int.__mul__, row, rest[:n])) for row in far]
    return min(waits), max(waits)


def distances(n, edges):
    far = [[0 if i == j else 10**15 for j in range(n)] for i in range(n)]
    for u, v, d in edges:
        far[u][v] = far[v][u] = d
    for k, i, j in itertools.product(range(n), repeat=3):
        far[i][j] = min(far[i][j], far[i][k] + far[k][j])
    return far


def toll_roads(text):
    n, _, *rest = ints(text)
    roads, trips = rows(rest[: 3 * n - 3], 3), rows(rest[3 * n - 3 :], 2)
    paid = distances(n, [(u - 1, v - 1, toll) for u, v, toll in roads])
    steps = distances(n, [(u - 1, v - 1, 1) for u, v, _ in roads])
    return [word for u, v in trips for word in (paid[u - 1][v - 1], steps[u - 1][v - 1] + 1)]


@small(
    lambda rng: text_of(
        [n := rng.randint(1, 6)],
        [0] + [rng.choice([0, 0, 0] + [j for j in range(1, n + 1) if j != i]) for i in range(2, n + 1)],
        *([0 if i == j else rng.randint(0, 9) for j in range(n)] for i in range(n)),
    )
)
def stall_tour(text):
    n, *rest = ints(text)
    wishes, times = rest[:n], rows(rest[n:], n)
    found = []
    for tour in itertools.permutations(range(n)):
        if tour[0] == 0 and all(not w or tour.index(w - 1) < tour.index(i) for i, w in enumerate(wishes)):
            found.append(sum(times[i][j] for i, j in zip(tour, tour[1:])))
    return [min(found, default=-1)]


def nested_crates(text):
    crates = [tuple(sorted(crate)) for crate in rows(ints(text)[1:], 2)]

    @lru_cache(None)
    def nest(a, b):
        return 1 + max((nest(c, d) for c, d in crates if c < a and d < b), default=0)

    return [max(nest(*crate) for crate in crates)]


@small(lambda rng: text_of(*workshop(rng, *some(rng, 2, 1, 4), rng.randint(0, 7))))
def bench_matching(text):
    a, b, _, *rest = ints(text)
    skills = set(rows(rest, 2))
    most = max(
        k
        for k in range(min(a, b) + 1)
        for joiners in itertools.combinations(range(1, a + 1), k)
        for benches in itertools.permutations(range(1, b + 1), k)
        if all(pair in skills for pair in zip(joiners, benches))
    )
    everybody = [("j", j) for j in range(1, a + 1)] + [("s", s) for s in range(1, b + 1)]
    least = min(
        k
        for k in range(len(everybody) + 1)
        for away in map(set, itertools.combinations(everybody, k))
        if all(("j", j) in away or ("s", s) in away for j, s in skills)
    )
    return most, least


def workshop(rng, a, b, m):
    return (a, b, m), *((rng.randint(1, a), rng.randint(1, b)) for _ in range(m))


@small(
    lambda rng: text_of(
        (rng.randint(1, 12), k := rng.randint(1, 4)), *((rng.randint(1, 4), rng.randint(0, 5)) for _ in range(k))
    )
)
def tile_strip(text):
    n, k, *rest = ints(text)

    def ways(left, last):
        if left == 0:
            return 1
        sorts = enumerate(rows(rest, 2))
        return sum(c * ways(left - l, i) for i, (l, c) in sorts if i != last and l <= left)

    return [ways(n, None) % THE_PRIME]


@small(lambda rng: text_of([n := rng.randint(1, 9)], *(some(rng, 2, -3, 3) for _ in range(n))))
def rope_fence(text):
    trees = sorted(set(rows(ints(text)[1:], 2)))
    if len(trees) < 3 or all(turn(trees[0], trees[1], tree) == 0 for tree in trees):
        return min(2, len(trees)), 0
    walls = []  # from a corner to the farthest tree of a side that has no tree on its right
    for u, v in itertools.permutations(trees, 2):
        turns = [(turn(u, v, tree), tree) for tree in trees]
        if all(t > 0 or (t == 0 and min(u, v) <= tree <= max(u, v)) for t, tree in turns):
            walls.append((u, v))
    return len(walls), sum(u[0] * v[1] - u[1] * v[0] for u, v in walls)


def turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@small(lambda rng: text_of((rng.randint(1, 6), 3), *pairs_of(rng, 3, 1, 2500)))
def quiet_numbers(text):
    k, _, *ends = ints(text)

    def is_quiet(digits):
        return all(a != b for a, b in zip(digits, digits[1:])) and sum(map(int, digits)) % k == 0

    return [sum(is_quiet(str(number)) for number in range(l, r + 1)) for l, r in rows(ends, 2)]


def coprime_pairs(text):
    _, *teeth = ints(text)
    return [sum(math.gcd(a, b) == 1 for a, b in itertools.combinations(teeth, 2))]


def falling_inversions(text):
    _, *heights = ints(text)
    falls = [a - b for a, b in itertools.combinations(heights, 2) if a > b]
    return sum(falls), len(falls)


@small(
    lambda rng: text_of(
        (n := rng.randint(2, 5), m := rng.randint(0, 7)), some(rng, n, 0, 9), *network(rng, n, m, 9)
    )
)
def dam_gates(text):
    n, m, *rest = ints(text)
    prices, canals = rest[:n], rows(rest[n:], 3)
    best = math.inf
    for dry in itertools.product((False, True), repeat=n - 2):  # lakes that are closed; then canals by plain cuts
        closed = {lake for lake, is_dry in zip(range(2, n), dry) if is_dry}
        left = [canal for canal in canals if not {canal[0], canal[1]} & closed]
        for side in itertools.product((False, True), repeat=n - 2):
            upper = {1, *(lake for lake, is_upper in zip(range(2, n), side) if is_upper)}
            cut = sum(c for u, v, c in left if u in upper and v not in upper)
            best = min(best, cut + sum(prices[lake - 1] for lake in closed))
    return [best]


def distinct_echoes(text):
    song = text.strip()
    pieces = {song[i:j] for i in range(len(song)) for j in range(i + 1, len(song) + 1)}
    places = {piece: sum(song.startswith(piece, i) for i in range(len(song))) for piece in pieces}
    twice = max((len(piece) for piece in pieces if places[piece] > 1), default=0)
    return len(pieces), twice, max(len(piece) * places[piece] for piece in pieces)


def bakery_shifts(text):
    _, c, *loaves = ints(text)
    least = [0]
    for i in range(1, len(loaves) + 1):
        least.append(min(least[j] + sum(loaves[j:i]) ** 2 + c for j in range(i)))
    return [least[-1]]


@small(lambda rng: text_of((n := rng.randint(1, 7), 6), some(rng, n, 0, 31), some(rng, 6, 1, 40)))
def xor_ledger(text):
    n, _, *rest = ints(text)
    strengths = {0}
    for rune in rest[:n]:
        strengths |= {strength ^ rune for strength in strengths}
    ordered = sorted(strengths)
    return [ordered[k - 1] if k <= len(ordered) else -1 for k in rest[n:]]


@small(lambda rng: text_of((n := rng.randint(1, 5), m := rng.randint(1, 14)), *demands(rng, n, m)))
def opposed_guests(text):
    n, m, *rest = ints(text)
    ways = list(itertools.product((False, True), repeat=n))
    met = 0
    for x, y in rows(rest, 2):
        left = [way for way in ways if way[abs(x) - 1] == (x > 0) or way[abs(y) - 1] == (y > 0)]
        if not left:
            break
        ways, met = left, met + 1
    return met, sum(len({way[guest] for way in ways}) == 2 for guest in range(n))


def demands(rng, n, m):
    return [[rng.choice((-1, 1)) * guest for guest in some(rng, 2, 1, n)] for _ in range(m)]


@small(lambda rng: text_of((n := rng.randint(2, 5), n + 2), *cables(rng, n)))
def spare_cable(text):
    n, m, *rest = ints(text)
    cables = rows(rest, 3)
    costs = [math.inf] * m
    for chosen in itertools.combinations(range(m), n - 1):
        group = list(range(n + 1))
        for i in chosen:
            old, new = group[cables[i][0]], group[cables[i][1]]
            group = [new if each == old else each for each in group]
        if len(set(group[1:])) == 1:
            cost = sum(cables[i][2] for i in chosen)
            for i in chosen:
                costs[i] = min(costs[i], cost)
    return costs


def cables(rng, n):
    ends = [(i, rng.randint(1, i - 1)) for i in range(2, n + 1)]
    ends += [rng.sample(range(1, n + 1), 2) for _ in range(3)]
    rng.shuffle(ends)
    return [(*each, rng.randint(1, 6)) for each in ends]


@small(lambda rng: text_of((n := rng.randint(1, 8), *sorted(some(rng, 2, -25, 25))), some(rng, n, -12, 12)))
def split_vault(text):
    _, l, r, *bags = ints(text)
    every = itertools.chain.from_iterable(itertools.combinations(bags, k) for k in range(len(bags) + 1))
    return [sum(l <= sum(chosen) <= r for chosen in every)]
