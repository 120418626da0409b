"""Asks the service for experiments. Yours to change: the service itself keeps the rules.

    /usr/bin/python3 experiments.py 16 40 0      makes one experiment: width 16, 40 steps, draw 0
    /usr/bin/python3 experiments.py --check      checks answer.json

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import socket
import sys


def ask(request):
    """Sends one request and returns the reply, both as what JSON stands for."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["QUORATE_SERVICE"])
        with connection.makefile("rw") as stream:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            return json.loads(stream.readline())


def run(configurations):
    """The results of experiments, a list of (width, steps, draw), in their order."""
    keys = ("width", "steps", "draw")
    reply = ask({"experiments": [dict(zip(keys, each, strict=True)) for each in configurations]})
    if "error" in reply:
        raise ValueError(reply["error"])
    return reply["results"]


def check(answer):
    return ask({"check": answer})


def main(arguments):
    if arguments == ["--check"]:
        with open("answer.json") as file:
            print(check(json.load(file)))
    else:
        width, steps, draw = map(int, arguments)
        print(run([(width, steps, draw)])[0])


if __name__ == "__main__":
    main(sys.argv[1:])
