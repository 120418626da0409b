"""Which node of one graph is which of another, by who follows whom.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from dataclasses import dataclass

import torch

SINKHORN = 40
ROUNDS = 16
FREQUENCY_SPREAD = 0.3


@dataclass
class Graph:
    """The chances that each node follows each other, row by row, and how frequent each node is."""

    follows: torch.Tensor
    frequency: torch.Tensor

    def to(self, device):
        return Graph(self.follows.to(device), self.frequency.to(device))

    def levels(self):
        """The logarithm of the frequencies, on a scale that any two graphs share."""
        level = self.frequency.log()
        return (level - level.mean()) / level.std()

    def centred(self):
        """In square roots, so that the many rare successors, mostly noise, do not outweigh the few that tell."""
        roots = self.follows.sqrt()
        roots = roots - roots.mean(1, keepdim=True)
        return roots - roots.mean(0)


def balance(scores):
    """Chances of a matching from its scores: each row and each column sums to one (Sinkhorn 1967)."""
    scores = scores.clone()
    for _ in range(SINKHORN):
        scores -= scores.logsumexp(1, keepdim=True)
        scores -= scores.logsumexp(0, keepdim=True)
    return scores.exp_()


def permutation(chances):
    """A column for each row, none twice: the surest row chooses first, and each the best of what is left."""
    taken = torch.zeros(len(chances), device=chances.device)
    chosen = torch.zeros(len(chances), dtype=torch.long, device=chances.device)
    for row in chances.max(1).values.argsort(descending=True).tolist():
        chosen[row] = (chances[row] - taken).argmax()
        taken[chosen[row]] = 2
    return chosen


def match(one, other):
    """The chances that node i of `one` is node j of `other`.

    The first guess compares frequencies. Then, again and again, two nodes match the better the more their
    neighbours do, and each guess is sharper than the last (Frank and Wolfe's steps for the quadratic assignment).
    """
    chances = balance(-(((one.levels()[:, None] - other.levels()[None]) / FREQUENCY_SPREAD) ** 2))
    a, b = one.centred(), other.centred()
    for number in range(ROUNDS):
        agreement = a @ chances @ b.T + a.T @ chances @ b
        chances = balance(agreement / agreement.std() * (1.5 + number / 4))
    return chances
