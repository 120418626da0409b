"""Level 5: a suffix automaton.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import lines, size

TITLE = "Distinct echoes"
LEVEL = 5
STATEMENT = """
A bird repeats pieces of a song, a string of letters. A piece is any substring that is not empty. How many
different pieces are there? How long is the longest piece that stands in the song at two places or more (they
may overlap; 0 if there is none)? And what is the greatest value of length times number of places over all
pieces?

**Input.** A string of 1 to 60,000 letters `a` to `z`.

**Output.** Three numbers.
"""
SAMPLES = (("abab\n", "7 2 4\n"), ("zzz\n", "3 2 4\n"))


def generate(rng, index):
    n = size(rng, index, 60_000)
    letters = "abcdefghijklmnopqrstuvwxyz"[: rng.choice((1, 2, 26))]
    song = rng.choices(letters, k=n)
    if index % 2:
        part = song[: rng.randint(1, max(1, n // 3))]
        song = (part * (n // len(part) + 1))[:n]
        song[rng.randrange(n)] = rng.choice("xyz")
    return lines("".join(song))


def solve(text):
    length, link, after, places = [0], [-1], [{}], [0]
    last = 0
    for letter in text.strip():
        new = len(length)
        length.append(length[last] + 1)
        link.append(0)
        after.append({})
        places.append(1)
        at = last
        while at >= 0 and letter not in after[at]:
            after[at][letter] = new
            at = link[at]
        if at >= 0:
            target = after[at][letter]
            if length[target] != length[at] + 1:
                copy = len(length)
                length.append(length[at] + 1)
                link.append(link[target])
                after.append(dict(after[target]))
                places.append(0)
                while at >= 0 and after[at].get(letter) == target:
                    after[at][letter] = copy
                    at = link[at]
                link[target] = target = copy
            link[new] = target
        last = new
    for state in sorted(range(1, len(length)), key=length.__getitem__, reverse=True):
        places[link[state]] += places[state]
    states = range(1, len(length))
    different = sum(length[state] - length[link[state]] for state in states)
    longest = max((length[state] for state in states if places[state] > 1), default=0)
    return lines((different, longest, max(length[state] * places[state] for state in states)))
