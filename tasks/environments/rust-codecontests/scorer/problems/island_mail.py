"""Level 2: breadth-first search on a grid.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from drawing import LARGEST, lines, size

TITLE = "Island mail"
LEVEL = 2
STATEMENT = """
A postman lives on an island drawn as a grid: `.` is open ground, `#` is rock, `P` is the postman and every `H`
is a house. He walks to the four neighbouring cells and never over rock; he may walk over houses. For how many
houses is there a way, and how far is the farthest of those along its shortest way? If he reaches none, both
answers are 0.

**Input.** The height `h` and width `w` (1 ≤ h, w ≤ 300), then `h` lines of `w` characters with exactly one `P`.

**Output.** Two numbers: the houses he can reach and the distance of the farthest of them.
"""
SAMPLES = (("3 5\nP.#.H\n..#..\nH...#\n", "2 8\n"), ("1 2\nPH\n", "1 1\n"))


def generate(rng, index):
    h, w = size(rng, index, 300), size(rng, index, 300)
    rock = rng.choice((0.05, 0.3, 0.38))
    grid = [["#" if rng.random() < rock else "." for _ in range(w)] for _ in range(h)]
    if index == LARGEST:  # one long winding corridor
        for y in range(1, h, 2):
            grid[y] = ["#"] * w
            grid[y][0 if y % 4 == 3 else w - 1] = "."
            grid[y - 1] = ["."] * w
    for _ in range(rng.randint(0, 1 + h * w // 20)):
        grid[rng.randrange(h)][rng.randrange(w)] = "H"
    y, x = (0, 0) if index == LARGEST else (rng.randrange(h), rng.randrange(w))
    grid[y][x] = "P"
    return lines((h, w), *map("".join, grid))


def solve(text):
    _, width, *rows = text.split()
    width = int(width) + 1
    cells = "#" * width + "#".join(rows) + "#" * width
    seen = {cells.index("P")}
    edge, distance, reached, farthest = list(seen), 0, 0, 0
    while edge:
        houses = sum(cells[at] == "H" for at in edge)
        if houses:
            reached, farthest = reached + houses, distance
        further = []
        for at in edge:
            for beside in (at - 1, at + 1, at - width, at + width):
                if cells[beside] != "#" and beside not in seen:
                    seen.add(beside)
                    further.append(beside)
        edge, distance = further, distance + 1
    return lines((reached, farthest))
