"""Variants of the start solution of optimize-kernel: which operations its one loop, or its passes, use.

Some choices are slower and some are wrong, so that only the score command can tell. None leaves the start
solution's method; the reference is out of reach.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

ARTIFACT = "solution.py"

CPU = {
    "walk": ("index", "values", "list"),
    "reset": ("call", "modulo", "mask", "narrow mask"),
    "wrap": ("call", "modulo", "late", "digits"),
    "store": ("method", "bound method", "list"),
}
CPU_START = {"walk": "index", "reset": "call", "wrap": "call", "store": "method"}

GPU = {
    "sums": ("int64", "int32", "float64"),
    "reset": ("remainder", "mask", "narrow mask"),
    "stretch": ("int64", "int32"),
    "base": ("gather", "repeat"),
}
GPU_START = {"sums": "int64", "reset": "remainder", "stretch": "int64", "base": "gather"}


def choices(tier):
    return (CPU, CPU_START) if tier == "smoke" else (GPU, GPU_START)


def render(tier, choice):
    return cpu(choice) if tier == "smoke" else gpu(choice)


def cpu(choice):
    walk = {
        "index": "for i in range(len(x)):\n        value = x[i]",
        "values": "for value in x:",
        "list": "for value in x.tolist():",
    }[choice["walk"]]
    reset = {
        "call": "is_reset(value)",
        "modulo": "value % 1024 == 0",
        "mask": "not value & 1023",
        "narrow mask": "not value & 511",
    }[choice["reset"]]
    total = {
        "call": "wrap(total + value)",
        "modulo": "(total + value + 2147483648) % 4294967296 - 2147483648",
        "late": "total + value",
        "digits": 'int.from_bytes((total + value).to_bytes(8, "little", signed=True)[:4], "little", signed=True)',
    }[choice["wrap"]]
    out, store = {
        "method": ("{array}", "out.append(total)"),
        "bound method": ("{array}\n    append = out.append", "append(total)"),
        "list": ("[]\n    append = out.append", "append(total)"),
    }[choice["store"]]
    kind = "q" if choice["wrap"] == "late" else "i"
    given = f'array("{kind}", out)' if choice["store"] == "list" else "out"
    if kind == "q":
        given = f'memoryview({given}).cast("B").cast("i")[::2].tobytes()'
    out = out.replace("{array}", f'array("{kind}")')
    return f"""\
from array import array


def is_reset(value):
    return value % 1024 == 0


def wrap(value):
    return (value + 2**31) % 2**32 - 2**31


def solve_cpu(x):
    out = {out}
    total = 0
    {walk}
        if {reset}:
            total = 0
        total = {total}
        {store}
    return {given}
"""


def gpu(choice):
    reset = {
        "remainder": "x % 1024 == 0",
        "mask": "(x & 1023) == 0",
        "narrow mask": "(x & 511) == 0",
    }[choice["reset"]]
    base = {
        "gather": f"before[torch.cumsum(reset, 0, dtype=torch.{choice['stretch']})]",
        "repeat": "torch.repeat_interleave(before, lengths, output_size=len(x))",
    }[choice["base"]]
    return f"""\
import torch


def solve_gpu(x, out):
    total = torch.cumsum(x, 0, dtype=torch.{choice['sums']})
    reset = {reset}
    at = torch.nonzero(reset).flatten()
    lengths = torch.diff(at, prepend=at.new_zeros(1), append=at.new_full((1,), len(x)))
    before = torch.cat([total.new_zeros(1), total[at] - x[at]])
    out.copy_(total - {base})
"""
