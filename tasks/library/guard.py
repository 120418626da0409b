"""Keeps the submission's hands off the scorer and off the calibration. Linux, through libc and /proc.

Promises: once `withdraw` has run, no process of the same user can trace the scorer or open its memory
or descriptors, and every process that a child leaves behind becomes the scorer's own, so it is seen.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import ctypes
import os
import signal
import time

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
CPUCLOCK_SCHED = 2
ARG_START = 45  # position in /proc/<pid>/stat, counted after the command's name


def withdraw():
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def hide_argument(secret):
    """Overwrites `secret` in this process's command line, which every process may read."""
    with open("/proc/self/cmdline", "rb") as file:
        line = file.read()
    with open("/proc/self/stat", "rb") as file:
        start = int(file.read().rpartition(b")")[2].split()[ARG_START])
    at = line.find(secret)
    while at >= 0:
        ctypes.memset(start + at, ord("-"), len(secret))
        at = line.find(secret, at + 1)


def holders(secret):
    """The processes whose command line shows `secret`."""
    found = []
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if secret in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def _pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid):
    """State, parent and number of threads, or None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[1]), int(fields[17])


def state(pid):
    found = _stat(pid)
    return found[0] if found else "X"


def threads(pid):
    found = _stat(pid)
    return found[2] if found else 0


def cpu_ns(pid):
    """Processor time of all threads of `pid`, by the process's own clock."""
    try:
        return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:
        return 0


def strays(known):
    """Living descendants of this process that are not in `known`."""
    parents, alive = {}, set()
    for pid in _pids():
        found = _stat(pid)
        if found:
            parents[pid] = found[1]
            if found[0] not in "ZX":
                alive.add(pid)
    return [pid for pid in alive if pid not in known and _descends(pid, parents)]


def _descends(pid, parents):
    me = os.getpid()
    while pid in parents and pid != me:
        pid = parents[pid]
        if pid == me:
            return True
    return False


def kill_strays(known):
    """Kills until none is left; gives up after a second, when only a container can help."""
    deadline = time.monotonic() + 1
    while (left := strays(known)) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue


def scheduling(pids):
    """What another process of the same user could change to slow these down."""
    return [(os.getpriority(os.PRIO_PROCESS, p), os.sched_getscheduler(p), os.sched_getaffinity(p)) for p in pids]
