"""The environment's own tests: `/usr/bin/python3 -B -m unittest discover -s tests` in its folder.

They run the real code at tiny sizes, in one process, because it is PyTorch's start that takes the time.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
BUNDLE = tempfile.mkdtemp(prefix="bundle-")
unittest.addModuleCleanup(shutil.rmtree, BUNDLE)
os.environ.update(QUORATE_TASK=BUNDLE, QUORATE_TIER="smoke", QUORATE_SECONDS="8", QUORATE_SEED="00" * 32)
sys.path[:0] = [os.path.join(HERE, folder) for folder in ("prepare", "start", "reference", "scorer", "tests")]
sys.path[:0] = [os.path.join(TASKS, "library"), os.path.join(TASKS, "tools")]

import attempt  # noqa: E402
import evaluate  # noqa: E402
import floor  # noqa: E402
import given  # noqa: E402
import matching  # noqa: E402
import numpy  # noqa: E402
import prepare  # noqa: E402
import public  # noqa: E402
import score  # noqa: E402
import scoring  # noqa: E402
import tiers  # noqa: E402
import torch  # noqa: E402
import trial  # noqa: E402
import weights  # noqa: E402

CANARY = "quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11"
INSTANCE = "5a" * 32
SEED = "1b" * 32
TINY = tiers.Tier(
    big=tiers.size(96, 24, layers=1, heads=2, width=32),
    small=tiers.size(96, 24, layers=1, heads=1, width=16),
    training_rows=4_000,
    validation_rows=64,
    shards=4,
    shard_rows=16,
    made=tiers.Made(1, big=tiers.Training(250, 32, 1e-2), small=tiers.Training(5, 8, 1e-2)),
)
PREPARED = {
    "start/model.safetensors",
    "data/small.safetensors",
    "data/config.json",
    "data/training.npy",
    "data/validation.npy",
    "scorer/hidden.json",
}


class Environment(trial.Environment):
    def _prepare(self):
        shutil.copytree(prepared(TINY, INSTANCE), self.bundle, dirs_exist_ok=True)


def prepared(tier, instance, *more):
    """The folder that prepare leaves, at the sizes of `tier`."""
    folder = tempfile.mkdtemp(prefix="made-")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    words = ["prepare.py", "--tier", "smoke", "--instance", instance, *more]
    with mock.patch.dict(tiers.TIERS, smoke=tier), mock.patch.object(sys, "argv", words), contextlib.chdir(folder):
        prepare.main()
    return folder


def setUpModule():
    global intact
    kept = {}
    damage = prepare.damage

    def keep(tensors, instance):
        kept.update(tensors)
        damage(tensors, instance)

    with mock.patch.object(prepare, "damage", keep):
        Environment("fix-embedding", "smoke", BUNDLE).pack()
    intact = {name: tensor.half() for name, tensor in kept.items()}


class Place(unittest.TestCase):
    """A working folder like an agent's."""

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="attempt-")
        self.addCleanup(shutil.rmtree, self.work)
        shutil.copytree(os.path.join(BUNDLE, "start"), self.work, dirs_exist_ok=True)

    def score(self, seed=SEED, tier="smoke"):
        options = types.SimpleNamespace(task=BUNDLE, submission=self.work, tier=tier, seed=scoring.Seed(seed))
        return score.score(options)

    def hand_in(self, tensors):
        weights.write(os.path.join(self.work, given.MODEL), tensors)


class Scores(Place):
    def test_raw_is_ln_of_loss_less_floor_over_all_hidden_rows(self):
        outcome = self.score()
        model = given.model(self.work)
        language = score.Language(f"{INSTANCE}/language", 96, 1)
        rows = language.texts(scoring.Seed(SEED).number("text"), 64, 25)
        with torch.no_grad():
            loss = model.losses(torch.from_numpy(rows).long()).mean().item()
        self.assertAlmostEqual(outcome["raw"], math.log(loss - tiers.FLOOR), places=4)
        self.assertEqual((outcome["status"], len(outcome["samples"])), ("valid", 4))

    def test_the_intact_model_is_far_better_than_the_damaged_one(self):
        damaged = self.score()["raw"]
        self.hand_in(intact)
        self.assertLess(self.score()["raw"], damaged - 0.8)

    def test_the_seed_alone_picks_the_text(self):
        first = self.score()
        self.assertEqual(first, self.score())
        self.assertNotEqual(first["raw"], self.score(seed="2c" * 32)["raw"])

    def test_no_number_comes_of_an_impossible_loss(self):
        for loss in (math.nan, math.inf, -math.inf, tiers.FLOOR, 0.0):
            with self.assertRaises(scoring.Rejected, msg=str(loss)):
                score.raw_score(loss, tiers.FLOOR)

    def test_the_floor_is_below_what_the_language_allows(self):
        for name in ("smoke", "gpu"):
            self.assertGreater(floor.bound(tiers.TIERS[name]), tiers.FLOOR)

    def test_nothing_handed_in_is_invalid(self):
        os.remove(os.path.join(self.work, given.MODEL))
        with self.assertRaisesRegex(scoring.Rejected, "cannot be read"):
            self.score()

    def test_one_tensor_in_the_shape_of_another_is_invalid(self):
        self.hand_in({**intact, "ln_f.bias": intact["ln_f.bias"][:-1]})
        with self.assertRaisesRegex(scoring.Rejected, "shape"):
            self.score()

    def test_a_truncated_file_is_invalid(self):
        os.truncate(os.path.join(self.work, given.MODEL), 20_000)
        with self.assertRaisesRegex(scoring.Rejected, "no safetensors file"):
            self.score()

    @unittest.skipIf(torch.cuda.is_available(), "this machine has a GPU")
    def test_without_its_gpu_a_tier_gives_no_verdict(self):
        with self.assertRaises(scoring.HostTrouble):
            self.score(tier="gpu")


class Exploits(Place):
    """By the container's rules: an attempt does not see the bundle's scorer."""

    reasons = {
        "double-precision": "is F64",
        "extra-tensor": "has unknown 1 tensors",
        "header-bomb": "has a header of more than",
        "linked-model": "is no regular file",
        "nan-weights": "not finite",
        "nested-header": "no safetensors file",
        "overflowing-logits": "no finite number",
        "pickled-model": "has a header of more than",
        "wider-model": "shape",
    }
    as_the_start = {"hidden-text", "patched-judge", "result-ahead"}

    def test_every_exploit_is_listed(self):
        self.assertEqual({*self.reasons, *self.as_the_start}, set(os.listdir(os.path.join(HERE, "exploits"))))

    def test_what_is_no_model_of_the_right_kind_is_invalid(self):
        for name, reason in self.reasons.items():
            with self.subTest(exploit=name):
                self.run_exploit(name)
                with self.assertRaisesRegex(scoring.Rejected, reason):
                    self.score()

    def test_what_lies_beside_the_model_changes_nothing(self):
        start = self.score()
        hidden, away = (os.path.join(BUNDLE, name) for name in ("scorer", "sealed"))
        for name in sorted(self.as_the_start):
            with self.subTest(exploit=name):
                os.rename(hidden, away)
                try:
                    self.run_exploit(name)
                finally:
                    os.rename(away, hidden)
                self.assertEqual(self.score(), start)

    def test_the_score_command_imports_nothing_from_the_submission(self):
        self.run_exploit("patched-judge")
        seed_file = os.path.join(self.work, ".scoring-seed")
        with open(seed_file, "w") as file:
            file.write(SEED)
        command = [sys.executable, "-I", os.path.join(BUNDLE, "scorer", "score.py"), "--tier", "smoke"]
        command += ["--submission", self.work, "--seed-file", seed_file]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=60, check=True)
        self.assertAlmostEqual(json.loads(done.stdout)["raw"], self.score()["raw"], places=5)
        self.assertFalse(os.path.exists(seed_file))

    def run_exploit(self, name):
        shutil.rmtree(self.work)
        shutil.copytree(os.path.join(BUNDLE, "start"), self.work)
        with contextlib.chdir(self.work), contextlib.suppress(SystemExit):
            runpy.run_path(os.path.join(HERE, "exploits", name, "attempt.py"), run_name="__main__")


class Prepared(unittest.TestCase):
    def test_only_the_order_of_the_embeddings_rows_is_damaged(self):
        damaged = weights.read(os.path.join(BUNDLE, "start"), given.MODEL, score.shapes(score.Config(**TINY.big)))
        for name, tensor in intact.items():
            if name != "wte.weight":
                self.assertTrue(torch.equal(damaged[name], tensor.float()), name)
        rows, before = damaged["wte.weight"], intact["wte.weight"].float()
        self.assertLess((rows == before).all(1).sum().item(), 6)
        self.assertTrue(torch.equal(rows.unique(dim=0), before.unique(dim=0)))

    def test_the_instance_alone_decides_and_the_answer_is_not_in_the_bundle(self):
        few = dataclasses.replace(TINY, made=dataclasses.replace(TINY.made, big=TINY.made.small), training_rows=50)
        digests = [self.digests(prepared(few, instance)) for instance in (INSTANCE, INSTANCE, "77" * 32)]
        self.assertEqual(set(digests[0]), PREPARED)
        self.assertEqual(digests[0], digests[1])
        self.assertNotEqual(digests[0]["start/model.safetensors"], digests[2]["start/model.safetensors"])

    def digests(self, folder):
        found = {}
        for where, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(where, name), "rb") as file:
                    path = os.path.relpath(file.name, folder)
                    found[path] = hashlib.sha256(file.read()).hexdigest()
        return found

    def test_public_text_is_cut_into_rows_and_the_hidden_part_is_nobody_elses(self):
        data = tempfile.mkdtemp(prefix="data-")
        self.addCleanup(shutil.rmtree, data)
        for name in ("openwebtext", "gpt2", "gpt2-xl"):
            os.makedirs(os.path.join(data, name))
            weights.write(os.path.join(data, name, given.MODEL), intact)
        tokens = numpy.arange(40_000, dtype=numpy.uint16)
        tokens[399::400] = 50256  # the end of each text
        with open(os.path.join(data, "openwebtext", "some.jsonl"), "w") as file:
            for text in tokens.reshape(-1, 400).tolist():
                print(json.dumps({"text": " ".join(map(str, text[:-1]))}), file=file)
        tokenizer = types.SimpleNamespace(encode=lambda text: [int(word) for word in text.split()])
        tier = dataclasses.replace(TINY, made=None, hidden_rows=500, training_rows=900)
        with mock.patch.object(public, "tokenizer", lambda folder: tokenizer):
            folder = prepared(tier, INSTANCE, "--data", data)
            with self.assertRaisesRegex(SystemExit, "the text ends before data/training is full"):
                prepared(dataclasses.replace(tier, training_rows=3_000), INSTANCE, "--data", data)
        names = ("scorer/hidden", "data/validation", "data/training")
        parts = [numpy.load(os.path.join(folder, f"{name}.npy")) for name in names]
        self.assertTrue(numpy.array_equal(numpy.concatenate(parts).flatten(), tokens[: 1464 * 25]))
        options = types.SimpleNamespace(task=folder, seed=scoring.Seed(SEED))
        hidden = score.load(options, "scorer/hidden.json")
        rows = score.hidden_text(options, hidden, 25)
        self.assertEqual((rows.shape, len(numpy.unique(rows[:, 0]))), ((64, 25), 64))
        hidden_rows = set(map(tuple, parts[0].tolist()))
        self.assertTrue(all(tuple(row) in hidden_rows for row in rows.tolist()))


class Reference(Place):
    def test_a_noisy_graph_is_found_again(self):
        generator = torch.Generator().manual_seed(3)
        chances = torch.rand(80, 80, generator=generator) ** 12 / torch.arange(1, 81)
        order = torch.randperm(80, generator=generator)
        graphs = []
        for nodes in (torch.arange(80), order):
            noisy = chances * (0.7 + 0.6 * torch.rand(80, 80, generator=generator)) + 1e-6
            noisy = (noisy / noisy.sum(1, keepdim=True))[nodes][:, nodes]
            frequency = torch.linalg.matrix_power(noisy, 64)[0]
            graphs.append(matching.Graph(noisy, frequency))
        found = matching.permutation(matching.match(*graphs))
        self.assertGreater((order[found] == torch.arange(80)).float().mean().item(), 0.9)

    def test_a_permutation_uses_each_column_once_the_surest_first(self):
        chances = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.3, 0.1], [0.95, 0.0, 0.2]])
        self.assertEqual(matching.permutation(chances).tolist(), [1, 2, 0])

    def test_the_way_of_the_larger_tiers_mends_the_model(self):
        """Fewer frequent tokens than there are, so that the others are named by reading."""
        with contextlib.chdir(self.work), mock.patch.object(attempt, "FREQUENT", 64):
            damaged = evaluate.loss(given.model())
            attempt.main()
            mended = evaluate.loss(given.model())
        self.hand_in(intact)
        whole = evaluate.loss(given.model(self.work))
        self.assertLess(mended, whole + 0.1 * (damaged - whole))


class Texts(unittest.TestCase):
    def test_every_text_carries_the_canary(self):
        for folder, _, names in os.walk(HERE):
            for name in names:
                if not name.endswith(".pyc"):
                    with open(os.path.join(folder, name)) as file:
                        self.assertIn(CANARY, file.read(), os.path.join(folder, name))


if __name__ == "__main__":
    unittest.main()
