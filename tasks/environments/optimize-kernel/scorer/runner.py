"""The program of a child process: loads one solution and answers the scorer's requests.

Its text is handed to a clean interpreter; the solution's text comes through the pipe. What runs here
shares a process with the submission, so the scorer believes nothing that it says.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import ctypes
import json
import linecache
import os
import resource
import signal
import struct
import sys
import types

FRAME = struct.Struct("<4sIQQ")  # magic, number, count (request) or status (reply), bytes that follow
ASK, TELL = b"QASK", b"QTEL"
DONE, FAILED = 0, 1
MESSAGE_BYTES = 2000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38


class Channel:
    """The scorer's pipes, moved away from descriptors 0 to 2 so that a stray print does no harm."""

    def __init__(self):
        self.requests, self.replies = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)

    def read(self, length):
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            got = os.readv(self.requests, [rest])
            if got == 0:
                os._exit(0)
            rest = rest[got:]
        return data

    def request(self):
        magic, number, count, length = FRAME.unpack(self.read(FRAME.size))
        if magic != ASK:
            os._exit(1)
        return number, count, self.read(length)

    def reply(self, number, status, body=b""):
        for rest in (memoryview(FRAME.pack(TELL, number, status, len(body))), body):
            while rest:
                rest = rest[os.write(self.replies, rest) :]


def confine(limits):
    """Gives up every privilege, and the chance to trace or be traced, before the solution is loaded."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    dropped = libc.capset(header, none)
    kept = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    tied = libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if dropped or kept or tied:
        raise OSError(ctypes.get_errno(), "the child could not give up its privileges")
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def load(source, entry):
    name = "solution.py"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    module = types.ModuleType("solution")
    module.__file__ = name
    sys.modules["solution"] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return getattr(module, entry)


def cpu_server(solve, setup):
    def serve(count, payload):
        return memoryview(solve(memoryview(payload).cast("i"))).cast("B")

    return serve


def gpu_server(solve, setup):
    import pickle

    import torch
    import torch.multiprocessing  # noqa: F401 - teaches pickle to open shared CUDA memory

    x, out = (pickle.loads(bytes.fromhex(text)) for text in setup["buffers"])

    def serve(count, payload):
        if count:
            solve(x[:count], out[:count])
        torch.cuda.synchronize()
        return b""

    return serve


def main():
    channel = Channel()
    number = 0
    try:
        number, _, payload = channel.request()
        setup = json.loads(payload.decode())
        confine(setup["limits"])
        solve = load(setup["source"], setup["entry"])
        serve = {"solve_cpu": cpu_server, "solve_gpu": gpu_server}[setup["entry"]](solve, setup)
        channel.reply(number, DONE)
        while True:
            number, count, payload = channel.request()
            channel.reply(number, DONE, serve(count, payload))
    except BaseException as error:  # whatever the solution raised is for the scorer to report
        text = f"{type(error).__name__}: {error}"
        channel.reply(number, FAILED, memoryview(text.encode("ascii", "replace")[:MESSAGE_BYTES]))


if __name__ == "__main__":
    main()
