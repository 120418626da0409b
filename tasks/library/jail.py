"""Runs a program that somebody handed in, so that it sees and touches its own folder and nothing of the scorer.

Promises: the program runs without privileges, in a process group of its own; it reads the system's files and what
it is shown, and writes only below its folder (Landlock); it cannot signal or trace the scorer; its time, memory,
processes and output are bounded; when `finish` returns, nothing that it started is alive.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import ctypes
import glob
import json
import os
import resource
import selectors
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field

import guard
from scoring import HostTrouble

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/shm")
GPU_DEVICES = "/dev/nvidia*"

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
# Kernel 5.13's numbers (linux/landlock.h); the calls have the same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ABI_VERSION, PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
BECOME = "import sys; sys.path.insert(0, sys.argv[1]); import jail; jail.become(sys.argv[2])"
SCOPES = 0b11  # from version 6 on: no abstract sockets, no signals to processes outside


@dataclass
class Limits:
    seconds: float
    memory_bytes: int
    processes: int = 64
    cpu_seconds: int | None = None
    file_bytes: int = 1 << 30
    output_bytes: int = 1 << 20


@dataclass
class Ended:
    """How a program ended. `seconds` is wall time since it was let go; `reason` is None if it ended by itself
    with exit status 0."""

    reason: str | None
    seconds: float
    output: bytes
    errors: bytes


@dataclass
class Jail:
    """A running program; `finish` must be called."""

    process: subprocess.Popen
    limits: Limits
    let_go: float
    known: tuple = field(default=())

    def say(self, data):
        """Writes to the program's standard input, which it must be reading, and starts its clock anew."""
        self.let_go = time.monotonic()
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended; `finish` says how

    def hear(self, length):
        """`length` bytes of its standard output, or fewer if it ends or its time is used up first."""
        data = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while len(data) < length:
                left = self.let_go + self.limits.seconds - time.monotonic()
                if left <= 0 or not selector.select(left):
                    break
                got = os.read(self.process.stdout.fileno(), length - len(data))
                if not got:
                    break
                data += got
        return data

    def finish(self, data=b""):
        """Feeds the program `data`, waits for its end or its limits, and kills whatever is left of it."""
        try:
            reason, output, errors = self._attend(data)
            seconds = time.monotonic() - self.let_go
        finally:
            self._kill()
        if reason is None and self.process.returncode != 0:
            code = self.process.returncode
            reason = f"ended with exit status {code}" if code > 0 else f"was killed by signal {-code}"
        return Ended(reason, seconds, output, errors)

    def _attend(self, data):
        """Moves bytes until both outputs are closed and the program has ended; says which limit it met."""
        deadline, rest = self.let_go + self.limits.seconds, memoryview(data)
        said = {self.process.stdout: bytearray(), self.process.stderr: bytearray()}
        os.set_blocking(self.process.stdin.fileno(), False)
        reason = None
        with selectors.DefaultSelector() as selector:
            for stream in said:
                selector.register(stream, selectors.EVENT_READ)
            if rest:
                selector.register(self.process.stdin, selectors.EVENT_WRITE)
            else:
                self.process.stdin.close()
            while reason is None and any(stream in selector.get_map() for stream in said):
                left = deadline - time.monotonic()
                if left <= 0:
                    reason = f"took more than {self.limits.seconds:g} s"
                    break
                for key, _ in selector.select(min(left, 0.05)):
                    if key.fileobj is self.process.stdin:
                        rest = self._feed(selector, rest)
                    elif not self._drain(selector, key.fileobj, said):
                        reason = f"printed more than {self.limits.output_bytes} bytes"
                if self.process.poll() is not None and not selector.select(0):
                    break  # a descendant may hold its outputs open; it is killed below
        if reason is None and self._outlives(deadline):
            reason = f"took more than {self.limits.seconds:g} s"
        return reason, bytes(said[self.process.stdout]), bytes(said[self.process.stderr])

    def _feed(self, selector, rest):
        try:
            rest = rest[os.write(self.process.stdin.fileno(), rest[: 1 << 16]) :]
        except BlockingIOError:
            return rest
        except OSError:
            rest = memoryview(b"")
        if not rest:
            selector.unregister(self.process.stdin)
            self.process.stdin.close()
        return rest

    def _drain(self, selector, stream, said):
        got = os.read(stream.fileno(), 1 << 16)
        if not got:
            selector.unregister(stream)
        said[stream] += got
        return sum(map(len, said.values())) <= self.limits.output_bytes

    def _outlives(self, deadline):
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return True
        return False

    def _kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        guard.kill_strays(self.known)
        if guard.strays(self.known):
            raise HostTrouble("a process of the submission cannot be killed")
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass


def start(command, folder, limits, shown=(), environment=None, gpu=False, system=SYSTEM):
    """Starts `command` in `folder`, its own and writable; `shown` are further files and folders that it may read.
    A program that needs no `system` gets no devices either, and only reads its folder.

    The scorer must have called `guard.withdraw`, as `scoring.run` does, so that strays are its own.
    """
    if _abi() < 1:
        raise HostTrouble("this kernel has no Landlock (Linux 5.13 or newer, `landlock` among its security modules)")
    readable, writable = [folder, *shown], []
    if system:
        readable += [*system, sys.prefix, sys.base_prefix]
        writable += [folder, *DEVICES, *(gpu_files() if gpu else ())]
    plan = {"command": command, "readable": readable, "writable": writable, "limits": vars(limits)}
    here = os.path.dirname(os.path.abspath(__file__))
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", BECOME, here, json.dumps(plan)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
        env={"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", **(environment or {})},
    )
    return Jail(process, limits, time.monotonic())


def gpu_files():
    """What CUDA opens to write: the devices, and below /proc the names of its own threads."""
    return [*glob.glob(GPU_DEVICES), "/proc"]


def run(command, folder, limits, data=b"", **options):
    """Runs `command` to its end, with `data` on its standard input."""
    return start(command, folder, limits, **options).finish(data)


def become(plan):
    """In the new process: gives everything up, then turns into the command."""
    plan = json.loads(plan)
    try:
        _drop_privileges()
        _limit(plan["limits"])
        _restrict(plan["readable"], plan["writable"])
        os.execv(plan["command"][0], plan["command"])
    except OSError as error:
        sys.exit(f"the jail could not be closed: {error}")


def _drop_privileges():
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    tied = libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.capset(header, none) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or tied:
        raise OSError(ctypes.get_errno(), "it kept its privileges")


def _limit(limits):
    wanted = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NPROC: limits["processes"],
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        if value is not None:
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))


def _abi():
    return ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, ABI_VERSION)


def _restrict(readable, writable):
    libc, abi = ctypes.CDLL(None, use_errno=True), _abi()
    rights = RIGHTS[min(abi, 5)]
    scopes = SCOPES if abi >= 6 else 0
    attributes = struct.pack("=QQQ", rights, 0, scopes)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = libc.syscall(CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "no Landlock rules could be made")
    for path in readable:
        _allow(libc, ruleset, path, rights & (EXECUTE | READ_FILE | READ_DIR))
    for path in writable:
        _allow(libc, ruleset, path, rights)
    if libc.syscall(RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "the Landlock rules could not be put in force")
    os.close(ruleset)


def _allow(libc, ruleset, path, rights):
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        rights &= FILE_RIGHTS
    rule = struct.pack("=Qi", rights, descriptor)
    if libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0):
        raise OSError(ctypes.get_errno(), f"no Landlock rule could be made for {path}")
    os.close(descriptor)
