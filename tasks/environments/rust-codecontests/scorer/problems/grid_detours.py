"""Level 3: binomial coefficients modulo a prime.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Grid detours"
LEVEL = 3
STATEMENT = """
In a town of straight streets one walks from corner (0, 0) to corner (x, y), each block either east or north.
Two corners, (a, b) and (c, d), have ice cream. In how many ways can one walk and pass exactly one of the two?
Give the remainder modulo 1,000,000,007.

**Input.** `q` (1 ≤ q ≤ 20,000), then `q` lines `x y a b c d` with 0 ≤ a, c ≤ x ≤ 100,000 and 0 ≤ b, d ≤ y ≤
100,000; the two corners differ.

**Output.** `q` lines with a remainder each.
"""
SAMPLES = (("2\n2 2 1 0 1 1\n2 2 0 2 2 0\n", "3\n2\n"), ("1\n1 1 0 0 1 1\n", "0\n"))
MODULUS = 1_000_000_007


def generate(rng, index):
    q, most = size(rng, index, 20_000), size(rng, index, 100_000, least=2)
    rows = []
    while len(rows) < q:
        x, y = rng.randint(1, most), rng.randint(0, most)
        a, c = rng.randint(0, x), rng.randint(0, x)
        b, d = rng.randint(0, y), rng.randint(0, y)
        if (a, b) != (c, d):
            rows.append((x, y, a, b, c, d))
    return lines(q, *rows)


def solve(text):
    _, *rest = numbers(text)
    factorial = [1]
    for i in range(1, max(rest) * 2 + 1):
        factorial.append(factorial[-1] * i % MODULUS)
    inverse = [pow(factorial[-1], -1, MODULUS)]
    for i in range(len(factorial) - 1, 0, -1):
        inverse.append(inverse[-1] * i % MODULUS)
    inverse.reverse()

    def ways(east, north):
        if east < 0 or north < 0:
            return 0
        return factorial[east + north] * inverse[east] % MODULUS * inverse[north] % MODULUS

    answers = []
    for x, y, a, b, c, d in zip(*(rest[i::6] for i in range(6))):
        if (c, d) < (a, b):
            a, b, c, d = c, d, a, b
        one = ways(a, b) * ways(x - a, y - b) + ways(c, d) * ways(x - c, y - d)
        both = ways(a, b) * ways(c - a, d - b) % MODULUS * ways(x - c, y - d)
        answers.append((one - 2 * both) % MODULUS)
    return lines(*answers)
