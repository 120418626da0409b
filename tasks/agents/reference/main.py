"""Agent `reference`: hands in the reference solution. Its score is the one of the scale.

It is the only agent that is shown the reference; QUORATE_REFERENCE says where. A reference that has to work for
its artifact holds a file `attempt.py`, which is run in the working folder.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import shutil
import subprocess
import sys


def main():
    source = os.environ.get("QUORATE_REFERENCE")
    if not source or not os.path.isdir(source):
        raise SystemExit("reference: QUORATE_REFERENCE names no folder; only the agent `reference` is given one")
    shutil.copytree(source, ".", dirs_exist_ok=True, copy_function=shutil.copyfile)
    print("reference: took over:", *sorted(os.listdir(source)))
    if os.path.exists("attempt.py"):
        sys.stdout.flush()
        raise SystemExit(subprocess.run([sys.executable, "attempt.py"]).returncode)


if __name__ == "__main__":
    main()
