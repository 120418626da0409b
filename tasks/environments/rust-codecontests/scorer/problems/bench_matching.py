"""Level 4: the largest matching of a bipartite graph.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Bench matching"
LEVEL = 4
STATEMENT = """
A workshop has `a` joiners and `b` benches. Each joiner can work at some of the benches. A bench is for one
joiner at a time, and a joiner needs one bench. How many joiners can work at once? And which is the least number
of joiners and benches, taken together, that could be away so that nobody is left who can work?

**Input.** `a`, `b` and `m` (1 ≤ a, b ≤ 400; 0 ≤ m ≤ 4,000), then `m` lines `j s`: joiner `j` can work at bench
`s`. A line can occur twice.

**Output.** Two numbers.
"""
SAMPLES = (("3 3 4\n1 1\n1 2\n2 1\n3 1\n", "2 2\n"), ("2 1 0\n", "0 0\n"))


def generate(rng, index):
    a, b = size(rng, index, 400), size(rng, index, 400)
    m = min(4000, size(rng, index, 4000, least=0), rng.choice((1, 2, 4, 10)) * a)
    near = rng.random() < 0.5
    rows = []
    for _ in range(m):
        j = rng.randint(1, a)
        rows.append((j, min(b, 1 + j // 2 + rng.randint(0, 3)) if near else rng.randint(1, b)))
    return lines((a, b, m), *rows)


def solve(text):
    a, b, m, *rest = numbers(text)
    benches = [[] for _ in range(a + 1)]
    for joiner, bench in zip(rest[::2], rest[1::2]):
        benches[joiner].append(bench)
    owner = [0] * (b + 1)

    def place(joiner, tried):
        for bench in benches[joiner]:
            if bench not in tried:
                tried.add(bench)
                if not owner[bench] or place(owner[bench], tried):
                    owner[bench] = joiner
                    return True
        return False

    matched = sum(place(joiner, set()) for joiner in range(1, a + 1))
    return lines((matched, matched))  # by König's theorem
