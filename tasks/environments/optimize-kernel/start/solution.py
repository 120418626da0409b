"""The starting solution of optimize-kernel: right, plain and slow. Make it fast.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from array import array

PERIOD = 1024


def is_reset(value):
    return value % PERIOD == 0


def wrap(value):
    """`value` as a 32-bit two's-complement integer."""
    return (value + 2**31) % 2**32 - 2**31


def solve_cpu(x):
    """Tier `smoke`: `x` is a memoryview of int32; returns as many int32 as a bytes-like object."""
    out = array("i")
    total = 0
    for i in range(len(x)):
        if is_reset(x[i]):
            total = 0
        total = wrap(total + x[i])
        out.append(total)
    return out


def solve_gpu(x, out):
    """Tiers `gpu` and `full`: `x` and `out` are CUDA tensors of int32; the answer goes into `out`."""
    import torch

    total = torch.cumsum(x, 0)
    reset = x % PERIOD == 0
    stretch = torch.cumsum(reset, 0)
    before_reset = total[reset] - x[reset]
    before_stretch = torch.cat([before_reset.new_zeros(1), before_reset])
    out.copy_(total - before_stretch[stretch])
