"""The process of one run: closes the jail round itself, waits for the go, then runs train.py.

Promises: no line of the program is read before the go, so the program can prepare nothing; what it prints goes to
the scorer's pipes and nowhere else. From the go on, nothing that this process says is believed.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import os
import runpy
import sys
import traceback

import torch

import jail

READY = b"!"
FIRST_OTHER, MOST_DESCRIPTORS = 3, 1 << 16
PASSED_ON = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "CC")


def preload():
    """What a program should not pay for: PyTorch, and the module that its optimisers import at their first use."""
    # CUDA survives no fork; so the question whether there is a device must not wake it here.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    import safetensors.torch  # noqa: F401
    import torch._dynamo  # noqa: F401


def become(descriptors):
    """In the fork: never returns."""
    status = 1
    try:
        _confine(descriptors)
        os.write(1, READY)
        if os.read(0, 1):
            sys.argv[:] = ["train.py"]
            runpy.run_path("train.py", run_name="__main__")
            status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status & 0xFF)


def _confine(descriptors):
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.closerange(FIRST_OTHER, MOST_DESCRIPTORS)
    os.setsid()
    # By now the scorer is this process's parent; the jail ties its life to it.
    plan = json.loads(_line())
    jail._drop_privileges()
    jail._limit(plan["limits"])
    jail._restrict(plan["readable"], plan["writable"])
    os.chdir(plan["folder"])
    torch.set_num_threads(plan["threads"])
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, PATH="/usr/bin:/bin", HOME=plan["folder"], TMPDIR=plan["folder"], LANG="C.UTF-8")
    if plan["device"] == "cuda":
        torch.ones(2, 2, device="cuda").mm(torch.ones(2, 2, device="cuda")).cpu()


def _line():
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or b"\n"
    return line


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
