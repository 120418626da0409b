"""Level 3: the longest path in an acyclic graph.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, numbers, size

TITLE = "Recipe steps"
LEVEL = 3
STATEMENT = """
A recipe has `n` steps. Step `i` takes `t_i` minutes, and some steps can begin only when certain others have
ended. There are cooks enough to do any number of steps at once. How many minutes does the dish take, and how
many of the steps are *critical*: if such a step alone took a minute longer, so would the dish? If the rules go
round in a circle, the dish is never done.

**Input.** `n` and `m` (1 ≤ n ≤ 30,000; 0 ≤ m ≤ 60,000), then `t_1 … t_n` (1 to 10^9), then `m` lines `u v`:
step `v` waits for the end of step `u` (u ≠ v; a rule can occur twice).

**Output.** The minutes and the number of critical steps, or `never`.
"""
SAMPLES = (("3 2\n5 2 3\n1 3\n2 3\n", "8 2\n"), ("2 2\n1 1\n1 2\n2 1\n", "never\n"))


def generate(rng, index):
    n, m = size(rng, index, 30_000), size(rng, index, 60_000, least=0)
    order = list(range(1, n + 1))
    rng.shuffle(order)
    most = rng.choice((1, 3, 10**9))
    reach = rng.choice((2, n))
    rules = []
    for _ in range(m if n > 1 else 0):
        i = rng.randrange(n - 1)
        rules.append((order[i], order[min(n - 1, i + rng.randint(1, reach))]))
    if index % 5 == 3 and rules:
        rules[-1] = rules[0][::-1]
    return lines((n, len(rules)), [rng.randint(1, most) for _ in range(n)], *rules)


def solve(text):
    n, m, *rest = numbers(text)
    minutes, rules = [0, *rest[:n]], rest[n:]
    after = [[] for _ in range(n + 1)]
    waits = [0] * (n + 1)
    for u, v in zip(rules[::2], rules[1::2]):
        after[u].append(v)
        waits[v] += 1
    order = [step for step in range(1, n + 1) if not waits[step]]
    begin = [0] * (n + 1)
    for step in order:
        for later in after[step]:
            begin[later] = max(begin[later], begin[step] + minutes[step])
            waits[later] -= 1
            if not waits[later]:
                order.append(later)
    if len(order) < n:
        return lines("never")
    left = [0] * (n + 1)
    for step in reversed(order):
        left[step] = minutes[step] + max((left[later] for later in after[step]), default=0)
    total = max(left)
    return lines((total, sum(begin[step] + left[step] == total for step in order)))
