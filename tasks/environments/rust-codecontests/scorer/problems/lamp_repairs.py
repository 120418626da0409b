"""Level 2: a sliding window.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Lamp repairs"
LEVEL = 2
STATEMENT = """
A street of lamps is written as a string: `*` is a lamp that shines, `.` one that is broken. The town can pay
for at most `k` repairs. How long can the longest unbroken stretch of shining lamps be after the repairs, and at
which lamp (counted from 1) does the leftmost such stretch begin? If no stretch is possible, its length is 0 and
it begins at 1.

**Input.** `n` and `k` (1 ≤ n ≤ 200,000; 0 ≤ k ≤ n), then the string of `n` characters.

**Output.** Two numbers: the length and where the leftmost stretch of that length begins.
"""
SAMPLES = (("8 1\n**.*..**\n", "4 1\n"), ("3 0\n...\n", "0 1\n"))


def generate(rng, index):
    n = size(rng, index, 200_000)
    k = rng.choice((0, 1, n // 50, n // 3, n))
    broken = rng.choice((0.05, 0.5, 0.9))
    return lines((n, min(k, n)), "".join("." if rng.random() < broken else "*" for _ in range(n)))


def solve(text):
    _, k, lamps = text.split()
    left, spare, best, where = 0, int(k), 0, 0
    for right, lamp in enumerate(lamps):
        spare -= lamp == "."
        while spare < 0:
            spare += lamps[left] == "."
            left += 1
        if right - left + 1 > best:
            best, where = right - left + 1, left
    return lines((best, where + 1))
