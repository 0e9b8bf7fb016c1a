"""Stands between the runner and a program that runs without walls, so that nothing outlives it.

Usage:  python -I -S supervisor.py RUNNER_PID CGROUP COMMAND...

On Linux a process whose parent has ended is given to the nearest *child subreaper* above it
(prctl(2), PR_SET_CHILD_SUBREAPER). This process is one, so whatever a program starts stays below
it, in whatever session, with whatever environment. When the program ends, or the runner, all that
is left of it is killed, and this process ends as the program did.

It imports nothing of ours: it is started for every program, and takes 20 ms.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PAUSE_SECONDS = 0.002
# A process in the kernel's hands (a disk that does not answer) cannot be killed; it is left to init
# rather than waited for without end.
END_SECONDS = 10.0
WAKE = {signal.SIGCHLD, signal.SIGTERM}


def main(runner: int, cgroup: str, command: list[str]) -> NoReturn:
    """Run `command`, end what is left of it, and end as it did.

    Args:
        runner: the process that started this one; when it dies, so does the program.
        cgroup: a control group that the program is put into; "": none.
        command: the program and its arguments.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    control = ctypes.CDLL(None).prctl
    control(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKE)  # they wait until they are asked for
    if os.getppid() != runner:  # it died before it could be told from others
        os._exit(1)
    child = os.fork()
    if child == 0:
        _become(cgroup, command)
    status = None
    while status is None and signal.sigwait(WAKE) == signal.SIGCHLD:
        status = _reap(child)
    _end_all()
    _end_as(-signal.SIGTERM if status is None else status)


def _become(cgroup: str, command: list[str]) -> NoReturn:
    """Turn this process into the program."""
    if cgroup:
        with suppress(OSError), open(f"{cgroup}/cgroup.procs", "w") as file:
            file.write("0")
    os.setsid()  # a program that kills its own group must not reach its supervisor
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAKE)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(127)


def _reap(child: int) -> int | None:
    """Take note of the ended; the exit status of `child` (as in os.wait) if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = os.waitstatus_to_exitcode(status)
    return found


def _end_all() -> None:
    """Kill all that is below this process, until nothing is."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        for pid in _descendants():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE_SECONDS)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with (
                suppress(OSError, ValueError, IndexError),
                open(f"/proc/{name}/stat", "rb") as file,
            ):
                # The name of a program is in parentheses, and may hold anything.
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _end_as(code: int) -> NoReturn:
    """End with this exit code; if it is negative, by the signal of that number."""
    if code < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        time.sleep(1)  # until it is delivered
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
