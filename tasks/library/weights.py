"""Weights that somebody handed in, as safetensors: read as data, checked before a byte is used.

Promises: `read` returns exactly the named tensors in their shapes, as finite float32; it never runs code
from the file, and opens nothing that is larger than those tensors can be.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import math
import os
import stat

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from scoring import Rejected

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
HEADER_BYTES = 1 << 20


def read(folder, name, shapes):
    """The tensors of `folder/name`, whose names and shapes must be those of `shapes` (name → sizes)."""
    path = os.path.join(folder, name)
    _check_file(path, name, shapes)
    try:
        with safe_open(path, framework="pt") as file:
            _check_names(name, set(file.keys()), set(shapes))
            return {key: _tensor(file, name, key, tuple(sizes)) for key, sizes in shapes.items()}
    except (SafetensorError, ValueError) as error:
        raise Rejected(f"{name} is no safetensors file: {error}") from None


def _check_file(path, name, shapes):
    try:
        found = os.lstat(path)
    except OSError as error:
        raise Rejected(f"{name} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise Rejected(f"{name} is no regular file")
    most = HEADER_BYTES + 4 * sum(math.prod(sizes) for sizes in shapes.values())
    if found.st_size > most:
        raise Rejected(f"{name} has {found.st_size} bytes; the weights take {most} at most")
    with open(path, "rb") as file:
        if int.from_bytes(file.read(8), "little") > HEADER_BYTES:
            raise Rejected(f"{name} has a header of more than {HEADER_BYTES} bytes")


def _check_names(name, found, wanted):
    for kind, keys in (("lacks", wanted - found), ("has unknown", found - wanted)):
        if keys:
            raise Rejected(f"{name} {kind} {len(keys)} tensors, such as {json.dumps(sorted(keys)[0][:80])}")


def _tensor(file, name, key, sizes):
    view = file.get_slice(key)
    if tuple(view.get_shape()) != sizes:
        raise Rejected(f"{name}: {key} has the shape {list(view.get_shape())[:8]}, not {list(sizes)}")
    if view.get_dtype() not in WIDTHS:
        raise Rejected(f"{name}: {key} is {view.get_dtype()}, not one of {', '.join(WIDTHS)}")
    tensor = file.get_tensor(key).to(torch.float32)
    if not torch.isfinite(tensor).all():
        raise Rejected(f"{name}: {key} holds a number that is not finite")
    return tensor


def write(path, tensors):
    """Writes tensors (name → tensor) for `read`."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
