"""Plain solvers of the problems of levels 1 and 2.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import itertools
import math
from functools import lru_cache

from brute import THE_PRIME, ints, pairs_of, rows, small, some, text_of


def tea_queue(text):
    _, c, *orders = ints(text)
    groups = [[]]
    for order in orders:
        if sum(groups[-1]) + order > c:
            groups.append([])
        groups[-1].append(order)
    return len(groups) - 1, sum(c - sum(group) for group in groups[:-1])


def mirror_clock(text):
    waits = []
    for time in text.split()[1:]:
        hours, minutes = map(int, time.split(":"))
        wait = 0
        while f"{hours:02}" != f"{minutes:02}"[::-1]:
            minutes, wait = minutes + 1, wait + 1
            if minutes == 60:
                hours, minutes = (hours + 1) % 24, 0
        waits.append(wait)
    return waits


def balance_points(text):
    _, *weights = ints(text)
    return [sum(sum(weights[:i]) == sum(weights[i:]) for i in range(1, len(weights)))]


@small(lambda rng: text_of([n := rng.randint(1, 6)], some(rng, n, 1, 60)))
def ribbon_cuts(text):
    _, *lengths = ints(text)
    piece = max(p for p in range(1, 61) if all(length % p == 0 for length in lengths))
    return piece, sum(len(range(piece, length, piece)) for length in lengths)


def loud_neighbours(text):
    _, *bells = ints(text)
    circle = [bells[-1], *bells, bells[0]]
    ahead = [min(b - a, b - c) for a, b, c in zip(circle, circle[1:], circle[2:]) if a < b > c]
    return len(ahead), sum(ahead)


@small(lambda rng: text_of([2], *pairs_of(rng, 2, 1, 3000)))
def stair_paint(text):
    return [sum(i * i for i in range(l, r + 1)) % THE_PRIME for l, r in rows(ints(text)[1:], 2)]


def lone_lantern(text):
    _, *codes = ints(text)
    return [next(code for code in codes if codes.count(code) % 2)]


@small(lambda rng: text_of([n := rng.randint(1, 8), 10], some(rng, n, 1, 10)))
def ferry_pairs(text):
    n, w, *weights = ints(text)

    @lru_cache(None)
    def crossings(left):
        if not left:
            return 0
        first, rest = left[0], left[1:]
        fitting = [i for i in range(len(rest)) if weights[first] + weights[rest[i]] <= w]
        return 1 + min([crossings(rest), *(crossings(rest[:i] + rest[i + 1 :]) for i in fitting)])

    least = crossings(tuple(range(n)))
    return least, 2 * least - n


def lamp_repairs(text):
    n, k, lamps = text.split()
    n, k = int(n), int(k)
    for length in range(n, 0, -1):
        for begin in range(n - length + 1):
            if lamps.count(".", begin, begin + length) <= k:
                return length, begin + 1
    return 0, 1


@small(lambda rng: text_of([n := rng.randint(1, 9)], *((l, l + rng.randint(1, 6)) for l in some(rng, n, -20, 20))))
def hedge_union(text):
    metres = {metre for l, r in rows(ints(text)[1:], 2) for metre in range(l, r)}
    longest = max(next(n for n in itertools.count() if metre + n not in metres) for metre in metres)
    return len(metres), longest


def bracket_depth(text):
    def judge(writing):
        for length in range(1, len(writing) + 1):
            rest = reduced(writing[:length])
            if any(bracket in ")]}>" for bracket in rest):
                return ["fault", length]
        if reduced(writing):
            return ["fault", len(writing) + 1]
        levels = itertools.accumulate(1 if bracket in "([{<" else -1 for bracket in writing)
        return ["depth", max(levels)]

    def reduced(writing):
        while True:
            shorter = writing
            for pair in ("()", "[]", "{}", "<>"):
                shorter = shorter.replace(pair, "")
            if shorter == writing:
                return writing
            writing = shorter

    return [word for writing in text.split()[1:] for word in judge(writing)]


def rain_windows(text):
    n, k, *changes = ints(text)
    return [sum(sum(changes[i:j]) % k == 0 for i in range(n) for j in range(i + 1, n + 1))]


@small(lambda rng: text_of((h := rng.randint(1, 5), w := rng.randint(1, 5)), *island(rng, h, w)))
def island_mail(text):
    _, _, *grid = text.split()
    cells = {(y, x): cell for y, row in enumerate(grid) for x, cell in enumerate(row) if cell != "#"}
    far = {at: 0 if cell == "P" else math.inf for at, cell in cells.items()}
    for _ in cells:
        for (y, x), (v, u) in itertools.permutations(cells, 2):
            if abs(y - v) + abs(x - u) == 1:
                far[v, u] = min(far[v, u], far[y, x] + 1)
    reached = [far[at] for at, cell in cells.items() if cell == "H" and far[at] < math.inf]
    return len(reached), max(reached, default=0)


def island(rng, h, w):
    grid = ["".join(rng.choices(".#H", (4, 3, 2), k=w)) for _ in range(h)]
    y, x = rng.randrange(h), rng.randrange(w)
    grid[y] = grid[y][:x] + "P" + grid[y][x + 1 :]
    return [[row] for row in grid]


def anagram_groups(text):
    _, *words = text.split()
    sizes = {word: sum(sorted(word) == sorted(other) for other in words) for word in words}
    largest = max(sizes.values())
    groups = round(sum(1 / sizes[word] for word in words))
    return groups, largest, sorted(word for word in words if sizes[word] == largest)[0]


@small(lambda rng: text_of([3], *pairs_of(rng, 3, 1, 200)))
def rich_divisors(text):
    found = []
    for l, r in rows(ints(text)[1:], 2):
        best = max(range(l, r + 1), key=lambda n: (len([d for d in range(1, n + 1) if n % d == 0]), -n))
        found += [best, len([d for d in range(1, best + 1) if best % d == 0])]
    return found


@small(lambda rng: text_of((n := rng.randint(1, 4), *some(rng, 2, 1, 15)), rng.sample(range(1, 9), n)))
def stamp_ways(text):
    n, m, s, *values = ints(text)
    choices = itertools.product(range(m + 1), repeat=n)
    return [sum(sum(map(int.__mul__, used, values)) == s for used in choices)]
