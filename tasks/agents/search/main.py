"""Agent `search`: a local search without a model.

A space (spaces/<environment>.py) names the choices in a program and writes the program for any choice.
Each try changes a few choices of the best program so far, scores the result with the score command and
keeps it if it is valid and better. Ends after `settings.tries`, or when 60 % of the budget is used.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import importlib
import json
import os
import random
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
AGENT = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, AGENT)

SHARE_OF_BUDGET = 0.6
CHANGES = 2
DRAWS = 1000  # how often to look for a variant not tried yet before the space counts as searched


def main():
    began = time.monotonic()
    space = load_space()
    command = json.loads(os.environ.get("QUORATE_SCORE", "null"))
    if space is None or command is None:
        print("search: no space for this environment, or no score command; the start files stay as they are")
        return
    deadline = began + SHARE_OF_BUDGET * float(os.environ["QUORATE_SECONDS"])
    search(space, command, deadline, random.Random(os.environ["QUORATE_SEED"]))


def search(space, command, deadline, rng):
    choices, start = space.choices(os.environ["QUORATE_TIER"])
    best, best_score = start, 0.0  # the start solution is the zero of the scale
    best_text, seen = read(space.ARTIFACT), {frozen(start)}
    for number in range(1, setting("tries") + 1):
        left = deadline - time.monotonic()
        candidate = neighbour(best, choices, seen, rng)
        if left <= 0 or candidate is None:
            break
        seen.add(frozen(candidate))
        text = space.render(os.environ["QUORATE_TIER"], candidate)
        write(space.ARTIFACT, text)
        try:
            score, said = scored(with_seed(command, rng), left)
        finally:
            write(space.ARTIFACT, best_text)
        better = score is not None and score > best_score
        print(f"search: try {number}: {describe(candidate)}: {said}{', kept' if better else ''}", flush=True)
        if better:
            best, best_score, best_text = candidate, score, text
            write(space.ARTIFACT, text)
    print(f"search: handed in {describe(best)}, about {best_score:.3f}")


def neighbour(best, choices, seen, rng):
    for _ in range(DRAWS):
        candidate = dict(best)
        for name in rng.sample(sorted(choices), CHANGES):
            others = [value for value in choices[name] if value != best[name]]
            candidate[name] = min(others, key=lambda value: (uses(seen, name, value), rng.random()))
        if frozen(candidate) not in seen:
            return candidate
    return None


def uses(seen, name, value):
    """How many variants had this choice: what was tried least comes first."""
    return sum((name, value) in choice for choice in seen)


def with_seed(command, rng):
    """The score command with a seed of this agent's own: each score is measured on other inputs."""
    return [word.replace("{seed}", rng.randbytes(32).hex()) for word in command]


def scored(command, seconds):
    """The normalised score, or None and what went wrong."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        result = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return None, "no result in time"
    except ValueError:
        return None, f"no result: exit status {done.returncode}, {done.stderr.strip()[-200:]}"
    if result.get("status") != "valid":
        return None, f"invalid: {result.get('reason', 'no reason given')}"
    return result["normalized"], f"{result['normalized']:.3f}"


def load_space():
    """The environment's name is the heading of its instructions."""
    heading = re.match(r"# ([a-z0-9-]+)\n", read("/task/instructions.md"))
    name = heading.group(1).replace("-", "_") if heading else ""
    if not os.path.isfile(os.path.join(AGENT, "spaces", f"{name}.py")):
        return None
    return importlib.import_module(f"spaces.{name}")


def setting(name):
    """A setting of `agent.toml`, as the node hands it over."""
    return int(os.environ[f"QUORATE_SETTING_{name.upper()}"])


def frozen(choice):
    return tuple(sorted(choice.items()))


def describe(choice):
    return ", ".join(f"{name} {value}" for name, value in choice.items())


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
