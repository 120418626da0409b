"""Which problems a tier has.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
SMOKE = (
    "tea_queue",
    "lone_lantern",
    "ferry_pairs",
    "rain_windows",
    "cheap_detour",
    "echo_length",
    "nested_crates",
    "tile_strip",
    "bakery_shifts",
    "dam_gates",
)  # two of each level
PUBLIC_PROBLEMS = 165  # that tier `full` adds to the project's own, as many as RE-Bench has
PUBLIC_TESTS = 25  # of each public problem, drawn for each scoring


def own_problems(tier):
    """The names of the project's own problems."""
    if tier == "smoke":
        return SMOKE
    files = os.listdir(os.path.join(HERE, "problems"))
    return tuple(sorted(name.removesuffix(".py") for name in files if name.endswith(".py")))
