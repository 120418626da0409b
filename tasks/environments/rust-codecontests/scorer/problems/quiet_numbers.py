"""Level 4: dynamic programming over digits.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Quiet numbers"
LEVEL = 4
STATEMENT = """
A whole number is quiet if no two neighbouring digits of it are the same and the sum of its digits is a multiple
of `k`. How many quiet numbers are there from `l` to `r`, both included? Numbers are written without leading
zeros.

**Input.** `k` and `q` (1 ≤ k ≤ 50; 1 ≤ q ≤ 1,000), then `q` lines `l r` (1 ≤ l ≤ r ≤ 10^18).

**Output.** `q` lines with a number each.
"""
SAMPLES = (("3 2\n1 20\n33 36\n", "6\n1\n"), ("1 1\n95 105\n", "9\n"))


def generate(rng, index):
    q, most = size(rng, index, 1000), 10 ** min(18, 1 + 2 * index)
    k = rng.randint(1, 50 if index > 3 else 4)
    return lines((k, q), *(sorted((rng.randint(1, most), rng.randint(1, most))) for _ in range(q)))


def _tables(k):
    """For each length, last digit and remainder: how many ways to go on and end with a sum that k divides."""
    ways = [[[int(rest == 0) for rest in range(k)]] * 10]
    for _ in range(19):
        shorter = ways[-1]
        first = [[shorter[digit][(rest + digit) % k] for rest in range(k)] for digit in range(10)]
        every = [sum(column) for column in zip(*first)]
        ways.append([[every[rest] - first[last][rest] for rest in range(k)] for last in range(10)])
    return ways


def _below(end, k, ways):
    """Quiet numbers from 1 to end - 1."""
    digits = str(end)
    count = 0
    for length in range(1, len(digits)):
        count += sum(ways[length - 1][digit][digit % k] for digit in range(1, 10))
    last, total = None, 0
    for at, text in enumerate(digits):
        for digit in range(1 if at == 0 else 0, int(text)):
            if digit != last:
                count += ways[len(digits) - at - 1][digit][(total + digit) % k]
        if int(text) == last:
            break
        last, total = int(text), total + int(text)
    return count


def solve(text):
    k, _, *ends = numbers(text)
    ways = _tables(k)
    return lines(*(_below(r + 1, k, ways) - _below(l, k, ways) for l, r in zip(ends[::2], ends[1::2])))
