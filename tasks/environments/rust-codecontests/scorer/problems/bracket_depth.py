"""Level 2: a stack.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Bracket depth"
LEVEL = 2
STATEMENT = """
A nesting doll is written with brackets of four kinds: `()`, `[]`, `{}` and `<>`. The writing is sound if every
bracket is closed by one of its own kind, in the right order. For a sound writing, give the greatest depth of
nesting. Otherwise give the position (from 1) of the first bracket that shows the fault: the first closing
bracket that does not match, or, if there is none, the position just past the end, because something was left
open.

**Input.** `t` (1 ≤ t ≤ 1,000), then `t` lines with a writing each, 1 to 100,000 brackets, at most 200,000 in
all.

**Output.** `t` lines: `depth D` or `fault P`.
"""
SAMPLES = (("4\n([]{<>})\n([)]\n((\n>\n", "depth 3\nfault 3\nfault 3\nfault 1\n"), ("1\n<><>\n", "depth 1\n"))
OPENING, CLOSING = "([{<", ")]}>"


def generate(rng, index):
    longest = size(rng, index, 100_000, least=2)
    writings = [_sound(rng, longest if i == 0 else min(longest, 50)) for i in range(1 + min(999, longest))]
    return lines(len(writings), *(_spoiled(rng, text) if rng.random() < 0.4 else text for text in writings))


def _sound(rng, most):
    length = 2 * rng.randint(max(1, most // 4), max(1, most // 2))
    text, open_now, deepen = [], [], rng.choice((0.4, 0.5, 0.95))
    while len(text) + len(open_now) < length:
        if not open_now or rng.random() < deepen:
            open_now.append(rng.randrange(4))
            text.append(OPENING[open_now[-1]])
        else:
            text.append(CLOSING[open_now.pop()])
    return "".join(text) + "".join(CLOSING[kind] for kind in reversed(open_now))


def _spoiled(rng, text):
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(OPENING + CLOSING) + text[at + 1 :]


def _judge(writing):
    open_now, depth = [], 0
    for at, bracket in enumerate(writing, 1):
        if bracket in OPENING:
            open_now.append(OPENING.index(bracket))
            depth = max(depth, len(open_now))
        elif not open_now or open_now.pop() != CLOSING.index(bracket):
            return f"fault {at}"
    return f"fault {len(writing) + 1}" if open_now else f"depth {depth}"


def solve(text):
    return lines(*map(_judge, text.split()[1:]))
