"""Level 3: the prefix function.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Echo length"
LEVEL = 3
STATEMENT = """
A shout of `p` letters echoes: it is heard again and again without a pause, and the last repetition may break
off anywhere. A listener has written down the string `s`. What is the smallest `p` that explains all of it? And
for how many different lengths `b`, less than the length of `s`, are the first `b` and the last `b` letters of
`s` the same (`b` ≥ 1)?

**Input.** `t` (1 ≤ t ≤ 100), then `t` lines with a string of 1 to 200,000 letters `a` to `z`, 300,000 in all.

**Output.** `t` lines with two numbers each: the smallest `p` and how many lengths `b` there are.
"""
SAMPLES = (("3\nabcab\naaaa\nab\n", "3 1\n1 3\n2 0\n"), ("1\nabaababaab\n", "5 2\n"))


def generate(rng, index):
    longest = size(rng, index, 200_000)
    bounds = [longest] + [min(longest, 1000)] * min(longest, 99)
    return lines(len(bounds), *(_heard(rng, bound) for bound in bounds))


def _heard(rng, most):
    length = rng.randint(max(1, most * 3 // 4), most)
    shout = "".join(rng.choices("ab", k=rng.choice((1, 2, 5, max(1, length // 3), max(1, length * 2 // 3)))))
    heard = list((shout * (length // len(shout) + 1))[:length])
    if rng.random() < 0.4:
        heard[rng.randrange(length)] = rng.choice("abc")
    return "".join(heard)


def _explain(s):
    border = [0]
    for letter in s[1:]:
        length = border[-1]
        while length and s[length] != letter:
            length = border[length - 1]
        border.append(length + (s[length] == letter))
    count, length = 0, border[-1]
    while length:
        count, length = count + 1, border[length - 1]
    return len(s) - border[-1], count


def solve(text):
    return lines(*map(_explain, text.split()[1:]))
