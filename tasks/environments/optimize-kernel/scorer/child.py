"""One long-lived child process that runs one solution, seen from the scorer.

Promises: a child answers within its time or a `Fault` is raised; a reply's length is checked before a
byte of it is stored; an answer outside the child's turn, or before its input is complete, is a fault.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time

import guard
import runner

PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = 1031
STOP_SECONDS = 5.0
REST_NS = 2_000_000  # processor time that may pass between a process being stopped and standing still


class Fault(Exception):
    """A child broke the rules or its own work; `role` says which solution it ran."""

    def __init__(self, role, reason):
        super().__init__(reason)
        self.role = role


class Child:
    def __init__(self, role, program, tier):
        self.role = role
        self.number = 0
        self.paused_at = 0  # processor time, in ns, that the child had used when its last turn ended
        self.process = subprocess.Popen(
            [sys.executable, *tier.interpreter_flags, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=tier.environment(role),
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self.requests, self.replies = self.process.stdin.fileno(), self.process.stdout.fileno()
        for descriptor in (self.requests, self.replies):
            os.set_blocking(descriptor, False)
            try:
                fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:
                pass  # a smaller pipe is slower for every child alike
        self.writable, self.readable = select.poll(), select.poll()
        self.writable.register(self.requests, select.POLLOUT)
        self.writable.register(self.replies, select.POLLIN)
        self.readable.register(self.replies, select.POLLIN)

    def load(self, source, tier):
        setup = {"source": source, "entry": tier.entry, "limits": tier.limits, **tier.setup(self.role)}
        self.exchange(json.dumps(setup).encode(), 0, 0, tier.load_seconds)
        self.pause()

    def exchange(self, payload, count, reply_bytes, seconds):
        """Returns when the first byte went out, when the last came in (ns), and the reply."""
        self.number += 1
        request = memoryview(runner.FRAME.pack(runner.ASK, self.number, count, len(payload)) + payload)
        self.check_silence()
        deadline = time.monotonic() + seconds
        began = time.perf_counter_ns()
        self._send(request, deadline)
        reply = self._receive(reply_bytes, deadline)
        return began, time.perf_counter_ns(), reply

    def check_silence(self):
        if self.readable.poll(0):
            raise self.fault("ended, or wrote to the scorer outside its turn")

    def _send(self, rest, deadline):
        while rest:
            try:
                rest = rest[os.write(self.requests, rest) :]
            except BlockingIOError:
                ready = dict(self.writable.poll(self._left(deadline)))
                if self.replies in ready and self.requests not in ready:
                    raise self.fault("answered or ended before its input was complete") from None
            except BrokenPipeError:
                raise self.fault("ended before it took its input") from None

    def _receive(self, reply_bytes, deadline):
        magic, number, status, length = runner.FRAME.unpack(self._read(runner.FRAME.size, deadline))
        if magic != runner.TELL or number != self.number:
            raise self.fault("wrote to the scorer's pipe itself")
        if status != runner.DONE:
            text = self._read(min(length, runner.MESSAGE_BYTES), deadline)
            raise self.fault("failed: " + text.decode("ascii", "replace"))
        if length != reply_bytes:
            raise self.fault(f"answered {length} bytes where {reply_bytes} are due")
        return self._read(reply_bytes, deadline)

    def _read(self, length, deadline):
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            try:
                got = os.readv(self.replies, [rest])
            except BlockingIOError:
                self.readable.poll(self._left(deadline))
                continue
            if got == 0:
                raise self.fault("ended without an answer")
            rest = rest[got:]
        return data

    def _left(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise self.fault("took too long")
        return max(1, int(left * 1000))

    def fault(self, reason):
        return Fault(self.role, reason)

    def resume(self):
        self.check_rest()
        self._signal(signal.SIGCONT)

    def check_rest(self):
        """That the child, which must stand still, did: a process can arrange to be continued."""
        if guard.state(self.pid) != "T" or guard.cpu_ns(self.pid) - self.paused_at > REST_NS:
            raise self.fault("ran, or ended, outside its turn")

    def pause(self):
        """Stops the child, so that it can neither work nor disturb outside its turn."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + STOP_SECONDS
        while guard.state(self.pid) != "T":
            if self.process.poll() is not None:
                raise self.fault("ended")
            if time.monotonic() > deadline:
                raise self.fault("could not be stopped after its turn")
            time.sleep(0.0002)
        self.paused_at = guard.cpu_ns(self.pid)

    def _signal(self, number):
        try:
            os.kill(self.pid, number)
        except OSError:
            raise self.fault("ended") from None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
