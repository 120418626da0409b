"""Level 5: a basis over the field of two elements.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Xor ledger"
LEVEL = 5
STATEMENT = """
A mage has `n` runes with numbers. A spell uses any set of them, also none, and its strength is the exclusive or
of the numbers (0 for none). All strengths that some spell has are written down once each, in increasing order.
For each `k`, which is the `k`-th strength on the list?

**Input.** `n` and `q` (1 ≤ n ≤ 20,000; 1 ≤ q ≤ 5,000), then the runes' numbers `a_1 … a_n` (0 ≤ a_i < 2^60),
then `q` numbers `k` (1 ≤ k ≤ 2^60).

**Output.** `q` lines with a strength each, or −1 where the list is shorter than `k`.
"""
SAMPLES = (("3 5\n6 5 3\n1 2 3 4 5\n", "0\n3\n5\n6\n-1\n"), ("1 2\n0\n1 2\n", "0\n-1\n"))


def generate(rng, index):
    n, q = size(rng, index, 20_000), size(rng, index, 5000)
    seeds = [rng.getrandbits(60) for _ in range(rng.choice((2, 20, 50, 70)))]
    runes = [rng.choice(seeds) ^ rng.choice(seeds) for _ in range(n)]
    return lines((n, q), runes, [rng.randint(1, 2 ** rng.choice((3, 19, 49, 60))) for _ in range(q)])


def solve(text):
    n, _, *rest = numbers(text)
    basis = []  # no number has another's highest bit
    for rune in rest[:n]:
        for part in basis:
            rune = min(rune, rune ^ part)
        if rune:
            basis = [min(part, part ^ rune) for part in basis] + [rune]
    basis.sort()
    return lines(*(_strength(basis, k - 1) for k in rest[n:]))


def _strength(basis, rank):
    if rank >> len(basis):
        return -1
    strength = 0
    for at, part in enumerate(basis):
        if rank >> at & 1:
            strength ^= part
    return strength
