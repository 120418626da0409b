"""The score command of `rust-codecontests`: the fraction of problems of which every hidden test is passed.

Promises: all files are read before anything of the submission runs; tests are drawn from the scoring's seed, which
did not exist when the submission was sealed.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import stat
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "library")]

import catalog  # noqa: E402
import judge  # noqa: E402
import scoring  # noqa: E402

SOURCE_BYTES = 64 << 10


def score(options):
    problems = catalog.problems(options.tier)
    sources = read_sources(options.submission, [problem.name for problem in problems])
    judge.check_host()
    faults = {}
    for problem in problems:
        source = sources.get(problem.name)
        faults[problem.name] = "is missing" if source is None else judge.fault(problem, source, options.seed)
    solved = [name for name, fault in faults.items() if fault is None]
    unsolved = {name: fault for name, fault in faults.items() if fault}
    raw = len(solved) / len(problems)
    sample = scoring.normalise(raw, scoring.scale(options))
    return scoring.valid(raw, [sample], problems=len(problems), solved=solved, unsolved=unsolved)


def read_sources(submission, names):
    """The text of every solution that is there, by the problem's name."""
    folder = os.path.join(submission, "solutions")
    try:
        is_folder = stat.S_ISDIR(os.lstat(folder).st_mode)
    except OSError:
        is_folder = False
    if not is_folder:
        raise scoring.Rejected("there is no folder solutions")
    files = {name: f"{name}.rs" for name in names}
    there = {name: file for name, file in files.items() if os.path.lexists(os.path.join(folder, file))}
    return {name: scoring.read_file(folder, file, SOURCE_BYTES) for name, file in there.items()}


if __name__ == "__main__":
    scoring.run(score)
