"""What an answer and an experiment may be, and what they cost.

Promises: what `answer` and `configuration` return is whole numbers within the tier's bounds and a finite
prediction; nothing that was handed in says by itself what it costs.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import math
from dataclasses import dataclass

from scoring import Rejected

ANSWER_BYTES = 4096
EXPERIMENT_SHARE = 1 / 50  # of the target budget
ANSWER_SHARE = 1.1
DRAWS = 100
HIGHEST_LOSS = 100.0
DIGITS = 20  # of one number; more are never needed, and long ones take long to read


@dataclass(frozen=True)
class Answer:
    width: int
    steps: int
    predicted_loss: float


def flops(tier, width, steps):
    """The task's own count: 12·width² weights a layer, six operations for each weight and token."""
    return tier.layers * width * width * 12 * 6 * tier.block * tier.batch * steps


def share(tier, width, steps):
    """The part of the target budget that a training takes."""
    return flops(tier, width, steps) / tier.flops


def steps_for(tier, width):
    """The steps that use up the target budget, as far as the tier allows that many."""
    return min(tier.most_steps, int(tier.flops / flops(tier, width, 1)))


def answer(tier, data):
    """The answer in the bytes of an `answer.json`."""
    return checked_answer(tier, parse(data))


def checked_answer(tier, found):
    _check_keys(found, ("width", "steps", "predicted_loss"))
    width, steps = _whole_numbers(tier, found)
    _check_share(tier, width, steps, ANSWER_SHARE)
    predicted = found["predicted_loss"]
    if type(predicted) not in (int, float) or not math.isfinite(predicted) or not 0 <= predicted <= HIGHEST_LOSS:
        raise Rejected(f"predicted_loss must be a number from 0 to {HIGHEST_LOSS:g}")
    return Answer(width, steps, float(predicted))


def experiment(tier, found):
    """Width, steps and draw of an experiment that may be made."""
    _check_keys(found, ("width", "steps", "draw"))
    width, steps = _whole_numbers(tier, found)
    _check_share(tier, width, steps, EXPERIMENT_SHARE)
    if type(found["draw"]) is not int or not 0 <= found["draw"] < DRAWS:
        raise Rejected(f"draw must be a whole number from 0 to {DRAWS - 1}")
    return width, steps, found["draw"]


def parse(data):
    """JSON from a stranger: one value, every key once, no number that is out of proportion."""
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_int=_number(int),
            parse_float=_number(float),
            parse_constant=_constant,
        )
    except (ValueError, RecursionError):
        raise Rejected("this is not JSON as the instructions describe it") from None


def _object(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Rejected("a key occurs twice")
    return dict(pairs)


def _number(kind):
    def read(digits):
        if len(digits) > DIGITS:
            raise Rejected(f"a number has more than {DIGITS} characters")
        return kind(digits)

    return read


def _constant(name):
    raise Rejected(f"{name} is not a number")


def _check_keys(found, wanted):
    if type(found) is not dict or set(found) != set(wanted):
        raise Rejected(f"this must be an object with exactly the keys {', '.join(wanted)}")


def _whole_numbers(tier, found):
    width, steps = found["width"], found["steps"]
    if type(width) is not int or not tier.head <= width <= tier.most_width or width % tier.head:
        raise Rejected(f"width must be a whole multiple of {tier.head} from {tier.head} to {tier.most_width}")
    if type(steps) is not int or not 1 <= steps <= tier.most_steps:
        raise Rejected(f"steps must be a whole number from 1 to {tier.most_steps}")
    return width, steps


def _check_share(tier, width, steps, most):
    if share(tier, width, steps) > most:
        spent, allowed = flops(tier, width, steps), most * tier.flops
        raise Rejected(f"width {width} and {steps} steps take {spent:.4g} FLOP, and {allowed:.4g} are allowed")
