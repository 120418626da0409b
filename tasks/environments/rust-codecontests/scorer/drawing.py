"""What the problems' generators have in common: how large a test is, and how numbers become text.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

TESTS = 12  # of each problem: from the smallest, over ever larger ones, to two of the largest size allowed
LARGEST = TESTS - 2


def size(rng, index, most, least=1):
    """A size for test `index`. Tests grow by a constant factor, so most of them are small."""
    if index == 0:
        return least
    if index >= LARGEST:
        return most
    bound = max(least, min(most, round(most ** (index / LARGEST))))
    return rng.randint(max(least, bound // 2), bound)


def lines(*rows):
    """One line for each row, which is a number, a text, or several of them."""
    return "".join(f"{row if isinstance(row, (int, str)) else ' '.join(map(str, row))}\n" for row in rows)


def numbers(text):
    return list(map(int, text.split()))


def edges_of_tree(rng, count, kind):
    """The edges of a tree with nodes 1 to `count`, numbered at random: a `path`, a `star`, or `random`."""
    label = list(range(1, count + 1))
    rng.shuffle(label)
    least = {"path": lambda i: i - 1, "star": lambda i: 0, "random": lambda i: rng.randrange(i)}[kind]
    edges = [(label[i], label[least(i)]) for i in range(1, count)]
    rng.shuffle(edges)
    return edges


def kind_of_tree(index):
    return ("random", "path", "star")[index % 3]
