"""What the plain solvers share: small inputs, and words that become numbers.

A plain solver answers a problem a second time, by the most plain-spoken method that can still be waited for. It
gives the expected output as words; `SMALL` holds generators where the problem's own small tests are too large.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

SMALL = {}
THE_PRIME = 1_000_000_007


def small(generate):
    """Says how small inputs are made for the function below."""

    def remember(brute):
        SMALL[brute.__name__] = generate
        return brute

    return remember


def ints(text):
    return list(map(int, text.split()))


def rows(values, width):
    return [tuple(values[i : i + width]) for i in range(0, len(values), width)]


def text_of(*lines):
    return "\n".join(" ".join(map(str, line)) for line in lines) + "\n"


def some(rng, count, least, most):
    return [rng.randint(least, most) for _ in range(count)]


def pairs_of(rng, count, least, most):
    return [sorted(some(rng, 2, least, most)) for _ in range(count)]


def network(rng, n, m, most):
    return [(*rng.sample(range(1, n + 1), 2), rng.randint(0, most)) for _ in range(m)]
