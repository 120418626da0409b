"""Level 3: binary search for the answer.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Slow printers"
LEVEL = 3
STATEMENT = """
An office has `n` printers. Printer `i` needs `w_i` seconds to warm up, once, and then `s_i` seconds for every
page. All are switched on at the same moment. What is the least number of seconds after which `p` whole pages
can have been printed?

**Input.** `n` and `p` (1 ≤ n ≤ 20,000; 1 ≤ p ≤ 10^12), then `n` lines `w s` (0 ≤ w ≤ 10^9; 1 ≤ s ≤ 10^6).

**Output.** The least number of seconds.
"""
SAMPLES = (("2 5\n0 3\n4 1\n", "7\n"), ("1 3\n10 2\n", "16\n"))


def generate(rng, index):
    n = size(rng, index, 20_000)
    pages = rng.choice((1, n, 1000 * n, 10**12))
    warm, slow = rng.choice((0, 10, 10**9)), rng.choice((1, 5, 10**6))
    return lines((n, pages), *((rng.randint(0, warm), rng.randint(1, slow)) for _ in range(n)))


def solve(text):
    n, pages, *rest = numbers(text)
    printers = list(zip(rest[::2], rest[1::2]))
    too_few, enough = 0, min(w + s * pages for w, s in printers)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if sum((middle - w) // s for w, s in printers if w < middle) >= pages:
            enough = middle
        else:
            too_few = middle
    return lines(enough)
