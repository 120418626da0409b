"""Agent `start`: leaves the start files as they are. Its score is the zero of the scale.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os


def main():
    files = sorted(os.listdir("."))
    if not files:
        raise SystemExit("start: the working folder is empty; the start files should be in it")
    print("start: left as they are:", *files)


if __name__ == "__main__":
    main()
