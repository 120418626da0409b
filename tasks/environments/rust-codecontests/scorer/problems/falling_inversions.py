"""Level 4: weighted inversions by merging.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Falling inversions"
LEVEL = 4
STATEMENT = """
A hiker notes the heights of `n` places in the order in which he passes them. For every two places of which he
passes the strictly higher one first, he counts the difference of their heights. What is the sum of all that he
counts, and how many such pairs are there?

**Input.** `n` (1 ≤ n ≤ 150,000), then the heights `a_1 … a_n` (0 to 10^6).

**Output.** Two numbers: the sum and the number of pairs.
"""
SAMPLES = (("4\n3 1 2 2\n", "4 3\n"), ("3\n1 2 2\n", "0 0\n"))


def generate(rng, index):
    n = size(rng, index, 150_000)
    most = rng.choice((1, 9, 10**6))
    heights = [rng.randint(0, most) for _ in range(n)]
    if index % 3 == 2:
        heights.sort(reverse=True)
    return lines(n, heights)


def solve(text):
    _, *heights = numbers(text)
    total = pairs = 0
    runs = [[height] for height in heights]
    while len(runs) > 1:
        merged = []
        for first, second in zip(runs[::2], runs[1::2]):
            at, above = 0, sum(first)
            for low in second:
                while at < len(first) and first[at] <= low:
                    above -= first[at]
                    at += 1
                if at == len(first):
                    break
                total += above - low * (len(first) - at)
                pairs += len(first) - at
            merged.append(sorted(first + second))
        runs = merged + runs[len(runs) & ~1 :]
    return lines((total, pairs))
