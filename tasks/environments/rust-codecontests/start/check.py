"""Compiles solutions and runs them on the samples: `check.py [PROBLEM…]`, all of them by default.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import subprocess
import sys
import tempfile

FLAGS = "--edition 2021 -O -C target-feature=+crt-static -C strip=symbols --cap-lints allow".split()
SECONDS = 10


def check(path, samples):
    """One line on how the solution fares."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "solution")
        ended = subprocess.run(["/usr/bin/rustc", *FLAGS, "-o", program, path], capture_output=True, text=True)
        if ended.returncode:
            return "does not compile\n" + ended.stderr
        for number, (given, wanted) in enumerate(samples, 1):
            try:
                ended = subprocess.run([program], input=given, capture_output=True, text=True, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                return f"takes more than {SECONDS} s on sample {number}"
            if ended.returncode:
                return f"fails on sample {number}\n{ended.stderr}"
            if ended.stdout.split() != wanted.split():
                return f"is wrong on sample {number}\nexpected:\n{wanted}printed:\n{ended.stdout}"
    return "right on the samples"


def main():
    with open(os.path.join(os.environ["QUORATE_TASK"], "data", "samples.json")) as file:
        samples = json.load(file)
    for name in sys.argv[1:] or samples:
        print(f"{name}: {check(os.path.join('solutions', f'{name}.rs'), samples[name])}")


if __name__ == "__main__":
    main()
