"""Agent `overlay`: puts the files that it carries over the start files, and lets them finish the work.

A file `attempt.py` among them is run in the working folder, as the reference solution's is.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import shutil
import subprocess
import sys

FILES = "/agent/files"


def main():
    if not os.path.isdir(FILES):
        raise SystemExit(f"overlay: it carries no files; put a solution's into the folder `files` beside {__file__}")
    shutil.copytree(FILES, ".", dirs_exist_ok=True, copy_function=shutil.copyfile)
    if os.path.exists("attempt.py"):
        raise SystemExit(subprocess.run([sys.executable, "attempt.py"]).returncode)


if __name__ == "__main__":
    main()
