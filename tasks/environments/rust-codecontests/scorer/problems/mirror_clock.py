"""Level 1: trying all moments of a day.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Mirror clock"
LEVEL = 1
STATEMENT = """
A digital clock shows the time as `HH:MM`, from `00:00` to `23:59`. It is at its prettiest when the four digits
read the same from right to left, as in `12:21`. For each given time, how many minutes must one wait for the
next pretty moment? If the time is pretty itself, the answer is 0. After `23:59` comes `00:00`.

**Input.** `q` (1 ≤ q ≤ 10,000), then `q` lines with a time each.

**Output.** `q` lines with a number of minutes each.
"""
SAMPLES = (("3\n12:21\n12:22\n23:59\n", "0\n69\n1\n"), ("1\n05:51\n", "250\n"))
DAY = 24 * 60


def _shown(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def generate(rng, index):
    return lines(*_times(rng, size(rng, index, 10_000)))


def _times(rng, count):
    yield count
    for _ in range(count):
        yield _shown(rng.randrange(DAY))


def solve(text):
    wait = {}
    minutes = DAY
    for minute in reversed(range(2 * DAY)):
        shown = _shown(minute % DAY)
        minutes = 0 if shown == shown[::-1] else minutes + 1
        wait[shown] = minutes
    return lines(*(wait[time] for time in text.split()[1:]))
