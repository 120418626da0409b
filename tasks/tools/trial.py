"""Runs an environment without containers: packs it, makes attempts of its own solutions, scores them.

    trial.py ENVIRONMENT --tier smoke [--solutions null,start,reference,exploits/NAME,…] [--repeat N] [--keep DIR]

For authors, and for machines that have a GPU and no container engine. It protects nothing: run only what you
wrote. Prints one JSON object a line. What counts is `quorate task qualify`, which does the same in containers.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

TASKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ("start", "reference", "scorer", "data")
INSTANCE = "0" * 64


class Environment:
    """An environment's folder, laid out in `into` as a bundle of one tier."""

    def __init__(self, name, tier, into):
        self.folder = os.path.join(TASKS, "environments", name)
        self.tier, self.bundle = tier, into
        with open(os.path.join(self.folder, "task.toml"), "rb") as file:
            self.terms = tomllib.load(file)

    def pack(self):
        ignored = shutil.ignore_patterns("__pycache__")
        for part in PARTS:
            if os.path.isdir(source := os.path.join(self.folder, part)):
                shutil.copytree(source, os.path.join(self.bundle, part), ignore=ignored)
        shutil.copy(os.path.join(self.folder, "instructions.md"), self.bundle)
        os.makedirs(os.path.join(self.bundle, "library"))
        for module in self.terms.get("library", ()):
            shutil.copy(os.path.join(TASKS, "library", f"{module}.py"), os.path.join(self.bundle, "library"))
        with open(os.path.join(self.bundle, "bundle.json"), "w") as file:
            json.dump({"scale": self.terms["tiers"][self.tier]["scale"]}, file)
        return self._prepare() if "prepare" in self.terms else 0.0

    def _prepare(self):
        """Makes the tier's data, by the environment's own command, and merges it into the bundle."""
        shutil.copytree(os.path.join(self.folder, "prepare"), os.path.join(self.bundle, "prepare"))
        with tempfile.TemporaryDirectory() as made:
            began = time.monotonic()
            words = self.words(self.terms["prepare"]["command"], **{"{instance}": INSTANCE})
            subprocess.run(words, cwd=made, env=self.variables(), check=True)
            shutil.rmtree(os.path.join(self.bundle, "prepare"))
            shutil.copytree(made, self.bundle, dirs_exist_ok=True)
            return time.monotonic() - began

    def words(self, command, **more):
        """A command of task.toml with its paths made this machine's."""
        filled = {"/usr/bin/python3": sys.executable, "{tier}": self.tier, "/task": self.bundle, **more}
        # In one go: what is filled in may itself look like something to fill in.
        pattern = re.compile("|".join(map(re.escape, filled)))
        return [pattern.sub(lambda found: filled[found.group()], word) for word in command]

    def variables(self, **more):
        return {**os.environ, "QUORATE_TASK": self.bundle, "QUORATE_TIER": self.tier, **more}

    def attempt(self, solution, seed):
        """Makes one attempt; returns the folder of what it hands in and the seconds it took."""
        work = tempfile.mkdtemp(prefix="work-")
        began = time.monotonic()
        if solution != "null":
            source = os.path.join(self.bundle, "start")
            shutil.copytree(source, work, dirs_exist_ok=True)
            if solution == "reference":
                shutil.copytree(os.path.join(self.bundle, "reference"), work, dirs_exist_ok=True)
            elif solution != "start":
                shutil.copytree(os.path.join(self.folder, solution), work, dirs_exist_ok=True)
            self._work(work, seed)
        return self._hand_in(work), time.monotonic() - began

    def _work(self, work, seed):
        script = os.path.join(work, "attempt.py")
        if not os.path.exists(script):
            return
        budget = self.terms["tiers"][self.tier]["budget_seconds"]
        with self._service() as address:
            variables = self.variables(QUORATE_SECONDS=str(budget), QUORATE_SEED=seed, QUORATE_SERVICE=address)
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([sys.executable, script], cwd=work, env=variables, timeout=budget, stdout=sys.stderr)

    @contextlib.contextmanager
    def _service(self):
        """The tier's service, where it has one: a socket that answers each line with a line."""
        if "service" not in self.terms:
            yield ""
            return
        environment = self

        class Answer(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    words = environment.words(environment.terms["service"]["command"])
                    ended = subprocess.run(words, input=line, stdout=subprocess.PIPE, env=environment.variables())
                    self.wfile.write(ended.stdout.strip() + b"\n")

        with tempfile.TemporaryDirectory() as folder:
            address = os.path.join(folder, "service.sock")
            with socketserver.ThreadingUnixStreamServer(address, Answer) as server:
                threading.Thread(target=server.serve_forever, daemon=True).start()
                yield address
                server.shutdown()

    def _hand_in(self, work):
        """Keeps the declared files and nothing else, as a node does."""
        kept = tempfile.mkdtemp(prefix="artifact-")
        for declared in self.terms["artifact"]:
            source = os.path.join(work, declared.removesuffix("/**"))
            target = os.path.join(kept, declared.removesuffix("/**"))
            if declared.endswith("/**") and os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
            elif os.path.lexists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(source, target, follow_symlinks=False)
        shutil.rmtree(work)
        return kept

    def score(self, submission, seed):
        """Scores a copy of what was handed in, as a verifier does."""
        with tempfile.TemporaryDirectory() as folder:
            work = os.path.join(folder, "work")
            shutil.copytree(submission, work, symlinks=True)
            path = os.path.join(work, ".scoring-seed")
            with open(path, "w") as file:
                file.write(seed)
            words = self.words(self.terms["scorer"]["command"], **{"{seed-file}": path, "/work": work})
            began = time.monotonic()
            ended = subprocess.run(words, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            outcome = json.loads(ended.stdout) if ended.returncode == 0 else {"failed": ended.stderr[-2000:]}
            return outcome, time.monotonic() - began


def solutions(environment):
    exploits = os.path.join(environment.folder, "exploits")
    names = sorted(os.listdir(exploits)) if os.path.isdir(exploits) else []
    return ["null", "start", "reference", *(f"exploits/{name}" for name in names)]


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("environment")
    parser.add_argument("--tier", default="smoke", choices=("smoke", "gpu", "full"))
    parser.add_argument("--solutions", help="comma-separated; all of them by default")
    parser.add_argument("--repeat", type=int, default=1, help="scorings of each artifact, with seeds of their own")
    parser.add_argument("--keep", help="lay the bundle out in this new folder and leave it there")
    options = parser.parse_args()
    into = options.keep or tempfile.mkdtemp(prefix="bundle-")
    os.makedirs(into, exist_ok=True)
    environment = Environment(options.environment, options.tier, into)
    say(prepared=options.environment, tier=options.tier, seconds=environment.pack())
    chosen = options.solutions.split(",") if options.solutions else solutions(environment)
    for solution in chosen:
        artifact, took = environment.attempt(solution, hashlib.sha256(solution.encode()).hexdigest())
        for _ in range(options.repeat):
            outcome, seconds = environment.score(artifact, secrets.token_hex(32))
            say(solution=solution, attempt_seconds=took, scoring_seconds=seconds, **outcome)
        shutil.rmtree(artifact)
    if not options.keep:
        shutil.rmtree(into)


def say(**facts):
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}
    print(json.dumps(rounded), flush=True)


if __name__ == "__main__":
    main()
