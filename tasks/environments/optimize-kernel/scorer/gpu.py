"""Tiers `gpu` and `full`: the function on 10^8 int32 on one GPU.

The scorer keeps its input, the expected output and the snapshot to itself. With each child it shares one
input and one output buffer, over CUDA IPC. A child's time runs from before the scorer fills the input
buffer until the output lies, complete, in the scorer's own snapshot; two copies' time is taken off. So
working early, answering early and leaving out the synchronisation move no work off the clock.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import hashlib
import os
import shutil
import statistics
import tempfile
import time
from collections import namedtuple

TAIL = 1023
POISON = 0x5AFE5AFE
COPY_REPEATS = 21
QUIET_FACTOR = 1.5
QUIET_COPIES = 8
QUIET_SECONDS = 2.0
LEAST_COPIES = 0.8  # every element is read and written once at least, as by a copy
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "CC")

Round = namedtuple("Round", "count x expected")


class Unavailable(Exception):
    pass


class Gpu:
    entry = "solve_gpu"
    interpreter_flags = ("-I", "-B")
    count = 100_000_000
    checks = (
        ("crowded", 0),
        ("none", 1 / 16),
        ("rare", 1 / 16),
        ("usual", 1 / 16),
        ("dense", 1 / 16),
        ("mixed", 1),
        ("mixed", 1),
    )
    nominal = (1.78, 0.21)  # ln(ms) of start and reference on an H100
    load_seconds = 120.0
    check_seconds = 120.0
    round_seconds = 10.0
    may_use_threads = True  # CUDA runs its own
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 1 << 30, "RLIMIT_NOFILE": 4096}

    def __init__(self, name):
        try:
            from multiprocessing.reduction import ForkingPickler

            import torch
            import torch.multiprocessing  # noqa: F401 - teaches ForkingPickler to share CUDA memory
        except ImportError as error:
            raise Unavailable(f"PyTorch cannot be imported ({error})") from None
        if not torch.cuda.is_available():
            raise Unavailable("PyTorch sees no CUDA device")
        self.torch, self.pickler = torch, ForkingPickler
        self.rounds, self.most_rounds, self.total_seconds = {"gpu": (15, 45, 500.0), "full": (45, 60, 900.0)}[name]
        self.settle_seconds = self.total_seconds / 2
        # The shared buffers come first, each a whole allocation, so that nothing private lies in one.
        self.spare = [(self._buffer(), self._buffer()) for _ in range(3)]
        self.shared, self.folders = {}, []
        self.snapshot, self.probe = self._buffer(), self._buffer()
        self.copy_ms = statistics.median(self._timed_copy() for _ in range(COPY_REPEATS))

    def _buffer(self):
        return self.torch.zeros(self.count, dtype=self.torch.int32, device="cuda")

    def _timed_copy(self):
        self.torch.cuda.synchronize()
        began = time.perf_counter_ns()
        self.snapshot.copy_(self.probe)
        self.torch.cuda.synchronize()
        return (time.perf_counter_ns() - began) / 1e6

    def environment(self, role):
        folder = tempfile.mkdtemp(prefix=f"optimize-kernel-{role}-")
        self.folders.append(folder)
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        passed.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
        for name in ("HOME", "TMPDIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
            passed[name] = folder
        return {**passed, "TORCHINDUCTOR_COMPILE_THREADS": "1"}

    def setup(self, role):
        self.shared[role] = self.spare.pop()
        return {"buffers": [bytes(self.pickler.dumps(buffer)).hex() for buffer in self.shared[role]]}

    def draw(self, label, kinds, count):
        """The input that `label` stands for: equal stretches of the given kinds."""
        seed = int.from_bytes(hashlib.sha256(label.encode()).digest()[:7], "big")
        x = random_words(self.torch, seed, kinds, count, "cuda")
        drawn = Round(count, x, expected(self.torch, x))
        self.torch.cuda.synchronize()
        self.torch.cuda.empty_cache()
        return drawn

    def measure(self, child, drawn, seconds):
        """Milliseconds for input to output, checked on the scorer's own copy of the output."""
        torch = self.torch
        shared_x, shared_out = (buffer[: drawn.count] for buffer in self.shared[child.role])
        snapshot = self.snapshot[: drawn.count]
        shared_out.fill_(POISON)
        torch.cuda.synchronize()
        began = time.perf_counter_ns()
        shared_x.copy_(drawn.x)
        torch.cuda.synchronize()
        child.exchange(b"", drawn.count, 0, seconds)
        snapshot.copy_(shared_out)
        torch.cuda.synchronize()
        ended = time.perf_counter_ns()
        if not torch.equal(snapshot, drawn.expected):
            raise child.fault(_first_difference(torch, snapshot, drawn.expected))
        return (ended - began) / 1e6 - 2 * self.copy_ms

    def quiet(self):
        """Whether, within a while, copies in a row run as fast as when no child had started."""
        deadline = time.monotonic() + QUIET_SECONDS
        while not all(self._timed_copy() <= QUIET_FACTOR * self.copy_ms for _ in range(QUIET_COPIES)):
            if time.monotonic() > deadline:
                return False
        return True

    def impossible(self, milliseconds):
        return milliseconds < LEAST_COPIES * self.copy_ms

    def close(self):
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def measured(self, rounds):
        device = self.torch.cuda.get_device_name()
        return (
            f"wall clock at {self.count} int32 less two copies, median of {rounds} interleaved rounds, "
            f"{device}, PyTorch {self.torch.__version__}"
        )

    def extra_calibration(self):
        return {"copy_ms": self.copy_ms}


def random_words(torch, seed, kinds, count, device):
    """Random words reset at one place in 1024; other kinds remove those resets or add some."""
    generator = torch.Generator(device=device).manual_seed(seed)

    def draw(low, high, size):
        return torch.randint(low, high, (size,), dtype=torch.int32, device=device, generator=generator)

    words = draw(-(2**31), 2**31 - 1, count)
    edges = [count * i // len(kinds) for i in range(len(kinds) + 1)]
    for kind, first, last in zip(kinds, edges, edges[1:]):
        part = words[first:last]
        if kind in ("none", "rare"):
            part |= ((part & TAIL) == 0).to(torch.int32)
        if kind in ("dense", "crowded"):
            every = {"dense": 8, "crowded": 2}[kind]
            part &= torch.where(draw(0, every, last - first) == 0, ~TAIL, -1).to(torch.int32)
        if kind == "rare":
            part[draw(0, last - first, 3).long()] &= ~TAIL
    return words


def expected(torch, x):
    """The function by its definition: the sum up to here less the sum before the latest reset."""
    sums = torch.cumsum(x, 0, dtype=torch.int64)
    resets = torch.nonzero((x & TAIL) == 0).flatten()
    starts = torch.cat([resets.new_zeros(1), resets])
    ends = torch.cat([resets, resets.new_full((1,), len(x))])
    before = torch.cat([sums.new_zeros(1), sums[resets] - x[resets]])
    sums -= torch.repeat_interleave(before, ends - starts)
    return sums.to(torch.int32)


def _first_difference(torch, got, want):
    at = int((got != want).to(torch.uint8).argmax())
    return f"gave wrong output at element {at} of {len(want)}: {int(got[at])}, not {int(want[at])}"
