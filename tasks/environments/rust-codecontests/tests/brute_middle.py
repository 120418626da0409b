"""Plain solvers of the problems of level 3.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import itertools
from functools import lru_cache

from brute import ints, network, rows, small, some, text_of


def calm_stretch(text):
    n, d, *heights = ints(text)
    calm = [j - i for i in range(n) for j in range(i + 1, n + 1) if max(heights[i:j]) - min(heights[i:j]) <= d]
    return max(calm), len(calm)


@small(lambda rng: text_of((n := rng.randint(2, 6), m := rng.randint(1, 9)), *network(rng, n, m, 9)))
def cheap_detour(text):
    n, _, *rest = ints(text)
    roads = [[] for _ in range(n + 1)]
    for u, v, toll in rows(rest, 3):
        roads[u].append((v, toll))
        roads[v].append((u, toll))
    found = []

    def walk(town, seen, tolls):
        if town == n:
            found.append(sum(tolls) - max(toll - toll // 2 for toll in tolls))
        for beside, toll in roads[town]:
            if beside not in seen:
                walk(beside, seen | {beside}, [*tolls, toll])

    walk(1, {1}, [])
    return [min(found, default=-1)]


def village_merges(text):
    n, m, *rest = ints(text)
    people, bridges = rest[:n], rows(rest[n:], 2)
    answers = []
    for lost in range(m + 1):
        group = list(range(n))
        for u, v in bridges[lost:]:
            old, new = group[u - 1], group[v - 1]
            group = [new if each == old else each for each in group]
        answers.append(max(sum(p for p, each in zip(people, group) if each == one) for one in group))
    return answers


@small(
    lambda rng: text_of(
        (n := rng.randint(1, 8), rng.randint(0, 3)),
        *((l, l + rng.randint(1, 6), rng.randint(1, 9)) for l in some(rng, n, 0, 20)),
    )
)
def weighted_naps(text):
    _, s, *rest = ints(text)
    naps = sorted(rows(rest, 3))
    best = 0
    for chosen in itertools.chain.from_iterable(itertools.combinations(naps, k) for k in range(len(naps) + 1)):
        if all(a[1] + s <= b[0] for a, b in zip(chosen, chosen[1:])):
            best = max(best, sum(nap[2] for nap in chosen))
    return [best]


@small(lambda rng: text_of(*(["".join(rng.choices("abc", k=rng.randint(1, 7)))] for _ in range(2))))
def edit_budget(text):
    old, new = text.split()

    @lru_cache(None)
    def cost(i, j):
        """From old[i:] to new[j:]."""
        ways = [0] if i == len(old) and j == len(new) else []
        if i < len(old):
            ways.append(2 + cost(i + 1, j))
        if j < len(new):
            ways.append(3 + cost(i, j + 1))
        if i < len(old) and j < len(new):
            ways.append(4 * (old[i] != new[j]) + cost(i + 1, j + 1))
        if old[i : i + 2] == new[j : j + 2][::-1] and len(old[i : i + 2]) == 2:
            ways.append(1 + cost(i + 2, j + 2))
        return min(ways)

    return [cost(0, 0)]


def echo_length(text):
    words = []
    for s in text.split()[1:]:
        words.append(next(p for p in range(1, len(s) + 1) if all(s[i] == s[i % p] for i in range(len(s)))))
        words.append(sum(s[:b] == s[-b:] for b in range(1, len(s))))
    return words


@small(
    lambda rng: text_of(
        (n := rng.randint(1, 3), k := rng.randint(1, 3)), rng.sample(range(1, 6), k), some(rng, n, 0, 6)
    )
)
def stone_moves(text):
    n, k, *rest = ints(text)
    allowed = rest[:k]

    def after(heaps):
        for i, take in itertools.product(range(n), allowed):
            if take <= heaps[i]:
                yield heaps[:i] + (heaps[i] - take,) + heaps[i + 1 :]

    @lru_cache(None)
    def wins(heaps):
        return any(not wins(left) for left in after(heaps))

    return [sum(not wins(left) for left in after(tuple(rest[k:])))]


@small(lambda rng: text_of([4], *(corners(rng) for _ in range(4))))
def grid_detours(text):
    answers = []
    for x, y, a, b, c, d in rows(ints(text)[1:], 6):
        count = 0
        for east in itertools.combinations(range(x + y), x):
            way = [(sum(step < i for step in east), i - sum(step < i for step in east)) for i in range(x + y + 1)]
            count += ((a, b) in way) != ((c, d) in way)
        answers.append(count)
    return answers


def corners(rng):
    while True:
        x, y = some(rng, 2, 0, 4)
        a, c, b, d = *some(rng, 2, 0, x), *some(rng, 2, 0, y)
        if (a, b) != (c, d):
            return x, y, a, b, c, d


@small(lambda rng: text_of([n := 2 * rng.randint(2, 5)], *skyline(rng, n // 2)))
def fence_points(text):
    _, *rest = ints(text)
    posts = rows(rest, 2)
    walls = list(zip(posts, posts[1:] + posts[:1]))
    flowers = ivy = 0
    for x, y in itertools.product(range(-10, 11), repeat=2):
        if any(is_on(x, y, wall) for wall in walls):
            ivy += 1
        else:  # a ray to the right crosses the fence an odd number of times
            crossed = 0
            for (a, b), (c, d) in walls:
                if (b > y) != (d > y):
                    crossed += (x - a) * abs(d - b) < (c - a) * (y - b) * (1 if d > b else -1)
            flowers += crossed % 2
    return flowers, ivy


def is_on(x, y, wall):
    (a, b), (c, d) = wall
    is_between = min(a, c) <= x <= max(a, c) and min(b, d) <= y <= max(b, d)
    return is_between and (c - a) * (y - b) == (d - b) * (x - a)


def skyline(rng, columns):
    above = [(2 * i - 5, rng.randint(1, 9)) for i in range(columns)]
    below = [(2 * i - 5, -rng.randint(0, 9)) for i in reversed(range(columns))]
    return above + below


@small(lambda rng: text_of((n := rng.randint(1, 4), rng.randint(1, 30)), *printers(rng, n)))
def slow_printers(text):
    _, pages, *rest = ints(text)
    for seconds in itertools.count(1):
        pages -= sum(seconds > w and (seconds - w) % s == 0 for w, s in rows(rest, 2))
        if pages <= 0:
            return [seconds]


def printers(rng, n):
    return [(rng.randint(0, 20), rng.randint(1, 9)) for _ in range(n)]


@small(lambda rng: text_of((n := rng.randint(2, 6), m := rng.randint(0, 7)), *recipe(rng, n, m)))
def recipe_steps(text):
    n, _, *rest = ints(text)
    minutes, waits = rest[:n], [(u - 1, v - 1) for u, v in rows(rest[n:], 2)]

    def whole(minutes):
        """Delays steps until all rules are kept; in a circle that never ends."""
        begin = [0] * n
        for _ in range(n + 1):
            late = [(u, v) for u, v in waits if begin[v] < begin[u] + minutes[u]]
            for u, v in late:
                begin[v] = max(begin[v], begin[u] + minutes[u])
            if not late:
                return max(map(int.__add__, begin, minutes))
        return None

    total = whole(minutes)
    if total is None:
        return ["never"]
    longer = ([*minutes[:i], minutes[i] + 1, *minutes[i + 1 :]] for i in range(n))
    return total, sum(whole(each) > total for each in longer)


def recipe(rng, n, m):
    forward = [sorted(rng.sample(range(1, n + 1), 2)) for _ in range(m)]
    return some(rng, n, 1, 4), *(each[::-1] if rng.random() < 0.05 else each for each in forward)


def free_seat(text):
    n, _, *events = ints(text)
    free, seats = list(range(1, n + 1)), []
    for event in events:
        if event > 0:
            seats.append(free.pop(event - 1))
        else:
            free = sorted([*free, seats[-event - 1]])
    return seats
