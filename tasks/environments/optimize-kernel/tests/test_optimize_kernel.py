"""The environment's own tests: `/usr/bin/python3 -B -m unittest discover -s tests` in its folder.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from array import array

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARY = os.path.join(os.path.dirname(os.path.dirname(HERE)), "library")
sys.path[:0] = [os.path.join(HERE, "scorer"), LIBRARY]

import guard  # noqa: E402
import session  # noqa: E402
import smoke  # noqa: E402

CANARY = "quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11"
NOBODY = 65534
LIKE_THE_START = 0.3  # a loaded machine moves a score, but not this far


def definition(words):
    """The function, from its words in the instructions and nothing else."""
    out = []
    for i in range(len(words)):
        first = next((j for j in range(i, -1, -1) if words[j] % 1024 == 0), 0)
        out.append((sum(words[first : i + 1]) + 2**31) % 2**32 - 2**31)
    return array("i", out).tobytes()


class Place(unittest.TestCase):
    """A copy of the environment that exploits may damage."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)
        for name in ("start", "reference", "scorer", "exploits"):
            shutil.copytree(os.path.join(HERE, name), os.path.join(self.root, name))
        shutil.copytree(LIBRARY, os.path.join(self.root, "library"))

    def score(self, folder, *more, seed="5a" * 32, user=None, reference="reference"):
        command = [sys.executable, "-I", self.path("scorer", "score.py"), "--tier", "smoke"]
        command += ["--submission", folder, "--start", self.path("start"), "--reference", self.path(reference)]
        as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
        done = subprocess.run([*command, "--seed", seed, *more], capture_output=True, text=True, timeout=60, **as_user)
        result = json.loads(done.stdout) if done.stdout else {}
        return done.returncode, result, done.stderr

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def submission(self, text):
        folder = self.path("submission")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "solution.py"), "w") as file:
            file.write(text)
        return folder


class Scores(Place):
    def test_start_is_zero_and_reference_is_one(self):
        for name, want in (("start", 0.0), ("reference", 1.0)):
            code, result, _ = self.score(self.path(name), seed=os.urandom(32).hex())
            self.assertEqual((code, result["status"]), (0, "valid"), result)
            self.assertAlmostEqual(result["normalized"], want, delta=LIKE_THE_START)
            self.assertGreater(result["calibration"]["start_ms"], 4 * result["calibration"]["reference_ms"])
            self.assertEqual(len(result["samples"]) + result["dropped"], result["rounds"])

    def test_without_a_reference_the_nominal_scale_stands_in(self):
        code, result, _ = self.score(self.path("start"), "--rounds", "3", reference="nowhere")
        self.assertEqual((code, result["status"], result["rounds"]), (0, "valid", 3))
        self.assertIsNone(result["calibration"]["reference_ms"])

    def test_one_wrong_element_in_one_round_is_invalid(self):
        with open(self.path("reference", "solution.py")) as file:
            text = file.read().replace("def solve_cpu(", "def right(")
        text += "\ncalls = 0\n\n\ndef solve_cpu(x):\n    global calls\n    calls += 1\n    out = bytearray(right(x))\n"
        wrong = self.submission(text + "    out[-1] ^= calls == 12\n    return out\n")
        _, result, _ = self.score(wrong)
        self.assertEqual(result["status"], "invalid")
        self.assertIn("wrong output at element 99999 of 100000", result["reason"])
        right = self.submission(text + "    return out\n")
        self.assertEqual(self.score(right)[1]["status"], "valid")

    def test_what_is_no_solution_is_invalid(self):
        texts = {"nothing = 1\n": "AttributeError", "def solve_cpu(x:\n": "SyntaxError", "1 / 0\n": "ZeroDivisionError"}
        texts["def solve_cpu(x):\n    return x[:5]\n"] = "20 bytes where"
        for text, reason in texts.items():
            code, result, _ = self.score(self.submission(text))
            self.assertEqual((code, result["status"]), (0, "invalid"))
            self.assertIn(reason, result["reason"])
        os.remove(self.path("submission", "solution.py"))
        os.symlink(self.path("reference", "solution.py"), self.path("submission", "solution.py"))
        self.assertEqual(self.score(self.path("submission"))[1]["status"], "invalid")

    def test_a_broken_host_gives_no_verdict(self):
        with open(self.path("reference", "solution.py"), "w") as file:
            file.write("def solve_cpu(x):\n    return bytes(x.nbytes)\n")
        code, result, said = self.score(self.path("start"))
        self.assertNotEqual(code, 0)
        self.assertEqual(result, {})
        self.assertIn("the reference solution gave wrong output", said)

    def test_no_scoring_while_the_seed_can_be_read(self):
        seed = "7b" * 32
        shown = subprocess.Popen([sys.executable, "-c", "input()", seed], stdin=subprocess.PIPE)
        try:
            code, result, said = self.score(self.path("start"), seed=seed)
        finally:
            shown.communicate(b"\n")
        self.assertEqual((code != 0, result), (True, {}))
        self.assertIn("the seed stands in the command line", said)


class Exploits(Place):
    """Every planted exploit ends as invalid, as no result, or with the score of the start solution."""

    def check(self, user):
        guard.withdraw()  # what a scoring leaves behind becomes a child of this process
        for name in sorted(os.listdir(self.path("exploits"))):
            with self.subTest(exploit=name, user=user):
                code, result, _ = self.score(self.path("exploits", name), seed=os.urandom(32).hex(), user=user)
                if result.get("status") == "valid":
                    self.assertLess(result["normalized"], LIKE_THE_START)
                elif code == 0:
                    self.assertEqual(result["status"], "invalid")
                else:
                    self.assertEqual((name, result), ("kill-scorer", {}))
                self.assertEqual(self.left_behind(), [])
            for damaged in ("start", "reference", "scorer"):
                shutil.copytree(os.path.join(HERE, damaged), self.path(damaged), dirs_exist_ok=True)

    def left_behind(self):
        """When the scorer is killed, the kernel ends its children, a moment later."""
        deadline = time.monotonic() + 10
        while guard.strays(set()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return guard.strays(set())

    def test_as_this_user(self):
        self.check(None)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_as_an_ordinary_user(self):
        self.check(NOBODY)

    def test_reading_the_seed_would_pay(self):
        """The exploit is a real one: with the seed in the command line it beats the reference."""
        self.rewrite("guard.hide_argument(seed.encode())", "pass")
        self.rewrite("guard.holders(seed.encode()) if full else []", "[]")
        _, result, _ = self.score(self.path("exploits", "read-scorer"), "--rounds", "16")
        self.assertGreater(result["normalized"], 1.2)

    def rewrite(self, old, new):
        with open(self.path("scorer", "score.py")) as file:
            text = file.read()
        self.assertIn(old, text)
        with open(self.path("scorer", "score.py"), "w") as file:
            file.write(text.replace(old, new))


class Inputs(unittest.TestCase):
    tier = smoke.Smoke()

    def resets(self, *kinds, count=4000):
        payload = self.tier.draw("a", kinds, count).payload
        return [i for i, value in enumerate(memoryview(payload).cast("i")) if value % 1024 == 0]

    def test_a_label_stands_for_one_input(self):
        kinds = session.STRETCHES
        same = [self.tier.draw("seed/round/1", kinds, 5000).payload for _ in range(2)]
        self.assertEqual(*same)
        self.assertNotEqual(same[0], self.tier.draw("seed/round/2", kinds, 5000).payload)
        self.assertNotEqual(same[0], self.tier.draw("other/round/1", kinds, 5000).payload)

    def test_a_seed_stands_for_one_session(self):
        self.assertEqual(self.session_inputs("1" * 64), self.session_inputs("1" * 64))
        self.assertNotEqual(self.session_inputs("1" * 64), self.session_inputs("2" * 64))
        inputs = self.session_inputs("1" * 64)
        self.assertEqual(len(set(inputs)), len(inputs))

    def session_inputs(self, seed):
        one = session.Session(self.tier, seed, {"start": ""}, "")
        one.children = {"start": None}
        seen = [one._draw_check(i).payload for i in range(len(self.tier.checks))]
        one._turn = lambda child, drawn, seconds: seen.append(drawn.payload) or 1.0
        for i in range(3):
            one._round(i)
        return seen

    def test_kinds_have_their_share_of_resets(self):
        self.assertEqual(self.resets("none"), [])
        self.assertTrue(1 <= len(self.resets("rare")) <= 3)
        self.assertTrue(40 < len(self.resets("usual", count=100_000)) < 160)
        self.assertTrue(350 < len(self.resets("dense")) < 550)
        self.assertTrue(1300 < len(self.resets("crowded")) < 2200)
        self.assertTrue(all(i >= 2000 for i in self.resets("none", "dense")))

    def test_the_expected_output_is_the_definition(self):
        rng = random.Random(1)
        for count in (*range(1, 40), 300):
            for kind in ("none", "rare", "usual", "dense", "crowded"):
                drawn = self.tier.draw(f"{rng.random()}", (kind,), count)
                self.assertEqual(drawn.expected, definition(memoryview(drawn.payload).cast("i")), (kind, count))
        largest = array("i", [2**31 - 1] * 9 + [-(2**31)] + [-(2**31) + 1] * 9)
        self.assertEqual(smoke.expected(largest), definition(largest))


class Score(unittest.TestCase):
    def rounds(self, *triples):
        return [dict(zip(("start", "reference", "submission"), triple)) for triple in triples]

    def test_the_median_of_rounds_each_with_its_own_calibration(self):
        result = session.score(self.rounds((4, 2, 3), (5, 3, 4), (4, 2, 2)), None)
        self.assertEqual((result["normalized"], result["samples"]), (0.5, [0.5, 0.5, 1.0]))

    def test_a_round_with_an_incredible_calibration_is_dropped_whatever_the_submission_did(self):
        good = [(4, 2, 4)] * 4
        for submission in (1, 9):
            result = session.score(self.rounds(*good, (4, 3.9, submission)), None)
            self.assertEqual((result["dropped"], len(result["samples"])), (1, 4))

    def test_a_disturbed_round_counts_as_the_edge_of_the_usual(self):
        usual = [(4, 2, 4 - 2 * share) for share in (0.48, 0.49, 0.5, 0.51, 0.52)]
        result = session.score(self.rounds(*usual, (4, 2, -4)), None)
        self.assertAlmostEqual(result["normalized"], 0.505)
        self.assertLess(max(result["samples"]), 0.6)
        self.assertEqual(min(result["raw_samples"]), -4)

    def test_no_score_where_start_and_reference_cannot_be_told_apart(self):
        for triples in ([(4, 4, 3)] * 4, [(4, 2, 3)] * 2 + [(4, 3.5, 3)] * 2 + [(4, -4, 3)] * 2):
            with self.assertRaises(session.HostTrouble):
                session.score(self.rounds(*triples), None)


class Texts(unittest.TestCase):
    def test_every_text_carries_the_canary(self):
        for folder, _, names in os.walk(HERE):
            for name in names:
                if name.endswith((".py", ".md", ".toml")):
                    with open(os.path.join(folder, name)) as file:
                        self.assertIn(CANARY, file.read(), os.path.join(folder, name))

    @unittest.skipIf(sys.version_info < (3, 11), "tomllib came with Python 3.11")
    def test_the_bundle_states_the_scale_that_the_scorer_uses(self):
        import tomllib

        import gpu

        with open(os.path.join(HERE, "task.toml"), "rb") as file:
            tiers = tomllib.load(file)["tiers"]
        for name, tier in (("smoke", smoke.Smoke), ("gpu", gpu.Gpu), ("full", gpu.Gpu)):
            self.assertEqual((tiers[name]["scale"]["start"], tiers[name]["scale"]["reference"]), tier.nominal)


if __name__ == "__main__":
    unittest.main()
