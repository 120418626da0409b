"""Starts programs in which Python and PyTorch are loaded already, so that the clock counts the program alone.

The launcher is a process forked from the scorer before the scorer knows its seed. For each program it forks again:
the fork has everything imported and nothing of another program, and becomes the scorer's own child, which the
jail's bookkeeping then watches like any other.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

import jail
import program
from scoring import HostTrouble

PID = struct.Struct("=i")
LAST_WORDS = 200
# The jail's devices without the shared memory, where one run could leave something for the next.
DEVICES = [device for device in jail.DEVICES if device != "/dev/shm"]


class Launcher:
    """Must be made before the seed is taken; `close` ends it, and so does the scorer's end."""

    def __init__(self):
        self._socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._socket.close()
                _serve(theirs)
            finally:
                os._exit(1)
        theirs.close()

    def start(self, folder, limits, tier, library):
        """A jailed fork that waits, with nothing of the submission loaded, to run `folder`'s train.py."""
        devices = [*DEVICES, *(jail.gpu_files() if tier.device == "cuda" else ())]
        plan = {
            "folder": folder,
            "readable": [*jail.SYSTEM, library, sys.prefix, sys.base_prefix],
            "writable": [folder, *devices],
            "limits": vars(limits),
            "device": tier.device,
            "threads": tier.threads,
        }
        started = jail.Jail(self._fork(), limits, time.monotonic(), (self.pid,))
        started.say(json.dumps(plan).encode() + b"\n")
        if started.hear(1) != program.READY:
            said = started.finish().errors.decode("ascii", "replace")
            raise HostTrouble(f"no program can be started: {said[-LAST_WORDS:]}")
        return started

    def _fork(self):
        pipes = [os.pipe() for _ in range(3)]
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = pipes
        try:
            socket.send_fds(self._socket, [b"!"], [stdin, stdout, stderr])
            answer = self._socket.recv(PID.size)
        except OSError:
            answer = b""
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
        if len(answer) != PID.size:
            raise HostTrouble("the launcher has ended")
        return Process(*PID.unpack(answer), to_stdin, from_stdout, from_stderr)

    def close(self):
        self._socket.close()
        with contextlib.suppress(ChildProcessError):  # it had ended, and was reaped with what a program left
            os.waitpid(self.pid, 0)


class Process:
    """What `jail.Jail` uses of a `subprocess.Popen`, for a process that the launcher forked."""

    def __init__(self, pid, stdin, stdout, stderr):
        self.pid, self.returncode = pid, None
        self.stdin = os.fdopen(stdin, "wb", 0)
        self.stdout, self.stderr = os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb")
        self._ended = select.poll()
        self._descriptor = os.pidfd_open(pid)
        self._ended.register(self._descriptor, select.POLLIN)

    def poll(self):
        return self._reap(os.WNOHANG)

    def wait(self, timeout=None):
        if self.returncode is None and not self._ended.poll(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired("train.py", timeout)
        return self._reap(0)

    def _reap(self, how):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._descriptor)
        return self.returncode


def _serve(requests):
    """In the launcher: three descriptors in, the process that got them out; until the scorer has gone."""
    program.preload()
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, 1, 3)
        if not message:
            os._exit(0)
        child = _adopted(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(child)


def _adopted(descriptors):
    """Forks by way of a process that ends at once, which makes the scorer the fork's parent; answers the id.

    That process has ended before the scorer hears of the fork, whose life the jail then ties to its parent's.
    """
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        child = os.fork()
        if child == 0:
            program.become(descriptors)
        os.write(writer, PID.pack(child))
        os._exit(0)
    os.close(writer)
    os.waitpid(between, 0)
    answer = os.read(reader, PID.size)
    os.close(reader)
    return answer
