"""Writes what an agent is given: each problem's page and samples, and a stub to begin from.

At tier `full` it first chooses the public problems and leaves their tests where only the scorer sees them. The
project's own problems are the same in every instance; their tests are drawn when a submission is scored.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TASK = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TASK, "scorer"), os.path.join(TASK, "library")]

import catalog  # noqa: E402

STUB = """// quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
fn main() {
    // The problem is described in data/problems/NAME.md.
}
"""
PUBLIC = os.path.join("scorer", "public")


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--tier", required=True, choices=("smoke", "gpu", "full"))
    parser.add_argument("--instance", required=True, help="hexadecimal digits")
    parser.add_argument("--data", help="the folder of the public sources; tier full only")
    options = parser.parse_args()
    if options.tier == "full":
        keep_public(options.data, options.instance)
    write(catalog.problems(options.tier, PUBLIC))


def keep_public(data, instance):
    import code_contests
    import public

    os.makedirs(PUBLIC)
    chosen = code_contests.choose(public.records(os.path.join(data, "code-contests")), instance)
    print(f"{len(chosen)} public problems are fit to be judged and used", file=sys.stderr)
    for name, problem in chosen:
        with open(os.path.join(PUBLIC, f"{name}.json"), "w") as file:
            json.dump(problem, file)


def write(problems):
    for folder in ("data/problems", "start/solutions"):
        os.makedirs(folder)
    for problem in problems:
        with open(f"data/problems/{problem.name}.md", "w") as file:
            file.write(problem.page())
        with open(f"start/solutions/{problem.name}.rs", "w") as file:
            file.write(STUB.replace("NAME", problem.name))
    with open("data/samples.json", "w") as file:
        json.dump({problem.name: problem.samples for problem in problems}, file, indent=1)


if __name__ == "__main__":
    main()
