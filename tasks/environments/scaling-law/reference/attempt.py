"""The reference solution of scaling-law: some experiments, a law through them, the law's best answer.

The law is L = level + A/width^a + B/steps^b. At tier `smoke` a fiftieth of the budget trains so little that chance
moves a loss by a tenth, and three unknowns would follow chance; so A, B, a and b are those of the grid of one
instance, and draws of the least noisy experiment tell the level of this one. At the other tiers a and b are
Chinchilla's exponents (arXiv 2203.15556: 0.34 for parameters, which grow with width², 0.28 for data), and A, B and
the level are fitted.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os

import numpy

import experiments

TIER = os.environ["QUORATE_TIER"]
EXPONENTS = {"smoke": (0.5, 0.625)}.get(TIER, (0.68, 0.28))
AMPLITUDES = {"smoke": (2.16, 10.2)}.get(TIER)
# Width in multiples of the smallest, share of the most steps that an experiment may take, draws.
PLAN = {"smoke": ((2, 1.0, 6),)}.get(
    TIER, ((2, 1.0, 1), (3, 1.0, 1), (4, 1.0, 1), (6, 1.0, 1), (3, 0.5, 1), (4, 0.5, 1), (4, 0.25, 1))
)


def main():
    with open(os.path.join(os.environ["QUORATE_TASK"], "data", "rules.json")) as file:
        rules = json.load(file)
    configurations = [each for part in PLAN for each in planned(rules, *part)]
    law = fitted(configurations, [result["loss"] for result in experiments.run(configurations)])
    widths = range(rules["width_multiple"], rules["most_width"] + 1, rules["width_multiple"])
    candidates = [(width, most_steps(rules, width, rules["flops"])) for width in widths]
    losses = features(candidates) @ law
    width, steps = candidates[losses.argmin()]
    answer = {"width": width, "steps": steps, "predicted_loss": round(float(losses.min()), 4)}
    if not (reply := experiments.check(answer))["valid"]:
        raise SystemExit(f"the answer is refused: {reply}")
    with open("answer.json", "w") as file:
        json.dump(answer, file)


def planned(rules, multiple, share, draws):
    width = multiple * rules["width_multiple"]
    steps = most_steps(rules, width, share * rules["experiment_flops"])
    return [(width, steps, draw) for draw in range(draws)]


def most_steps(rules, width, flops):
    steps = int(flops / (rules["flops_per_width2_step"] * width**2))
    return max(1, min(rules["most_steps"], steps))


def features(configurations):
    """What the law's coefficients (level, A, B) are multiplied with, a row for each (width, steps)."""
    width, steps = numpy.array(configurations, float).T
    return numpy.stack((numpy.ones_like(width), width ** -EXPONENTS[0], steps ** -EXPONENTS[1]), 1)


def fitted(configurations, losses):
    """The law's coefficients, from experiments (width, steps, draw) and their losses."""
    rows, losses = features([each[:2] for each in configurations]), numpy.array(losses)
    if AMPLITUDES is None:
        return numpy.linalg.lstsq(rows, losses, rcond=None)[0]
    level = (losses - rows[:, 1:] @ AMPLITUDES).mean()
    return numpy.array((level, *AMPLITUDES))


if __name__ == "__main__":
    main()
