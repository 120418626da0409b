"""Fetching public sources, against a hub on this machine that serves what is made here.

Needs huggingface_hub, pyarrow and tokenizers.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TASKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TASKS, "tools"), os.path.join(TASKS, "library")]

import public  # noqa: E402

COMMIT = "1f" * 20
TASK = """
[[tiers.full.sources]]
name = "stories"
hub = "dataset"
id = "somebody/stories"
revision = "main"
files = ["data/*.parquet", "*.jsonl"]
licence = "CC0-1.0"

[[tiers.full.sources]]
name = "model"
hub = "model"
id = "somebody/model"
revision = "main"
files = ["tokenizer.json"]
licence = "MIT"

[tiers.smoke]
"""


def parquet(rows):
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


def word_tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(WordLevel({"once": 0, "upon": 1, "a": 2, "time": 3}, unk_token="a"))
    made.pre_tokenizer = Whitespace()
    return made.to_str().encode()


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as one download asks for."""

    repositories = {}

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0].strip("/")
        for (kind, name), files in self.repositories.items():
            listing = f"api/{kind}s/{name}"
            content = f"{'datasets/' if kind == 'dataset' else ''}{name}/resolve/{COMMIT}/"
            if path in (f"{listing}/revision/main", f"{listing}/revision/{COMMIT}"):
                siblings = [{"rfilename": file} for file in files]
                return self.answer(json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())
            if path.startswith(f"{listing}/tree/{COMMIT}"):
                tree = [{"type": "file", "path": file, "size": len(data), "oid": oid(data)} for file, data in files.items()]
                return self.answer(json.dumps(tree).encode())
            if path.startswith(content) and path.removeprefix(content) in files:
                return self.answer(files[path.removeprefix(content)])
        self.answer(b"", 404)

    def answer(self, data, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{oid(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def oid(data):
    return hashlib.sha1(data).hexdigest()


class Fetch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name
        self.task = os.path.join(self.root, "task")
        os.makedirs(self.task)
        with open(os.path.join(self.task, "task.toml"), "w") as file:
            file.write(TASK)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"

    def fetch(self, tier):
        into = os.path.join(self.root, "data")
        command = [sys.executable, os.path.join(TASKS, "tools", "fetch.py"), f"{self.task}/{tier}", "--into", into]
        variables = {"HF_ENDPOINT": self.endpoint, "HF_HOME": os.path.join(self.root, "home")}
        ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)
        return into, ended

    def test_what_a_tier_states_is_fetched_and_nothing_else(self):
        Hub.repositories = {
            ("dataset", "somebody/stories"): {
                "data/b.parquet": parquet([{"text": "upon"}, {"text": "a time"}]),
                "data/a.parquet": parquet([{"text": "once"}]),
                "more.jsonl": b'{"text": "time"}\n',
                "README.md": b"not asked for",
            },
            ("model", "somebody/model"): {"tokenizer.json": word_tokenizer(), "model.bin": b"not asked for"},
        }
        into, ended = self.fetch("full")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        stories = os.path.join(into, "stories")
        self.assertFalse(os.path.exists(os.path.join(stories, "README.md")))
        self.assertEqual(list(public.texts(stories)), ["once", "upon", "a time", "time"])
        tokenizer = public.tokenizer(os.path.join(into, "model"))
        stream = list(public.token_stream(public.texts(stories), tokenizer, end_token=9))
        self.assertEqual([part.tolist() for part in stream], [[0, 9], [1, 9], [2, 3, 9], [3, 9]])
        self.assertEqual(tokenizer.decode([0, 1]).split(), ["once", "upon"])
        with open(os.path.join(into, "sources.json")) as file:
            written = json.load(file)
        self.assertEqual([(each["id"], each["commit"], each["licence"]) for each in written],
                         [("somebody/stories", COMMIT, "CC0-1.0"), ("somebody/model", COMMIT, "MIT")])

    def test_what_cannot_be_fetched_is_an_error(self):
        Hub.repositories = {}
        _, ended = self.fetch("full")
        self.assertNotEqual(ended.returncode, 0)
        _, ended = self.fetch("smoke")
        self.assertIn("no public sources", ended.stderr)
        _, ended = self.fetch("gpu")
        self.assertIn("no tier gpu", ended.stderr)

    def test_an_empty_folder_is_an_error_that_says_so(self):
        with self.assertRaisesRegex(FileNotFoundError, "was it fetched"):
            list(public.records(self.root))


if __name__ == "__main__":
    unittest.main()
