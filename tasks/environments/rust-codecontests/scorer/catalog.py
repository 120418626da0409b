"""The problems of a tier: the project's own, made by a module each, and public ones, kept in a file each.

Promises: the same seed draws the same tests; a test is drawn only when it is asked for.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import tiers
from drawing import TESTS

SECONDS = 2
MEMORY_BYTES = 256 << 20
PUBLIC = os.path.join(tiers.HERE, "public")


@dataclass(frozen=True)
class Problem:
    """`tests(seed)` yields pairs of an input and its expected output."""

    name: str
    title: str
    statement: str
    samples: list
    tests: Callable
    seconds: int = SECONDS
    memory_bytes: int = MEMORY_BYTES

    def page(self):
        """What an agent reads."""
        parts = [f"# {self.title}", self.statement.strip()]
        parts.append(f"**Limits.** {self.seconds} s of processor time, {self.memory_bytes >> 20} MiB of memory.")
        for given, wanted in self.samples:
            parts += ["**Sample input**", _quoted(given), "**Output**", _quoted(wanted)]
        return "\n\n".join(parts) + "\n"


def _quoted(text):
    return f"```\n{text.strip()}\n```"


def problems(tier, public=PUBLIC):
    """All problems of `tier`; those in the folder `public` are there at tier `full` only."""
    files = sorted(os.listdir(public)) if os.path.isdir(public) else []
    return [*map(_own, tiers.own_problems(tier)), *(_public(os.path.join(public, file)) for file in files)]


def _own(name):
    module = importlib.import_module(f"problems.{name}")

    def tests(seed):
        for index in range(TESTS):
            given = module.generate(seed.stream(f"{name}/{index}"), index)
            yield given, module.solve(given)

    title = f"{module.TITLE} (level {module.LEVEL} of 5)"
    return Problem(name, title, module.STATEMENT, module.SAMPLES, tests)


def _public(path):
    with open(path) as file:
        kept = json.load(file)
    name = os.path.basename(path).removesuffix(".json")

    def tests(seed):
        return seed.stream(name).sample(kept["tests"], min(tiers.PUBLIC_TESTS, len(kept["tests"])))

    limits = {"seconds": kept["seconds"], "memory_bytes": kept["memory_bytes"]}
    return Problem(name, kept["title"], kept["statement"], kept["samples"], tests, **limits)
