"""The reference solution of optimize-kernel: an honest optimisation of the starting solution.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

from array import array

try:
    import torch
    import triton
    import triton.language as tl
except ImportError:  # the smoke tier has the standard library alone
    triton = None

# ---- smoke: thousands of additions in one operation on a long integer ----

STEPS = 48  # 64-bit words in a group; a group is scanned in as many steps
LOW = 0xFFFFFFFF
TAIL = 1023


def solve_cpu(x):
    """Cuts the input into groups and scans all groups at once, then adds what each inherits.

    Word k of every group together make one long integer, a 64-bit lane for each group, so that one
    addition moves all groups one element on. A lane holds 32 bits of sum and room for the carry.
    """
    size = -(-len(x) // (2 * STEPS)) * 2 * STEPS
    padded = bytearray(4 * size)
    padded[: x.nbytes] = x.cast("B")
    words = memoryview(padded).cast("Q")
    lanes = len(words) // STEPS
    one = int.from_bytes(array("Q", [1]).tobytes() * lanes, "little")
    low, tail = one * LOW, one * TAIL

    running, intact, scanned = 0, low, []
    for step in range(STEPS):
        pair = int.from_bytes(words[step::STEPS].tobytes(), "little")
        for value in (pair & low, pair >> 32 & low):
            # The low ten bits plus 1023 reach bit 10 unless they are zero, which is a reset.
            kept = ((value & tail) + tail >> 10) & one
            keep = (kept << 32) - kept
            running = value + (running & keep)
            intact &= keep
            scanned.append((running, intact))

    inherited = _inherited(_unpack(running & low, lanes), _unpack(intact, lanes))
    out = memoryview(bytearray(4 * size))
    out_words = out.cast("Q")
    for step in range(STEPS):
        even, odd = (total + (inherited & intact) & low for total, intact in scanned[2 * step : 2 * step + 2])
        out_words[step::STEPS] = _unpack(odd << 32 | even, lanes)
    return out[: x.nbytes]


def _unpack(number, lanes):
    return memoryview(number.to_bytes(8 * lanes, "little")).cast("Q")


def _inherited(totals, intact):
    """For each group, the sum that is open when it begins."""
    carries, carry = array("Q"), 0
    for total, mask in zip(totals, intact):
        carries.append(carry)
        carry = total + (carry & mask) & LOW
    return int.from_bytes(carries.tobytes(), "little")


# ---- gpu: reduce, scan the blocks' sums, scan again; no block waits for another ----

BLOCK = 4096
CHUNK = 4096

if triton is not None:

    @triton.jit
    def _join(seen_a, sum_a, seen_b, sum_b):
        """Stretch a followed by stretch b: was there a reset, and what is the sum at the end."""
        return seen_a | seen_b, tl.where(seen_b != 0, sum_b, sum_a + sum_b)

    @triton.jit
    def _reduce(x, seen, sums, n, BLOCK: tl.constexpr):
        block = tl.program_id(0)
        lane = tl.arange(0, BLOCK)
        at = block.to(tl.int64) * BLOCK + lane
        inside = at < n
        value = tl.load(x + at, mask=inside, other=0)
        last = tl.max(tl.where(((value & 1023) == 0) & inside, lane, -1), axis=0)
        tl.store(seen + block, (last >= 0).to(tl.int32))
        tl.store(sums + block, tl.sum(tl.where(lane >= last, value, 0), axis=0))

    @triton.jit
    def _scan_blocks(seen, sums, carries, blocks, CHUNK: tl.constexpr):
        lane = tl.arange(0, CHUNK)
        carry = 0
        for first in range(0, blocks, CHUNK):
            at = first + lane
            flag = tl.load(seen + at, mask=at < blocks, other=0)
            total = tl.load(sums + at, mask=at < blocks, other=0)
            flag, total = tl.associative_scan((flag, total), 0, _join)
            total += tl.where(flag != 0, 0, carry)
            tl.store(carries + at + 1, total, mask=at < blocks)
            carry = tl.sum(tl.where(lane == CHUNK - 1, total, 0), axis=0)

    @triton.jit
    def _scan(x, carries, out, n, BLOCK: tl.constexpr):
        block = tl.program_id(0)
        at = block.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        value = tl.load(x + at, mask=at < n, other=0)
        flag, total = tl.associative_scan((((value & 1023) == 0).to(tl.int32), value), 0, _join)
        total += tl.where(flag != 0, 0, tl.load(carries + block))
        tl.store(out + at, total, mask=at < n)


def solve_gpu(x, out):
    n = x.numel()
    blocks = triton.cdiv(n, BLOCK)
    seen, sums = torch.empty((2, blocks), dtype=torch.int32, device=x.device)
    carries = torch.zeros(blocks + 1, dtype=torch.int32, device=x.device)
    _reduce[(blocks,)](x, seen, sums, n, BLOCK=BLOCK, num_warps=8)
    _scan_blocks[(1,)](seen, sums, carries, blocks, CHUNK=CHUNK, num_warps=8)
    _scan[(blocks,)](x, carries, out, n, BLOCK=BLOCK, num_warps=8)
