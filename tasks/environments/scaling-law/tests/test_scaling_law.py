"""The environment's own tests: `python3 -B -m unittest discover -s tests` in its folder; PyTorch needed.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import types
import unittest
from dataclasses import replace
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, part) for part in ("scorer", "prepare", "reference")]
sys.path[:0] = [os.path.join(TASKS, part) for part in ("library", "tools")]

import experiment  # noqa: E402
import numpy  # noqa: E402
import rules  # noqa: E402
import score  # noqa: E402
import texts  # noqa: E402
import training  # noqa: E402
import trial  # noqa: E402
from scoring import HostTrouble, Rejected, Seed  # noqa: E402
from tiers import TIERS  # noqa: E402

SMOKE = TIERS["smoke"]
SEED = "5a" * 32
GOOD = {"width": 32, "steps": 500, "predicted_loss": 2.5}
ONE = {"width": 32, "steps": 1, "draw": 0}
MARGIN = 0.2
MADE_BY_HAND = ("not-a-number", "huge-file", "nested-bomb", "duplicate-key", "own-flops", "string-width")
INVALID = {*MADE_BY_HAND, "over-budget", "linked-answer"}


class Cost(unittest.TestCase):
    def test_the_count_is_the_published_one_at_full_scale(self):
        self.assertEqual(rules.flops(TIERS["full"], 1024, 1), 4 * 1024**2 * 12 * 6 * 1024 * 64)
        self.assertEqual(rules.flops(SMOKE, 16, 40), 377487360)

    def test_the_instructions_state_each_tier(self):
        with open(os.path.join(HERE, "instructions.md")) as file:
            text = file.read().replace(",", "")
        for tier in TIERS.values():
            row = f"| {tier.layers} | {tier.block} × {tier.batch} | "
            bounds = f"multiples of {tier.head} from {tier.head} to {tier.most_width} | {tier.most_steps} |"
            self.assertTrue(any(row in line and bounds in line for line in text.splitlines()), row + bounds)
            self.assertIn(f"{tier.rate:g}·√({tier.rate_width}/width)", text)


class Answers(unittest.TestCase):
    def refused(self, data):
        with self.assertRaises(Rejected) as caught:
            rules.answer(SMOKE, data if isinstance(data, bytes) else json.dumps(data).encode())
        return str(caught.exception)

    def test_a_good_one_is_what_it_says(self):
        self.assertEqual(rules.answer(SMOKE, json.dumps(GOOD).encode()), rules.Answer(32, 500, 2.5))

    def test_the_budget_holds_to_a_tenth_more(self):
        within = int(1.1 * SMOKE.flops / rules.flops(SMOKE, 32, 1))
        rules.answer(SMOKE, json.dumps({**GOOD, "steps": within}).encode())
        self.assertIn("allowed", self.refused({**GOOD, "steps": within + 1}))

    def test_numbers_are_of_their_kind_and_size(self):
        for width in (0, -32, 30, 1 << 20, 32.0, "32", True, None, [32]):
            self.assertIn("width", self.refused({**GOOD, "width": width}))
        for steps in (0, -1, 500.0, "500", True, 10**9):
            self.assertIn("steps", self.refused({**GOOD, "steps": steps}))
        for predicted in (-0.1, 1e3, "2.5", True, None, {}):
            self.assertIn("predicted_loss", self.refused({**GOOD, "predicted_loss": predicted}))

    def test_no_parser_is_led_astray(self):
        start = b'{"width": 32, "steps": 500, "predicted_loss": '
        bad = [b"NaN}", b"Infinity}", b"-Infinity}", b"1e999}", b"2.5", b"2.5} {}", b"2.5, 1: 2}", b"\xff}"]
        bad += [b'2.5, "steps": 1}', b'2.5, "flops": 1}', b"9" * 3000 + b"}", b"[" * 1900 + b"]" * 1900 + b"}"]
        for rest in bad:
            self.refused(start + rest)
        for data in (b"", b"null", b"[]", b"5", b"[" * 4096, b'{"width": 32, "steps": 500}'):
            self.refused(data)


class Service(unittest.TestCase):
    def ask(self, request):
        return experiment.answer(SMOKE, json.dumps(request).encode() + b"\n")

    def test_check_says_whether_and_how_much_and_nothing_else(self):
        reply = self.ask({"check": GOOD})
        self.assertEqual(set(reply), {"valid", "fraction"})
        self.assertAlmostEqual(reply["fraction"], 32**2 * 72 * 512 * 500 / 2e10)
        self.assertFalse(self.ask({"check": {**GOOD, "steps": 10**6}})["valid"])

    def test_no_experiment_costs_more_than_a_fiftieth(self):
        most = int(SMOKE.flops / 50 / rules.flops(SMOKE, 32, 1))
        self.assertEqual(rules.experiment(SMOKE, {**ONE, "steps": most}), (32, most, 0))
        for more in ({"steps": most + 1}, {"steps": 1e1}, {"steps": -1}, {"width": 32.5}, {"draw": 100}, {"x": 1}):
            reply = self.ask({"experiments": [{**ONE, **more}]})
            self.assertEqual([set(each) for each in reply["results"]], [{"error"}], more)

    def test_a_request_that_is_none_is_refused(self):
        for request in ({}, [], 7, "x", {"experiments": []}, {"experiments": ONE}, {"experiments": [ONE] * 17}):
            with self.assertRaises(Rejected):
                self.ask(request)
        for line in (b"", b"\n", b"{", b"x" * 5000, b'{"check": 1, "experiments": []}'):
            with self.assertRaises(Rejected):
                experiment.answer(SMOKE, line)


class Scores(unittest.TestCase):
    def test_shards_have_the_mean_of_the_formula(self):
        losses, best = [2.4, 2.6, 2.7, 2.5], 2.5
        for predicted in (1.0, 2.52, 2.6, 4.0):
            loss = statistics.mean(losses)
            raw = 1 - ((loss - best) + abs(predicted - loss))
            self.assertAlmostEqual(statistics.mean(score.shard_scores(losses, best, predicted)), raw)

    def test_the_best_with_a_right_prediction_is_one(self):
        self.assertAlmostEqual(statistics.mean(score.shard_scores([2.4, 2.6], 2.5, 2.5)), 1)


class Trainings(unittest.TestCase):
    """Every tier's path, at sizes that a processor can train."""

    def setUp(self):
        rng = numpy.random.default_rng(0)
        self.text = training.Text(*(rng.integers(64, size=5000).astype("<u2") for _ in range(2)))

    def small(self, name, **more):
        small = {"device": "cpu", "vocabulary": 64, "block": 8, "batch": 4, "micro": 4, "shards": 2, "windows": 8}
        return replace(TIERS[name], **{**small, **more})

    def losses(self, tier, seed=SEED, steps=3):
        return training.shard_losses(tier, self.text, 2 * tier.head, steps, Seed(seed))

    def test_every_tier_trains_and_repeats_itself(self):
        for name in TIERS:
            losses = self.losses(self.small(name))
            self.assertEqual(losses, self.losses(self.small(name)))
            self.assertNotEqual(losses, self.losses(self.small(name), seed="6b" * 32))
            self.assertEqual(len(losses), 2)

    def test_parts_of_a_batch_are_the_batch(self):
        whole, parts = self.losses(self.small("full")), self.losses(self.small("full", micro=1))
        for one, other in zip(whole, parts, strict=True):
            self.assertAlmostEqual(one, other, places=3)

    def test_the_rate_rises_and_falls_and_is_lower_for_wider_models(self):
        rates = [training.rate(SMOKE, SMOKE.rate_width, step, 100) for step in range(100)]
        self.assertAlmostEqual(max(rates), SMOKE.rate)
        self.assertEqual(rates.index(max(rates)), 9)
        self.assertLess(rates[-1], 0.11 * SMOKE.rate)
        self.assertLess(training.rate(SMOKE, 256, 50, 100), training.rate(SMOKE, 64, 50, 100))

    def test_a_missing_gpu_is_the_hosts_trouble(self):
        if training.torch.cuda.is_available():
            self.skipTest("there is a GPU")
        with self.assertRaises(HostTrouble):
            self.losses(TIERS["gpu"])


class Texts(unittest.TestCase):
    def test_instances_differ_and_repeat(self):
        made = {"smoke": texts.Made(1, 16, 4, 32)}
        streams = []
        for instance in ("aa", "aa", "bb"):
            folder = os.path.join(tempfile.mkdtemp(), "data")
            self.addCleanup(shutil.rmtree, os.path.dirname(folder))
            with mock.patch.object(texts, "MADE", made):
                texts.write("smoke", SMOKE, instance, None, folder)
            text = training.open_text(folder)
            self.assertEqual((len(text.train), len(text.held_out)), (512, 128))
            streams.append(bytes(text.train))
        self.assertEqual(streams[0], streams[1])
        self.assertNotEqual(streams[0], streams[2])


    def test_public_text_is_split_once(self):
        parts = (numpy.arange(7, dtype=numpy.uint16), numpy.arange(7, 20, dtype=numpy.uint16))
        stub = types.SimpleNamespace(tokenizer=lambda _: None, texts=lambda _: (), token_stream=lambda *_: iter(parts))
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(sys.modules, public=stub):
            with mock.patch.object(texts, "HELD_OUT_TOKENS", 9):
                texts.write("full", TIERS["full"], "aa", folder, os.path.join(folder, "data"))
            text = training.open_text(os.path.join(folder, "data"))
            self.assertEqual([*text.held_out, *text.train], list(range(20)))
            self.assertEqual(len(text.held_out), 9)


class Environment(trial.Environment):
    """Replaces every path of a command once: a seed file's own path may hold the words that are replaced."""

    def words(self, command, **more):
        filled = {"/usr/bin/python3": sys.executable, "{tier}": self.tier, "/task": self.bundle, **more}
        pattern = re.compile("|".join(map(re.escape, filled)))
        return [pattern.sub(lambda found: filled[found.group()], word) for word in command]


class Bundle(unittest.TestCase):
    """A whole bundle, its attempts and their scores."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.environment = Environment("scaling-law", "smoke", cls.folder)
        cls.environment.pack()

    def outcome(self, solution):
        artifact, _ = self.environment.attempt(solution, SEED)
        self.addCleanup(shutil.rmtree, artifact)
        return self.environment.score(artifact, SEED)[0]

    def test_agents_find_rules_and_no_text(self):
        # What the node hides from an attempt is `scorer` and `reference`; so nothing may lie elsewhere.
        shown = []
        for folder, _, names in os.walk(self.folder):
            if os.path.relpath(folder, self.folder).split(os.sep)[0] not in ("scorer", "reference"):
                shown += names
        self.assertIn("rules.json", shown)
        self.assertFalse({"train.bin", "held_out.bin", "best.json", "truth.json", "training.py"} & set(shown))

    def test_the_start_is_near_zero(self):
        outcome = self.outcome("start")
        self.assertEqual(outcome["status"], "valid", outcome)
        self.assertLess(abs(outcome["normalized"]), MARGIN)
        self.assertEqual(len(outcome["samples"]), SMOKE.shards)

    def test_nothing_is_invalid(self):
        self.assertEqual(self.outcome("null")["status"], "invalid")

    def test_cheats_gain_nothing(self):
        for name in sorted(os.listdir(os.path.join(HERE, "exploits"))):
            if name == "own-training":
                continue  # it needs the container that hides the scorer
            with self.subTest(exploit=name):
                outcome = self.outcome(f"exploits/{name}")
                if name in INVALID:
                    self.assertEqual(outcome["status"], "invalid", outcome)
                else:
                    self.assertEqual(outcome["status"], "valid", outcome)
                    self.assertLess(outcome["normalized"], MARGIN)


if __name__ == "__main__":
    unittest.main()
