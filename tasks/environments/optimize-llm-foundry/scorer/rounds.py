"""One scoring: start, reference and submission run in turn on the same fresh inputs, round by round.

Promises: the rounds' times are returned only if every result of every round was right; one program runs at a time,
in a folder of its own that is gone when it has ended; the same seed gives the same inputs in the same order.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math
import os
import tempfile
import time

import torch

import gpt
import guard
import inputs
import weights
from comparison import Comparison
from jail import Limits
from scoring import HostTrouble, Rejected

OUTPUT = "out.safetensors"
FILE_SLACK = 1 << 20
PROCESSES = {"cpu": 64, "cuda": 1024}
LAST_WORDS = 160


class Rounds:
    def __init__(self, tier, seed, programs, launcher, task):
        self.tier, self.seed, self.programs, self.launcher = tier, seed, programs, launcher
        self.source = inputs.Source(task, tier)
        self.library = os.path.join(task, "library")
        self.shapes = gpt.shapes(tier.model)
        self.order = seed.stream("order")
        size = 4 * sum(math.prod(sizes) for sizes in self.shapes.values()) + FILE_SLACK
        self.limits = Limits(tier.run_seconds, tier.memory_bytes, PROCESSES[tier.device], file_bytes=size)
        self.closeness = []  # of each result: (distance, share of loss), as the comparison found them

    def run(self, most, is_enough):
        """Per round, the ln(seconds) of each role: the tier's rounds, and more while they are not enough."""
        settle_by = time.monotonic() + self.tier.settle_seconds
        measured = []
        while len(measured) < self.tier.rounds or (
            len(measured) < most and time.monotonic() < settle_by and not is_enough(measured)
        ):
            measured.append(self._round(len(measured)))
        return measured

    def _round(self, number):
        drawn = self.source.draw(self.seed, f"round/{number}")
        roles = sorted(self.programs)
        self.order.shuffle(roles)
        seconds, trained = {}, {}
        for role in roles:
            seconds[role], trained[role] = self._blaming(role, self._turn, role, drawn)
        comparison = Comparison(self.tier, drawn, trained.pop("start"))
        for role, tensors in trained.items():
            self.closeness.append(self._blaming(role, comparison.check, tensors))
        torch.cuda.empty_cache()  # the next program may need all of the card's memory
        return {role: math.log(each) for role, each in seconds.items()}

    def _blaming(self, role, do, *arguments):
        """The submission's fault makes it invalid; the same from start or reference is this host's trouble."""
        try:
            return do(*arguments)
        except Rejected as fault:
            if role == "submission":
                raise
            raise HostTrouble(f"the {role} program: {fault}") from None

    def _turn(self, role, drawn):
        """Seconds from the go until nothing of the program is alive, and the weights that it left."""
        with tempfile.TemporaryDirectory(prefix="run-") as folder:
            inputs.write(drawn, folder)
            with open(os.path.join(folder, "train.py"), "wb") as file:
                file.write(self.programs[role])
            started = self.launcher.start(folder, self.limits, self.tier, self.library)
            bystanders = [os.getpid(), self.launcher.pid]
            calm = guard.scheduling(bystanders)
            began = time.monotonic()
            started.say(b"!")
            ended = started.finish()
            # Not `ended.seconds`: what outlives its process, until the jail has killed it, would work for nothing.
            seconds = time.monotonic() - began
            _bury()
            if guard.scheduling(bystanders) != calm:
                raise Rejected("it changed how other processes are scheduled")
            if ended.reason:
                said = ended.errors.decode("ascii", "replace").strip().rpartition("\n")[2]
                raise Rejected(f"train.py {ended.reason}: {said[:LAST_WORDS]}")
            return seconds, weights.read(folder, OUTPUT, self.shapes)


def _bury():
    """Reaps what a program left behind and the jail killed; a container's processes are counted dead or alive."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
