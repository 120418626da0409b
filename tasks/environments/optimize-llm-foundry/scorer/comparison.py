"""Decides whether trained weights are the start program's result, rounding aside.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math

import torch

from gpt import Gpt
from scoring import Rejected


class Comparison:
    """Knows one round's inputs and its truth, the weights that the start program trained from them."""

    def __init__(self, tier, inputs, truth):
        self.tier, self.inputs, self.truth = tier, inputs, truth
        self.way = _distance(truth, inputs.initial)
        self.loss = self._loss(truth)
        self.fall = abs(self._loss(inputs.initial) - self.loss)

    def measure(self, trained):
        """How far `trained` is from the truth, in units of the way and of the fall in loss."""
        return _distance(trained, self.truth) / self.way, abs(self._loss(trained) - self.loss) / self.fall

    def check(self, trained):
        """Returns what `measure` finds, if that is within the tier's tolerance."""
        distance, share = self.measure(trained)
        if not distance <= self.tier.distance:
            raise Rejected(
                f"its weights lie {distance:.4f} of the training's way from those that the start program makes "
                f"of the same inputs; {self.tier.distance:g} is allowed"
            )
        if not share <= self.tier.loss_share:
            raise Rejected(f"its loss on hidden texts is off by {share:.4f} of the training's gain")
        return distance, share

    @torch.no_grad()
    def _loss(self, tensors):
        with torch.device("meta"):
            model = Gpt(self.tier.model)
        device = self.tier.device
        model.load_state_dict({name: tensor.to(device) for name, tensor in tensors.items()}, assign=True)
        losses = [model.losses(texts.to(device)) for texts in self.inputs.hidden.split(self.tier.batch)]
        return float(torch.cat(losses).mean())


def _distance(some, others):
    return math.sqrt(sum(float((some[name] - others[name]).double().square().sum()) for name in others))
