"""Scorings: hidden texts, what every planted exploit comes to, the reference, and the path of tier `full`.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TASKS, part) for part in ("tools", "library")]
sys.path[:0] = [os.path.join(HERE, part) for part in ("scorer", "prepare")]

import numpy  # noqa: E402
import torch  # noqa: E402

import graph  # noqa: E402
import hidden  # noqa: E402
import prepare  # noqa: E402
import score  # noqa: E402
import scoring  # noqa: E402
import trial  # noqa: E402
import weights  # noqa: E402
from tiers import TIERS  # noqa: E402

CANARY = "quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11"
SEED = "5a" * 32
# As good as the start, as far as chance goes.
MARGIN = 0.15


class Bundle(unittest.TestCase):
    """Scorings in a prepared bundle of the smallest tier, in this process."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.environment = trial.Environment("restricted-mlm", "smoke", cls.place.name)
        cls.environment.pack()

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def score(self, submission, seed=SEED):
        seed = scoring.Seed(seed)
        options = types.SimpleNamespace(task=self.place.name, submission=submission, seed=seed, tier="smoke")
        return score.score(options)

    @contextlib.contextmanager
    def attempt(self, solution):
        artifact, _ = self.environment.attempt(solution, SEED)
        yield artifact
        shutil.rmtree(artifact)

    def test_planted_exploits_are_invalid_or_as_the_start(self):
        for name in sorted(os.listdir(os.path.join(HERE, "exploits"))):
            with self.subTest(exploit=name), self.attempt(f"exploits/{name}") as artifact:
                try:
                    self.assertLess(self.score(artifact)["normalized"], MARGIN)
                except scoring.Rejected as rejected:
                    self.assertTrue(str(rejected))
        self.assertFalse(os.path.exists("/tmp/owned"))

    def test_the_command_scores_the_start_near_zero_and_takes_the_seed_away(self):
        seed = os.path.join(self.place.name, "seed")
        with open(seed, "w") as file:
            file.write(SEED)
        command = [sys.executable, "-I", os.path.join(self.place.name, "scorer", "score.py"), "--tier", "smoke"]
        with self.attempt("start") as artifact:
            command += ["--submission", artifact, "--seed-file", seed]
            outcome = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            self.assertAlmostEqual(outcome["raw"], self.score(artifact)["raw"])
        self.assertEqual((outcome["status"], len(outcome["samples"])), ("valid", score.SHARDS))
        self.assertLess(abs(outcome["normalized"]), MARGIN)
        self.assertFalse(os.path.exists(seed))

    def test_a_seed_stands_for_one_set_of_hidden_texts(self):
        sizes = {"tier": "smoke", "mask_id": 63, **TIERS["smoke"]}
        texts, tokens, positions = hidden.draw(self.place.name, sizes, scoring.Seed(SEED))
        again = hidden.draw(self.place.name, sizes, scoring.Seed(SEED))
        other = hidden.draw(self.place.name, sizes, scoring.Seed("6b" * 32))
        self.assertTrue(all(map(torch.equal, (texts, tokens, positions), again)))
        self.assertFalse(torch.equal(texts, other[0]) or torch.equal(positions, other[2]))
        masked = tokens == 63
        self.assertTrue((masked.sum(1) == 5).all() and (texts != 63).all())
        self.assertTrue(torch.equal(tokens[~masked], texts[~masked]))
        known = {row.tobytes() for row in numpy.load(os.path.join(self.place.name, "data", "train.npy"))}
        self.assertFalse(known & {row.tobytes() for row in texts.numpy().astype(numpy.uint16)})

    def test_a_text_cannot_reach_another(self):
        """The loss of a text is the same whatever stands in the other texts of its batch."""
        with self.attempt("start") as artifact:
            program, tensors = graph.load(artifact, self.bounds())
        one, two = torch.randint(63, (2, 1, 32), generator=torch.Generator().manual_seed(1))
        both = program.run(tensors, torch.cat((one, two)))
        torch.testing.assert_close(both[:1], program.run(tensors, one))

    def test_logits_must_have_their_shape_and_depend_on_the_tokens(self):
        turned, constant = graph.Builder(), graph.Builder()
        looked_up = turned.node("embedding", "tokens", turned.parameter("table", 64, 64))
        self.hand_in(turned.graph(turned.node("transpose", looked_up, axes=[1, 0])))
        self.hand_in(constant.graph(constant.parameter("logits", 32, 64)))

    def hand_in(self, description):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, graph.GRAPH_FILE), "w") as file:
                json.dump(description, file)
            shapes = description["parameters"].items()
            weights.write(os.path.join(folder, graph.WEIGHTS_FILE), {name: torch.zeros(s) for name, s in shapes})
            with self.assertRaisesRegex(scoring.Rejected, "the output must depend on the tokens"):
                self.score(folder)

    def bounds(self, tier="smoke"):
        sizes = TIERS[tier]
        return graph.Bounds(sizes["length"], sizes["vocabulary"], **sizes["bounds"])

    def test_the_reference_learns_and_fits_the_bounds_of_every_tier(self):
        attempt, network = self.reference()
        for tier, plan in attempt.PLANS.items():
            sizes = TIERS[tier]
            graph.Program(network.describe(sizes["length"], sizes["vocabulary"], plan.config), self.bounds(tier))
        config = network.Config(width=16, hidden=32, radius=1, heads=2, blocks="wa")
        plan = attempt.Plan(config, batch=32, steps=120, rate=2e-2)
        description = network.describe(32, 64, config)
        counts = attempt.task.Texts("train").counts()
        first = network.initial(description, torch.Generator().manual_seed(0), counts)
        tensors = {name: tensor.requires_grad_() for name, tensor in first.items()}
        before = self.loss(description, tensors)
        trunk = graph.Program(network.describe(32, 64, config, whole=False), self.bounds())
        with mock.patch.dict(os.environ, {"QUORATE_SECONDS": "600"}), contextlib.redirect_stdout(None):
            attempt.train(plan, trunk, tensors, attempt.task.Texts("train"))
        self.assertLess(self.loss(description, tensors), before - 0.1)

    def reference(self):
        paths = [os.path.join(HERE, part) for part in ("reference", "start")] + sys.path
        with mock.patch.dict(os.environ, {"QUORATE_TASK": self.place.name}), mock.patch.object(sys, "path", paths):
            return importlib.import_module("attempt"), importlib.import_module("network")

    def loss(self, description, tensors):
        sizes = {"tier": "smoke", "mask_id": 63, **TIERS["smoke"]}
        drawn = hidden.draw(self.place.name, sizes, scoring.Seed(SEED))
        program = graph.Program(description, self.bounds())
        with torch.no_grad():
            return score.losses(program, tensors, *(part[:512] for part in drawn)).mean().item()


class Full(unittest.TestCase):
    """The path of tier `full`, on a few made documents."""

    def test_documents_are_cut_into_whole_pieces(self):
        stream = [numpy.array(part, numpy.uint16) for part in ([1, 2, 3, 4, 5, 9, 6], [7, 8, 1, 9, 9, 2, 9])]
        pieces = [piece.tolist() for piece in prepare.cut(stream, 2, 9)]
        self.assertEqual(pieces, [[1, 2], [3, 4], [6, 7], [8, 1]])

    def test_hidden_texts_come_from_a_pool_that_agents_do_not_see(self):
        counts = {"train": 40, "valid": 10, "hidden": 8, "pool": 20}
        small = {**TIERS["full"], "length": 4, "vocabulary": 50, "masked": 2, "texts": counts}
        documents = numpy.random.default_rng(1).integers(49, size=(30, 17)).astype(numpy.uint16)
        documents[:, -1] = 49
        public = types.SimpleNamespace(
            texts=lambda folder: ["a text"],
            tokenizer=lambda folder: None,
            token_stream=lambda texts, tokenizer: iter(documents),
        )
        old = os.getcwd()
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(sys.modules, {"public": public}):
            os.chdir(folder)
            try:
                os.makedirs("data")
                os.makedirs("scorer")
                prepare.public_texts(small, "sources")
            finally:
                os.chdir(old)
            seed, sizes = scoring.Seed(SEED), {"tier": "full", "mask_id": 49, **small}
            texts, tokens, _ = hidden.draw(folder, sizes, seed)
            train = numpy.load(os.path.join(folder, "data", "train.npy"))
        self.assertEqual((texts.shape, train.shape), ((8, 4), (40, 4)))
        self.assertTrue(((tokens == 49).sum(1) == 2).all() and (train < 49).all())
        self.assertFalse({tuple(row) for row in texts.tolist()} & {tuple(row) for row in train.tolist()})


class Texts(unittest.TestCase):
    def test_every_text_carries_the_canary(self):
        for folder, _, names in os.walk(HERE):
            for name in names:
                if name.endswith((".py", ".md", ".toml")):
                    with open(os.path.join(folder, name)) as file:
                        self.assertIn(CANARY, file.read(), os.path.join(folder, name))

    def test_the_instructions_state_the_bounds_that_hold(self):
        with open(os.path.join(HERE, "instructions.md")) as file:
            text = file.read()
        for sizes in TIERS.values():
            for number in (sizes["vocabulary"], sizes["length"], *list(sizes["bounds"].values())[:3]):
                self.assertIn(f"{number:,}", text)


if __name__ == "__main__":
    unittest.main()
