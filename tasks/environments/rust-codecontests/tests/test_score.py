"""What a solution may and may not do, and what the scorer makes of hostile files.

Run by `/usr/bin/python3 -B -m unittest discover -s tests` in the environment's folder; needs rustc and Landlock.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TASKS, part) for part in ("tools", "library")]
sys.path[:0] = [os.path.join(HERE, part) for part in ("scorer", "prepare")]

import catalog  # noqa: E402
import code_contests  # noqa: E402
import guard  # noqa: E402
import judge  # noqa: E402
import prepare  # noqa: E402
import score  # noqa: E402
import scoring  # noqa: E402
import tiers  # noqa: E402
import trial  # noqa: E402

SEED = scoring.Seed("5a" * 32)
SPIES = r"""
use std::fs;
use std::process::Command;

extern "C" {
    fn kill(process: i32, signal: i32) -> i32;
}

fn main() {
    for path in ["/etc/passwd", "/proc/self/cmdline", "/usr/bin/python3", "/dev/null", "HIDDEN"] {
        assert!(fs::read(path).is_err(), "it read {path}");
    }
    for folder in ["/", "/tmp", "/proc", "/dev/shm"] {
        assert!(fs::read_dir(folder).is_err(), "it listed {folder}");
    }
    for path in ["note", "/tmp/note", "/dev/shm/note", "main.rs", "solution"] {
        assert!(fs::write(path, "1").is_err(), "it wrote {path}");
    }
    assert!(fs::create_dir("folder").is_err() && fs::remove_file("main.rs").is_err());
    for program in ["/bin/sh", "/usr/bin/python3", "/lib64/ld-linux-x86-64.so.2"] {
        assert!(Command::new(program).spawn().is_err(), "it started {program}");
    }
    assert!(unsafe { kill(std::os::unix::process::parent_id() as i32, 0) } != 0, "it may signal the scorer");
    println!("denied");
}
"""


def setUpModule():
    guard.withdraw()


def problem(*tests, seconds=1):
    return catalog.Problem("made", "Made", "", [], lambda seed: iter(tests), seconds)


def fault(source, *tests, seconds=1):
    return judge.fault(problem(*tests, seconds=seconds), source.encode(), SEED)


class Running(unittest.TestCase):
    def test_what_counts_is_the_words_of_the_output(self):
        source = 'fn main() { println!("1  2\\n3"); }'
        self.assertIsNone(fault(source, ("", "1 2 3\n"), ("x", "1\n2\n3")))
        self.assertEqual(fault(source, ("", "1 2 3"), ("", "1 2")), "test 2: wrong output")

    def test_a_program_reads_writes_and_starts_nothing(self):
        with tempfile.NamedTemporaryFile("w") as hidden:
            hidden.write("secret")
            hidden.flush()
            self.assertIsNone(fault(SPIES.replace("HIDDEN", hidden.name), ("", "denied")))

    def test_threads_with_deep_stacks_are_allowed(self):
        deep = "fn down(n: u64) -> u64 { if n == 0 { 0 } else { 1 + std::hint::black_box(down(n - 1)) } }"
        thread = "std::thread::Builder::new().stack_size(64 << 20).spawn(|| down(200_000)).unwrap()"
        source = f'{deep}\nfn main() {{ println!("{{}}", {thread}.join().unwrap()); }}'
        self.assertIsNone(fault(source, ("", "200000")))

    def test_time_memory_and_output_are_bounded(self):
        self.assertRegex(fault("fn main() { loop {} }", ("", "")), "^test 1: it was killed")
        memory = "fn main() { println!(\"{}\", vec![1u8; 300 << 20].iter().filter(|&&b| b == 1).count()); }"
        self.assertRegex(fault(memory, ("", str(300 << 20))), "^test 1: it was killed")
        loud = "use std::io::*; fn main() { while stdout().write_all(&[b'7'; 1 << 16]).is_ok() {} }"
        self.assertRegex(fault(loud, ("", "")), "printed more than")

    def test_waiting_is_bounded_too(self):
        with mock.patch.object(judge, "PATIENCE", 1):
            asleep = "fn main() { std::thread::sleep(std::time::Duration::from_secs(60)); }"
            self.assertRegex(fault(asleep, ("", "")), "took more than 1 s")

    def test_a_panic_is_no_answer(self):
        self.assertRegex(fault('fn main() { println!("1"); panic!(); }', ("", "1")), "exit status 101")


class Compiling(unittest.TestCase):
    def test_the_compiler_reads_the_system_and_nothing_else(self):
        read = 'fn main() { println!("{}", include_str!("PATH").is_empty()); }'
        binary = 'std::arch::global_asm!(".incbin \\"PATH\\"");\nfn main() { println!("false"); }'
        for way in (read, binary):  # which would work, if the file could be read
            self.assertIsNone(fault(way.replace("PATH", "/usr/lib/os-release"), ("", "false")))
        for path in (os.path.join(HERE, "scorer", "score.py"), "/proc/self/environ"):
            for way in (read, binary):
                self.assertEqual(fault(way.replace("PATH", path), ("", "false")), "does not compile", (way, path))

    def test_bytes_that_are_no_text_do_not_compile(self):
        source = b'fn main() { println!("\xff"); }'
        self.assertEqual(judge.fault(problem(("", "")), source, SEED), "does not compile")

    def test_endless_compiling_ends(self):
        with mock.patch.object(judge.COMPILING, "cpu_seconds", 2):
            endless = "const fn f() -> u64 { let mut i = 0u64; while i < u64::MAX { i += 1 } i }"
            use = 'const N: u64 = f();\nfn main() { println!("{N}"); }'
            self.assertEqual(fault(f"{endless}\n{use}", ("", "")), "does not compile")

    def test_a_host_without_a_compiler_does_not_judge(self):
        judge.check_host()
        with mock.patch.object(judge, "COMMAND", ["/usr/bin/no-rustc"]), self.assertRaises(scoring.HostTrouble):
            judge.check_host()


class Scoring(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.work = made.name
        self.folder = os.path.join(self.work, "solutions")
        os.mkdir(self.folder)

    def hand_in(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def score(self):
        options = SimpleNamespace(tier="smoke", submission=self.work, seed=SEED, task=self.work)
        with open(os.path.join(self.work, "bundle.json"), "w") as file:
            json.dump({"scale": {"start": 0.0, "reference": 0.5}}, file)
        with mock.patch.object(tiers, "SMOKE", ("tea_queue", "ferry_pairs", "rain_windows")):
            return score.score(options)

    def test_the_score_is_the_fraction_of_problems_solved(self):
        with open(os.path.join(HERE, "reference", "solutions", "tea_queue.rs"), "rb") as file:
            self.hand_in("tea_queue.rs", file.read())
        self.hand_in("ferry_pairs.rs", b"fn main() {}")
        self.hand_in("notes.txt", b"ignored")
        outcome = self.score()
        self.assertEqual((outcome["status"], outcome["raw"]), ("valid", 1 / 3))
        self.assertEqual(outcome["samples"], [scoring.normalise(1 / 3, (0.0, 0.5))])
        self.assertEqual(outcome["measured"]["solved"], ["tea_queue"])
        self.assertEqual(
            outcome["measured"]["unsolved"], {"ferry_pairs": "test 1: wrong output", "rain_windows": "is missing"}
        )

    def test_what_is_no_plain_file_is_invalid(self):
        path = os.path.join(self.folder, "tea_queue.rs")
        for make in (lambda: os.symlink("/etc/passwd", path), lambda: os.mkfifo(path)):
            make()
            with self.assertRaises(scoring.Rejected):
                self.score()
            os.unlink(path)
        self.hand_in("tea_queue.rs", b" " * (score.SOURCE_BYTES + 1))
        with self.assertRaisesRegex(scoring.Rejected, "larger than"):
            self.score()

    def test_a_folder_that_is_a_link_or_missing_is_invalid(self):
        os.rmdir(self.folder)
        for make in (lambda: None, lambda: os.symlink(os.path.join(HERE, "reference", "solutions"), self.folder)):
            make()
            with self.assertRaisesRegex(scoring.Rejected, "no folder"):
                self.score()

    def test_tests_follow_from_the_seed(self):
        drawn = [[next(p.tests(scoring.Seed(digit * 64))) for digit in "122"] for p in catalog.problems("gpu")]
        self.assertTrue(all(same == again for _, same, again in drawn))
        self.assertGreater(sum(one != other for one, other, _ in drawn), len(drawn) / 2)


class Bundle(unittest.TestCase):
    def test_agents_get_pages_samples_and_stubs_and_their_check_works(self):
        with tempfile.TemporaryDirectory() as bundle:
            trial.Environment("rust-codecontests", "smoke", bundle).pack()
            names = {f"{name}.rs" for name in tiers.SMOKE}
            self.assertEqual(set(os.listdir(os.path.join(bundle, "start", "solutions"))), names)
            self.assertEqual(len(os.listdir(os.path.join(bundle, "data", "problems"))), len(names))
            start = os.path.join(bundle, "start")
            with open(os.path.join(start, "solutions", "lone_lantern.rs"), "w") as file:
                file.write('fn main() { println!("9"); }')
            command = [sys.executable, "check.py", "lone_lantern", "tea_queue"]
            told = subprocess.run(
                command, cwd=start, env={**os.environ, "QUORATE_TASK": bundle}, capture_output=True, text=True
            ).stdout
            self.assertIn("lone_lantern: is wrong on sample 2", told)
            self.assertIn("tea_queue: is wrong on sample 1", told)


class PublicProblems(unittest.TestCase):
    @staticmethod
    def record(name, **changed):
        hidden = {"input": [f"{i}\n" for i in range(12)], "output": [f"{2 * i}\n" for i in range(12)]}
        none = {"input": [], "output": []}
        record = {"name": name, "description": "Double it.", "public_tests": {"input": ["1\n"], "output": ["2\n"]}}
        record |= {"private_tests": none, "generated_tests": hidden, "memory_limit_bytes": 64_000_000}
        record |= {"time_limit": {"seconds": 1, "nanos": 500_000_000}, "input_file": "", "output_file": ""}
        return record | changed

    def test_only_problems_that_can_be_compared_are_chosen(self):
        unfit = [
            {"description": "Print any of them."},
            {"description": "If there are multiple answers, print one."},
            {"description": "See <image>."},
            {"time_limit": None},
            {"input_file": "in.txt"},
            {"generated_tests": {"input": ["1\n"], "output": ["2\n"]}},
        ]
        records = [self.record(f"{i}_A. Unfit", **changed) for i, changed in enumerate(unfit)]
        records.append(self.record("7_B. Doubles!", description="Any two are fine."))
        chosen = code_contests.choose(records, "0" * 64)
        self.assertEqual([name for name, _ in chosen], ["cc_7_b_doubles"])

    def test_the_instance_decides_and_the_number_is_bounded(self):
        records = [self.record(f"{i}_A. Fit") for i in range(300)]
        first, again, other = (code_contests.choose(records, digit * 64) for digit in "112")
        self.assertEqual(len(first), tiers.PUBLIC_PROBLEMS)
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_tier_full_shows_agents_the_samples_and_hides_the_tests(self):
        public = SimpleNamespace(records=lambda folder: [self.record("1_A. Doubles")])
        with tempfile.TemporaryDirectory() as made, mock.patch.dict(sys.modules, {"public": public}):
            with contextlib.chdir(made), contextlib.redirect_stderr(io.StringIO()):
                prepare.keep_public("data", "0" * 64)
                prepare.write(catalog.problems("full", prepare.PUBLIC))
            self.assertEqual(os.listdir(os.path.join(made, "scorer", "public")), ["cc_1_a_doubles.json"])
            self.assertTrue(os.path.exists(os.path.join(made, "start", "solutions", "cc_1_a_doubles.rs")))
            with open(os.path.join(made, "data", "samples.json")) as file:
                shown = json.load(file)
            self.assertEqual(shown["cc_1_a_doubles"], [["1\n", "2\n"]])
            self.assertEqual(len(shown), len(tiers.own_problems("full")) + 1)

    def test_a_chosen_problem_is_judged_like_any_other(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, kept in code_contests.choose([self.record("1_A. Doubles")], "0" * 64):
                with open(os.path.join(folder, f"{name}.json"), "w") as file:
                    json.dump(kept, file)
            loaded = catalog.problems("smoke", folder)[-1]
            self.assertEqual((loaded.name, loaded.seconds), ("cc_1_a_doubles", 2))
            double = "fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
            double += ' println!("{}", 2 * s.trim().parse::<u32>().unwrap()); }'
            self.assertIsNone(judge.fault(loaded, double.encode(), SEED))


if __name__ == "__main__":
    unittest.main()
