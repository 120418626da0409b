"""Every problem's own solver against a plain one, its samples, and what its page says.

Run by `/usr/bin/python3 -B -m unittest discover -s tests` in the environment's folder.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import importlib
import os
import random
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scorer")]

import brute  # noqa: E402
import brute_easy  # noqa: E402
import brute_hard  # noqa: E402
import brute_middle  # noqa: E402
import catalog  # noqa: E402
import tiers  # noqa: E402
from drawing import LARGEST, TESTS  # noqa: E402

PLAIN = vars(brute_easy) | vars(brute_middle) | vars(brute_hard)
NAMES = tiers.own_problems("gpu")
TRIES = 40
SMALL_TESTS = 4  # the first of a problem's own tests, of about thirty numbers at most


def module(name):
    return importlib.import_module(f"problems.{name}")


def small_inputs(name):
    """The problem's own smallest tests, or those that the plain solver can still do."""
    for number in range(TRIES):
        rng = random.Random(f"{name}/{number}")
        yield brute.SMALL[name](rng) if name in brute.SMALL else module(name).generate(rng, number % SMALL_TESTS)


class Problems(unittest.TestCase):
    def test_solvers_agree_with_plain_ones(self):
        for name in NAMES:
            answers = set()
            for given in small_inputs(name):
                wanted = " ".join(map(str, PLAIN[name](given))).split()
                self.assertEqual(module(name).solve(given).split(), wanted, (name, given))
                answers.add(tuple(wanted))
            self.assertGreater(len(answers), 3, f"{name}: a guess would do")

    def test_samples_are_right(self):
        for name in NAMES:
            self.assertGreaterEqual(len(module(name).SAMPLES), 2, name)
            for given, wanted in module(name).SAMPLES:
                self.assertEqual(module(name).solve(given), wanted, (name, given))

    def test_a_problem_has_enough_tests_and_they_differ(self):
        for name in NAMES:
            made = {module(name).generate(random.Random(f"{name}/{index}"), index) for index in range(LARGEST)}
            self.assertGreaterEqual(len(made), TESTS // 2, name)

    def test_the_smoke_tier_has_two_problems_of_each_level(self):
        levels = sorted(module(name).LEVEL for name in tiers.SMOKE)
        self.assertEqual(levels, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        self.assertLessEqual(set(tiers.SMOKE), set(NAMES))

    def test_the_whole_set_is_large_and_spread_over_five_levels(self):
        levels = [module(name).LEVEL for name in NAMES]
        self.assertGreaterEqual(len(levels), 40)
        self.assertTrue(all(levels.count(level) >= 7 for level in range(1, 6)))

    def test_a_page_says_all_that_is_needed(self):
        for problem in catalog.problems("gpu"):
            page = problem.page()
            for part in ("# ", "**Input.**", "**Output.**", "**Limits.** 2 s", "256 MiB", "**Sample input**"):
                self.assertIn(part, page, problem.name)


if __name__ == "__main__":
    unittest.main()
