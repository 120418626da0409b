"""The scorer's rules and its hostile inputs, at sizes that take a fraction of a second a run.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import importlib.util
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types
import unittest
from dataclasses import replace
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "scorer"), os.path.join(TASKS, "library"), os.path.join(TASKS, "tools")]

import numpy  # noqa: E402
import torch  # noqa: E402

import gpt  # noqa: E402
import guard  # noqa: E402
import inputs  # noqa: E402
import score  # noqa: E402
import scoring  # noqa: E402
import trial  # noqa: E402
import weights  # noqa: E402
from launcher import Launcher  # noqa: E402
from rounds import Rounds  # noqa: E402
from tiers import TIERS  # noqa: E402

CANARY = "quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11"
SEED = scoring.Seed("5a" * 32)
MODEL = gpt.Config(vocabulary=100, context=24, layers=2, heads=2, width=16)
SMALL = replace(
    TIERS["smoke"],
    model=MODEL,
    steps=3,
    batch=4,
    texts=64,
    pretraining_steps=2,
    pretraining_batch=4,
    hidden_texts=8,
    rounds=2,
    most_rounds=2,
    run_seconds=8.0,
)

FAR = "of the training's way"
# What each planted exploit comes to: the reason why it is invalid, or nothing where it is only the start again.
OUTCOMES = {
    "bias-forgotten": FAR,
    "busy-helpers": None,
    "cached-weights": None,
    "cut-rows": FAR,
    "fake-result": "cannot be read",
    "fewer-steps": FAR,
    "fork-bomb": "took more than 8 s",
    "frozen-layer": FAR,
    "half-the-rows": FAR,
    "hang": "took more than 8 s",
    "huge-output": "File too large",
    "initial-weights": "1.0000 of the training's way",
    "later-output": FAR + "|no safetensors|not finite",
    "linked-output": "is no regular file",
    "nan-weights": "not finite",
    "no-output": "cannot be read",
    "one-large-step": FAR,
    "outlives-run": "cannot be read",
    "patched-clock": None,
    "read-reference": None,
    # The kernel itself keeps processes that have capabilities, such as root's, from one that has none.
    "renice-others": "changed how other processes" if os.geteuid() else None,
    "skipped-step": FAR,
    "stop-scorer": None,
    "write-library": None,
}


def prepare_module():
    spec = importlib.util.spec_from_file_location("prepare", os.path.join(HERE, "prepare", "prepare.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(name):
    with open(os.path.join(HERE, name, "train.py"), "rb") as file:
        return file.read()


def planted(name):
    """The program that an exploit leaves: it is one, or an attempt that edits the start's."""
    folder = os.path.join(HERE, "exploits", name)
    if os.path.exists(os.path.join(folder, "train.py")):
        return program(folder)
    with tempfile.TemporaryDirectory() as work:
        shutil.copy(os.path.join(HERE, "start", "train.py"), work)
        subprocess.run([sys.executable, "-S", os.path.join(folder, "attempt.py")], cwd=work, check=True)
        return program(work)


def setUpModule():
    global bundle, launcher
    launcher = Launcher()
    unittest.addModuleCleanup(launcher.close)
    guard.withdraw()
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    bundle = folder.name
    environment = trial.Environment("optimize-llm-foundry", "smoke", bundle)
    del environment.terms["prepare"]
    environment.pack()
    base, texts = prepare_module().made("00" * 32, SMALL)
    os.makedirs(os.path.join(bundle, "data"))
    weights.write(os.path.join(bundle, "data", "base.safetensors"), base)
    numpy.save(os.path.join(bundle, "data", "texts.npy"), texts.astype(numpy.uint16))


def rounds(text, tier=SMALL, **others):
    """One round of `text` beside the start, or raises."""
    text = text if isinstance(text, bytes) else text.encode()
    programs = {"start": program("start"), **others, "submission": text}
    one = Rounds(replace(tier, rounds=1), SEED, programs, launcher, bundle)
    return one.run(1, lambda measured: True), one.closeness


class Results(unittest.TestCase):
    def test_the_reference_trains_what_the_start_trains(self):
        measured, closeness = rounds(program("reference"), reference=program("reference"))
        self.assertEqual(set(measured[0]), {"start", "reference", "submission"})
        self.assertLess(max(distance for distance, _ in closeness), 1e-4)
        self.assertLess(max(share for _, share in closeness), 1e-4)

    def test_what_trains_something_else_is_invalid(self):
        start = program("start").decode()
        for old, new in (
            ('range(settings["steps"])', 'range(settings["steps"] - 1)'),
            ('["learning_rate"], ', '["learning_rate"] * 1.2, '),
            ("        batch = batch_of(step, settings)\n", "        batch = batch_of(step, settings)[1:]\n"),
        ):
            with self.subTest(new), self.assertRaisesRegex(scoring.Rejected, "of the training's way"):
                self.assertIn(old, start)
                rounds(start.replace(old, new))

    def test_a_broken_start_or_reference_is_the_hosts_trouble(self):
        with self.assertRaisesRegex(scoring.HostTrouble, "the reference program"):
            rounds(program("start"), reference=b"1 / 0")

    def test_a_scoring_of_its_own_sizes(self):
        start = os.path.join(bundle, "start")
        options = types.SimpleNamespace(tier="smoke", task=bundle, submission=start, seed=SEED)
        with mock.patch.dict(score.TIERS, smoke=SMALL), mock.patch.object(score, "LEAST_WIDTH", -math.inf):
            outcome = score.score(options, launcher)
            alone = score.self_score(options, launcher)
        self.assertEqual(outcome["status"], "valid")
        self.assertEqual((outcome["measured"]["rounds"], len(outcome["samples"])), (2, 2))
        self.assertAlmostEqual(outcome["raw"], math.log(outcome["measured"]["submission_seconds"]))
        self.assertEqual((alone["status"], "reference_seconds" in alone["measured"]), ("valid", False))

    def test_without_a_gpu_a_tier_that_needs_one_is_the_hosts_trouble(self):
        options = types.SimpleNamespace(tier="gpu", task=bundle, submission=bundle, seed=SEED)
        with mock.patch("torch.cuda.is_available", lambda: False), self.assertRaises(scoring.HostTrouble):
            score.score(options, launcher)


class Hostile(unittest.TestCase):
    def rejected(self, text, reason):
        with self.assertRaisesRegex(scoring.Rejected, reason):
            rounds(text)
        self.assertEqual(guard.strays({launcher.pid}), [])

    def test_every_planted_exploit_is_invalid_or_only_the_start(self):
        self.assertEqual(sorted(OUTCOMES), sorted(os.listdir(os.path.join(HERE, "exploits"))))
        for name, reason in OUTCOMES.items():
            with self.subTest(name):
                if name == "fork-bomb":
                    self.bombed(planted(name), reason)
                elif reason:
                    self.rejected(planted(name), reason)
                else:
                    measured, closeness = rounds(planted(name))
                    self.assertEqual(closeness, [(0.0, 0.0)])
                    self.assertGreater(measured[0]["submission"], measured[0]["start"] - math.log(3))
                    self.assertEqual(guard.strays({launcher.pid}), [])

    def bombed(self, text, reason):
        """A host that is too busy to kill so many within a second has no result, which is no score either."""
        with self.assertRaisesRegex((scoring.Rejected, scoring.HostTrouble), f"{reason}|cannot be killed|not permitted"):
            rounds(text)
        deadline = time.monotonic() + 20
        while guard.strays({launcher.pid}) and time.monotonic() < deadline:
            guard.kill_strays({launcher.pid})

    def test_what_says_too_much_or_fails(self):
        self.rejected("while True:\n    print('x' * 1000)\n", "printed more than")
        self.rejected("raise ValueError('on purpose')\n", "exit status 1: ValueError: on purpose")

    def test_a_changed_schedule_is_noticed_after_the_run(self):
        changed = mock.patch.object(guard, "scheduling", side_effect=itertools.count())
        faults = (scoring.Rejected, scoring.HostTrouble)
        with changed, self.assertRaisesRegex(faults, "changed how other processes are scheduled"):
            rounds(program("start"))

    def test_a_program_sees_its_own_folder_and_the_library_and_nothing_else(self):
        reached = {
            "scorer": f"open({bundle!r} + '/scorer/score.py')",
            "reference": f"open({bundle!r} + '/reference/train.py')",
            "data": f"open({bundle!r} + '/data/texts.npy')",
            "library": f"open({bundle!r} + '/library/gpt.py', 'a')",
            "shared memory": "open('/dev/shm/foundry', 'w')",
            "temporary files": "open('/tmp/foundry-probe', 'w')",
            "memory": "open(f'/proc/{os.getppid()}/mem')",
            "variables": "open(f'/proc/{os.getppid()}/environ')",
            "signals": "os.kill(os.getppid(), 0)",
        }
        for name, reach in reached.items():
            with self.subTest(name):
                self.rejected(f"import os\n{reach}\n", "PermissionError")
        self.rejected(f"open({bundle!r} + '/library/gpt.py')\n", "cannot be read: No such file")

    def test_every_run_has_a_fresh_folder(self):
        probe = "import os\nfound = sorted(os.listdir())\nos.mkdir('kept')\nraise ValueError(found)\n"
        given = ["initial.safetensors", "rows.jsonl", "run.json", "train.py", "words.txt"]
        for _ in range(2):
            self.rejected(probe, re.escape(f"ValueError: {given}"))


class Inputs(unittest.TestCase):
    def test_a_seed_and_a_label_stand_for_one_set(self):
        source = inputs.Source(bundle, SMALL)
        same, again, other = (source.draw(SEED, label) for label in ("round/0", "round/0", "round/1"))
        self.assertEqual(str(same.rows), str(again.rows))
        self.assertNotEqual(str(same.rows), str(other.rows))
        for name, tensor in same.initial.items():
            self.assertTrue(torch.equal(tensor, again.initial[name]), name)
        self.assertFalse(torch.equal(same.initial["wte.weight"], other.initial["wte.weight"]))

    def test_rows_fit_the_context_and_hidden_texts_are_in_none(self):
        drawn = inputs.Source(bundle, SMALL).draw(SEED, "round/0")
        self.assertEqual(len(drawn.rows), SMALL.steps * SMALL.batch)
        rows = [[*prompt, *answer] for prompt, answer in drawn.rows]
        for (prompt, answer), row in zip(drawn.rows, rows):
            self.assertGreaterEqual(min(len(prompt), len(answer)), inputs.SHORTEST)
            self.assertLessEqual(len(row), MODEL.context)
            self.assertNotIn(row, [text[: len(row)] for text in drawn.hidden.tolist()])

    def test_every_token_has_a_word_of_its_own(self):
        words = {inputs.word(number) for number in range(50257)}
        self.assertEqual(len(words), 50257)

    def test_every_tier_has_texts_enough(self):
        for name, tier in TIERS.items():
            self.assertGreaterEqual(tier.texts, tier.steps * tier.batch + tier.hidden_texts, name)
            self.assertEqual(tier.model.width % tier.model.heads, 0, name)
        self.assertEqual(TIERS["full"].steps * TIERS["full"].batch, 1000)

    def test_public_sources_are_cut_to_the_context(self):
        fake = types.SimpleNamespace(
            tokenizer=lambda folder: types.SimpleNamespace(encode=lambda text: [ord(c) for c in text]),
            texts=lambda folder: iter(["a" * 30, "too short", "b" * 24, "c" * 50]),
            gpt2=lambda folder: {"folder": folder},
        )
        with mock.patch.dict(sys.modules, public=fake):
            base, texts = prepare_module().public("sources", replace(SMALL, texts=3))
            self.assertEqual((base["folder"], texts.shape), (os.path.join("sources", "gpt2-xl"), (3, 24)))
            self.assertEqual(texts[:, 0].tolist(), [ord(c) for c in "abc"])
            with self.assertRaisesRegex(SystemExit, "hold 3 texts of 24 tokens; 4 are needed"):
                prepare_module().public("sources", replace(SMALL, texts=4))


class Score(unittest.TestCase):
    def samples(self, *triples):
        return score.samples([dict(zip(("start", "reference", "submission"), each)) for each in triples], None)

    def test_each_round_has_its_own_calibration(self):
        self.assertEqual(self.samples((4, 2, 3), (5, 3, 4), (4, 2, 3)), [0.5, 0.5, 0.5])

    def test_a_disturbed_round_counts_as_the_edge_of_the_usual(self):
        usual = [(4, 2, 4 - 2 * share) for share in (0.48, 0.49, 0.5, 0.51, 0.52)]
        self.assertLess(max(self.samples(*usual, (4, 2, -4))), 0.6)

    def test_the_nominal_width_stands_in_where_there_is_no_reference(self):
        self.assertEqual(score.samples([{"start": 4, "submission": 3}] * 2, -2), [0.5, 0.5])

    def test_rounds_are_enough_when_their_mean_is_known(self):
        self.assertTrue(score.is_enough([0.5, 0.51, 0.49, 0.5, 0.5]))
        self.assertFalse(score.is_enough([0.5, 0.9, 0.1, 0.5, 0.5]))


class Texts(unittest.TestCase):
    def test_every_text_carries_the_canary(self):
        for folder, _, names in os.walk(HERE):
            for name in names:
                if name.endswith((".py", ".md", ".toml")):
                    with open(os.path.join(folder, name)) as file:
                        self.assertIn(CANARY, file.read(), os.path.join(folder, name))


if __name__ == "__main__":
    unittest.main()
