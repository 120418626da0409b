"""The environment's own tests: `python3 -B -m unittest discover -s tests` in its folder, with PyTorch.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from dataclasses import replace
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TASKS, part) for part in ("tools", "library")]
sys.path[:0] = [os.path.join(HERE, part) for part in ("scorer", "start", "prepare", "reference")]
os.environ.setdefault("QUORATE_TASK", HERE)

import torch  # noqa: E402

import attempt  # noqa: E402
import demonstrations  # noqa: E402
import duel  # noqa: E402
import gpt  # noqa: E402
import judge  # noqa: E402
import prepare  # noqa: E402
import score  # noqa: E402
import scoring  # noqa: E402
import train  # noqa: E402
import trial  # noqa: E402
import tune  # noqa: E402
import weights  # noqa: E402
import worlds  # noqa: E402
from tiers import TIERS  # noqa: E402

SEED = "5a" * 32
SMOKE = replace(TIERS["smoke"], hidden=128)


class Bytes:
    """A tokenizer in which each byte is a token."""

    def encode(self, text):
        return [*text.encode()]

    def decode(self, row):
        return bytes(row).decode()


def quality(prompt, answer, ended=True):
    return judge.quality(judge.words(prompt), judge.words(answer), ended)


class Judge(unittest.TestCase):
    def test_every_example_of_the_instructions_is_perfect(self):
        with open(os.path.join(HERE, "instructions.md")) as file:
            rows = [line.split("|") for line in file if " answer :`" in line]
        self.assertEqual(len(rows), 7)
        for row in rows:
            prompt, answer = (cell.split("`")[1] for cell in row[1:3])
            self.assertEqual(quality(prompt, answer), 1, prompt)
            self.assertEqual(quality(prompt, answer, ended=False), 0.5)
            self.assertLess(quality(prompt, answer + " vo"), 1 if "write" not in prompt else 1.1)

    def test_a_broken_rule_costs(self):
        prompt = "Question: Why is the sky blue?\nRules: {} Use at most 9 words.\nAnswer:"
        for rule, good, bad in (
            ("Begin with the word river.", "River and sky and blue.", "The sky is blue."),
            ("End with the word river.", "A blue sky, a river.", "The river has a blue sky."),
            ("Avoid the word the.", "Blue light fills a sky.", "The sky is blue."),
            ("Mention the word river.", "Blue sky, blue river.", "Blue sky."),
            ("Give 2 items, each after a dash.", "- blue light\n- a sky", "- blue sky"),
        ):
            self.assertEqual(quality(prompt.format(rule), good), 1, rule)
            self.assertLess(quality(prompt.format(rule), bad), 0.8, rule)

    def test_off_topic_repeated_and_copied_answers_are_poor(self):
        prompt = "Question: Why is the sky blue?\nRules: Use at most 30 words.\nAnswer:"
        for answer in ("", "- - - -", "Cats like milk.", "sky blue " * 12, prompt):
            self.assertLess(quality(prompt, answer), 0.3, answer)

    def test_a_rule_in_the_question_is_none(self):
        question = "Question: Which rules : begin with mouse ? rules : avoid cat . answer :"
        self.assertEqual(judge.split(judge.words(question))[1], judge.words("avoid cat . answer :"))

    def test_no_text_makes_it_raise(self):
        stream = random.Random(1)
        pieces = [*judge.CLOSED, *worlds.GRAMMAR, "9999", "99999999999", "²", "\0", "é", "answer", ":", "rules"]
        for _ in range(3000):
            prompt, answer = (stream.choices(pieces, k=stream.randrange(12)) for _ in range(2))
            self.assertTrue(0 <= judge.quality(prompt, answer, stream.random() < 0.5) <= 1)


class Prompts(unittest.TestCase):
    def test_they_follow_from_the_seed_and_fit(self):
        for name in ("smoke", "gpu"):
            world = worlds.open_world(TIERS[name], "")
            first, again, other = (world.prompts(scoring.Seed(d * 64).stream("prompts"), 480) for d in "aab")
            self.assertEqual(first, again)
            self.assertLess(len(set(first) & set(other)), 24)
            self.assertEqual(world.frame(first).shape, (480, world.tier.prompt))
            self.assertEqual(len(world.tokenizer.words), world.tier.model.vocabulary)

    def test_every_shard_has_as_many_of_each_kind(self):
        for name in ("smoke", "gpu"):
            self.assertEqual(TIERS[name].hidden // score.SHARDS % len(TIERS[name].tasks), 0)

    def test_a_writer_without_habits_is_perfect_and_fits(self):
        for name in ("smoke", "gpu"):
            world, stream = worlds.open_world(TIERS[name], ""), random.Random(2)
            for prompt in world.prompts(stream, 400):
                words, ends = demonstrations.answer(prompt, (None,), stream, world.items)
                self.assertEqual(judge.quality(judge.words(prompt), words, ends), 1, prompt)
                self.assertLess(len(words), world.tier.answer)

    def test_no_constant_answer_does_well(self):
        world, stream = worlds.open_world(TIERS["smoke"], ""), random.Random(3)
        prompts = [judge.words(prompt) for prompt in world.prompts(stream, 200)]
        for answer in (demonstrations.answer(p, (None,), stream, world.items) for p in world.prompts(stream, 60)):
            self.assertLess(sum(judge.quality(prompt, *answer) for prompt in prompts) / len(prompts), 0.25)

    def test_english_prompts_go_the_same_way(self):
        tokenizer = Bytes()
        tier = replace(TIERS["full"], prompt=400, end=255)
        world = worlds.English(tier, tokenizer, ["Why is the sky blue?"])
        prompts = world.prompts(random.Random(4), 40)
        self.assertEqual(world.frame(prompts).shape, (40, 400))
        self.assertEqual(world.read([*b"Blue sky.", 255, 65]), (["blue", "sky", "."], True))
        for prompt in prompts:
            rules = " ".join(judge.split(judge.words(prompt))[1])
            self.assertEqual(sum(bool(judge.re.search(pattern, rules)) for pattern, _ in judge.RULES), tier.rules)


class Tuning(unittest.TestCase):
    def test_only_the_answer_up_to_its_end_is_learned(self):
        row = torch.tensor([[9] * SMOKE.prompt + [5, 6, 0, 0, 0, 0, 0, 0]])
        found = tune.targets(row, SMOKE)[0].tolist()
        self.assertEqual(found, [-100] * (SMOKE.prompt - 1) + [5, 6, 0] + [-100] * 5)

    def test_the_gpu_tier_prepares_and_tunes(self):
        model = gpt.Config(96, 64, 1, 2, 16)
        tiny = replace(TIERS["gpu"], device="cpu", model=model, tuned=model, batch=64)
        lessons = tuple((habits, 3, rate, path) for habits, _, rate, path in prepare.LESSONS["gpu"])
        recipe = replace(attempt.RECIPES["gpu"], rounds=1, prompts=16, tries=2, steps=2, batch=8, good=0.0)
        self.enterContext(mock.patch.dict(TIERS, gpu=tiny))
        self.enterContext(mock.patch.dict(prepare.LESSONS, gpu=lessons))
        self.enterContext(mock.patch.dict(prepare.BATCH, gpu=8))
        self.enterContext(mock.patch.dict(train.PROMPTS, gpu=16))
        self.enterContext(mock.patch.dict(attempt.RECIPES, gpu=recipe))
        made = [self.prepared(), self.prepared()]
        self.assertEqual(*made)
        self.assertEqual(sorted(made[0]), ["data/base", "scorer/tuned", "start/model"])
        world = worlds.open_world(tiny, "")
        rows, mean = attempt.best(gpt.Gpt(model).initialise(torch.Generator()), world, recipe, random.Random(5))
        self.assertEqual(rows.shape, (16, tiny.prompt + tiny.answer))
        self.assertTrue(0 <= mean <= 1)

    def test_the_full_tier_takes_models_and_questions_from_its_sources(self):
        record = {"context": "", "category": "open_qa"}
        questions = ("Why is\nthe sky blue?", "why " * 50)
        public = types.SimpleNamespace(
            gpt2=lambda folder: {"wte.weight": torch.full((1, 1), float(len(os.path.basename(folder))))},
            records=lambda _: [{**record, "instruction": question} for question in questions],
            tokenizer=lambda _: Bytes(),
        )
        self.enterContext(mock.patch.dict(sys.modules, public=public))
        sources, folder = tempfile.mkdtemp(), tempfile.mkdtemp()
        for made in (sources, folder):
            self.addCleanup(shutil.rmtree, made)
        os.makedirs(os.path.join(sources, "gpt2"))
        for part in ("data", "scorer"):
            os.makedirs(os.path.join(folder, part))
        self.inside(folder, prepare.public_baselines, sources)
        base = weights.read(folder, "data/base.safetensors", {"wte.weight": (1, 1)})
        self.assertEqual(base["wte.weight"].item(), len("gpt2-xl"))
        world = worlds.open_world(TIERS["full"], os.path.join(folder, "data"))
        self.assertEqual(world.questions, ["Why is the sky blue?"])

    def inside(self, folder, work, *given):
        before = os.getcwd()
        os.chdir(folder)
        try:
            work(*given)
        finally:
            os.chdir(before)

    def prepared(self):
        """What one run leaves: path → bytes."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        with mock.patch.object(sys, "argv", ["prepare.py", "--tier", "gpu", "--instance", SEED]):
            self.inside(folder, prepare.main)
        found = {}
        for path in ("data/base", "scorer/tuned", "start/model"):
            with open(os.path.join(folder, path + ".safetensors"), "rb") as file:
                found[path] = file.read()
        return found

    def test_questions_that_need_a_text_are_left_out(self):
        record = {"instruction": "Why is\nthe sky blue?", "context": "", "category": "open_qa"}
        self.assertEqual(prepare.plain(record), "Why is the sky blue?")
        for change in ({"instruction": " "}, {"context": "A text."}, {"category": "closed_qa"}):
            self.assertIsNone(prepare.plain({**record, **change}))


class Scoring(unittest.TestCase):
    """A bundle with models of random weights."""

    def setUp(self):
        self.bundle, self.work = tempfile.mkdtemp(), tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.bundle)
        self.addCleanup(shutil.rmtree, self.work)
        environment = trial.Environment("finetune-qa", "smoke", self.bundle)
        del environment.terms["prepare"]
        environment.pack()
        os.makedirs(os.path.join(self.bundle, "data"))
        self.base, self.tuned = (self.model(number) for number in (1, 2))
        weights.write(os.path.join(self.bundle, "data", "base.safetensors"), self.base)
        weights.write(os.path.join(self.bundle, "scorer", "tuned.safetensors"), self.tuned)
        self.enterContext(mock.patch.dict(TIERS, smoke=SMOKE))
        self.enterContext(mock.patch.object(score, "HERE", os.path.join(self.bundle, "scorer")))

    def model(self, number):
        model = gpt.Gpt(SMOKE.model).initialise(torch.Generator().manual_seed(number))
        return {name: tensor * 4 for name, tensor in model.state_dict().items()}

    def score(self):
        seed = scoring.Seed(SEED)
        return score.score(types.SimpleNamespace(tier="smoke", submission=self.work, task=self.bundle, seed=seed))

    def hand_in(self, tensors):
        weights.write(os.path.join(self.work, "model.safetensors"), tensors)

    def test_a_baseline_ties_with_itself(self):
        for tensors, name in ((self.base, "against_base"), (self.tuned, "against_tuned")):
            self.hand_in(tensors)
            outcome = self.score()
            self.assertEqual(outcome["measured"][name], 0.5)
            self.assertEqual(len(outcome["samples"]), score.SHARDS)
            self.assertEqual(outcome, self.score())

    def test_what_is_no_such_model_is_rejected(self):
        good = self.base
        path = os.path.join(self.work, "model.safetensors")
        for change, reason in (
            ({"ln_f.bias": torch.full((64,), float("nan"))}, "not finite"),
            ({"ln_f.bias": torch.full((64,), float("inf"))}, "not finite"),
            ({"ln_f.bias": torch.zeros(65)}, "shape"),
            ({"ln_f.bias": torch.zeros(64, dtype=torch.int64)}, "not one of"),
            ({"more": torch.zeros(1)}, "unknown"),
        ):
            self.hand_in({**good, **change})
            with self.assertRaisesRegex(scoring.Rejected, reason):
                self.score()
        for data in (b"", b"\0" * 7, pickle.dumps(good), (1 << 62).to_bytes(8, "little") + b"{}", bytes(4 << 20)):
            with open(path, "wb") as file:
                file.write(data)
            self.assertRaises(scoring.Rejected, self.score)
        os.unlink(path)
        self.assertRaises(scoring.Rejected, self.score)
        os.symlink(os.path.join(self.bundle, "data", "base.safetensors"), path)
        self.assertRaises(scoring.Rejected, self.score)

    def test_huge_weights_win_nothing(self):
        self.hand_in({name: torch.full_like(tensor, 3e38) for name, tensor in self.base.items()})
        self.assertLess(self.score()["raw"], 0.55)

    def test_a_broken_bundle_says_nothing_about_the_submission(self):
        self.hand_in(self.base)
        os.unlink(os.path.join(self.bundle, "scorer", "tuned.safetensors"))
        self.assertRaises(scoring.HostTrouble, self.score)

    def test_the_command_imports_nothing_of_the_submission(self):
        self.hand_in(self.base)
        for name in ("judge", "duel", "torch", "sitecustomize"):
            with open(os.path.join(self.work, f"{name}.py"), "w") as file:
                file.write("raise SystemExit('ran')\n")
        script = os.path.join(self.bundle, "scorer", "score.py")
        command = [sys.executable, "-I", script, "--tier", "smoke", "--submission", self.work, "--seed", SEED]
        ended = subprocess.run(command, cwd=self.work, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        outcome = json.loads(ended.stdout)
        self.assertEqual((outcome["status"], outcome["measured"]["against_base"]), ("valid", 0.5))


class Canary(unittest.TestCase):
    def test_every_file_has_it(self):
        for folder, _, files in os.walk(HERE):
            for name in files:
                if not name.endswith(".pyc"):
                    with open(os.path.join(folder, name)) as file:
                        self.assertIn("quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11", file.read(), name)


if __name__ == "__main__":
    unittest.main()
