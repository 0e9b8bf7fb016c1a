"""The processes of a program: found wherever they went, and ended.

Within walls none can leave (bubblewrap gives them a process namespace of their own). Without, on
Linux, a supervisor takes in what daemonises (`supervisor`), and where this runner may make control
groups, the kernel keeps count too. Elsewhere the tree of processes is watched, and each process is
known by a variable of its environment, as long as it keeps that.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from bonsai.execution import supervisor

MARK = "BONSAI_PROCESS"  # every process of a run carries it, also one that left the process group
RUNNER = "BONSAI_STARTED_BY"  # and the runner that started it, as "pid:when it started"
MANY = 50  # processes
SUPERVISES = sys.platform == "linux"
CGROUP = "bonsai-{}-{}"  # of a runner, and a name of its own
# What cannot be killed in this time hangs in the kernel, and is left to it.
END_SECONDS = 10.0


class Family:
    """One program and all that it starts.

    Attributes:
        mark: the value of the variable `MARK` in the program's environment.
    """

    def __init__(self, mark: str, *, walls: bool) -> None:
        """Start nothing yet.

        Args:
            mark: what the program's processes carry in their environment.
            walls: whether the program runs within a process namespace, which ends with it.
        """
        self.mark = mark
        self._walls = walls
        self._supervised = SUPERVISES and not walls
        self._cgroup: Path | None = None
        self._seen: set[psutil.Process] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start the program; `options` are those of `subprocess.Popen`."""
        if self._supervised:
            self._cgroup = _new_cgroup()
            command = [
                *(sys.executable, "-I", "-S", "-B", supervisor.__file__),
                *(str(os.getpid()), str(self._cgroup or ""), *command),
            ]
        try:
            self._process = subprocess.Popen(command, start_new_session=True, **options)
        except BaseException:
            _remove_cgroup(self._cgroup)
            raise
        return self._process

    def members(self) -> list[psutil.Process]:
        """The processes that are alive now; without the supervisor, which is ours."""
        assert self._process, "see `start`"
        tree: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._process.pid)
            tree = [] if self._supervised else [root]
            tree += root.children(recursive=True)
        if self._walls:
            return tree
        if self._supervised:
            found = {*tree, *_living(self._cgroup)}
        elif len(group := _group(self._process.pid)) > MANY:  # reading environments takes time
            found = {*tree, *group}
        else:
            found = {*tree, *_marked(self.mark)}
        self._seen |= found
        return [process for process in found if _is_alive(process)]

    def end(self) -> None:
        """Kill all of them, wherever they went, until there are none."""
        assert self._process, "see `start`"
        process = self._process
        deadline = time.monotonic() + END_SECONDS
        if self._supervised:
            # The supervisor last: until then, what loses its parent comes to it.
            while process.poll() is None and (left := self.members()):
                _kill(left)
                if time.monotonic() > deadline:
                    break
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (AttributeError, ProcessLookupError, PermissionError):  # no groups on Windows
                process.kill()
        # Again, until nobody was born meanwhile. A supervisor can be killed by its own program.
        while time.monotonic() < deadline:
            if not (left := [each for each in self._strays() if _is_alive(each)]):
                break
            _kill(left)
        _remove_cgroup(self._cgroup)

    def _strays(self) -> set[psutil.Process]:
        found = {*_marked(self.mark), *_living(self._cgroup)}
        for process in self._seen:
            found.add(process)
            with contextlib.suppress(psutil.Error):
                found |= set(process.children(recursive=True))
        return found


def badge() -> dict[str, str]:
    """The variable by which `kill_orphans` knows what this runner has started."""
    return {RUNNER: _identity(os.getpid())}


def kill_orphans() -> int:
    """Kill the programs of runners that are no more; returns how many there were.

    A runner that is killed with SIGKILL cannot end what it has started. Left alone, that would go
    on writing into the folder of the run that `resume` does again.
    """
    killed = set()
    for again in range(10):  # until nobody was born meanwhile
        orphans = {process for process, runner in _with_variable(RUNNER) if not _lives(runner)}
        for process in list(orphans):
            with contextlib.suppress(psutil.Error):
                orphans |= set(process.children(recursive=True))
        for cgroup in _cgroups_of_the_dead():
            orphans |= set(_living(cgroup))
        if not orphans:
            break
        # A supervisor ends by itself with the last process below it, which until then it holds.
        last = again == 9
        _kill([each for each in orphans if last or not _is_supervisor(each)])
        psutil.wait_procs(orphans, timeout=0.2)
        killed |= {process.pid for process in orphans}
    for cgroup in _cgroups_of_the_dead():
        _remove_cgroup(cgroup)
    return len(killed)


def _kill(processes: Iterable[psutil.Process]) -> None:
    processes = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=0.05)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _is_supervisor(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return supervisor.__file__ in process.cmdline()[:6]
    return False


def _lives(runner: str) -> bool:
    try:
        return _identity(int(runner.partition(":")[0])) == runner
    except (psutil.Error, OSError, ValueError):
        return False


def _identity(pid: int) -> str:
    """A process's number and when it started: numbers are used again."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.is_file():  # in ticks since the machine started: no one sets that clock
        return f"{pid}:{stat.read_text(errors='replace').rpartition(')')[2].split()[19]}"
    return f"{pid}:{psutil.Process(pid).create_time()}"


def _group(leader: int) -> list[psutil.Process]:
    """The processes of a process group."""
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, AttributeError, psutil.Error):
            if os.getpgid(pid) == leader:
                members.append(psutil.Process(pid))
    return members


def _marked(mark: str) -> list[psutil.Process]:
    return [process for process, value in _with_variable(MARK) if value == mark]


def _with_variable(name: str) -> list[tuple[psutil.Process, str]]:
    """Processes that carry a variable in their environment, and its value."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            value = process.environ().get(name)
            if value is not None and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process, value))
    return found


# --------------------------------------------------------------------- control groups (cgroups(7))


@lru_cache(maxsize=1)
def _own_cgroup() -> Path | None:
    """The control group (version 2) that this process is in; None where there is none."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        own = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    root = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
    path = next((line[3:] for line in own if line.startswith("0::")), None)
    return None if root is None or path is None else Path(root + path)


def _new_cgroup() -> Path | None:
    """A control group of this runner's; None where it may not make one."""
    if (own := _own_cgroup()) is None:
        return None
    cgroup = own / CGROUP.format(_identity(os.getpid()), secrets.token_hex(4))
    try:
        cgroup.mkdir()
    except OSError:
        return None
    return cgroup


def _living(cgroup: Path | None) -> list[psutil.Process]:
    """The processes of a control group; zombies are not among them."""
    found: list[psutil.Process] = []
    if cgroup is None:
        return found
    with contextlib.suppress(OSError):
        for pid in (cgroup / "cgroup.procs").read_text().split():
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(int(pid)))
    return found


def _remove_cgroup(cgroup: Path | None) -> None:
    if cgroup is not None:
        with contextlib.suppress(OSError):
            (cgroup / "cgroup.kill").write_text("1")  # Linux 5.14
        for _ in range(100):  # a process takes a moment to die
            with contextlib.suppress(OSError):
                cgroup.rmdir()
            if not cgroup.exists():
                return
            time.sleep(0.01)


def control_groups() -> list[Path]:
    """The control groups that runners of this machine have made and not removed."""
    own = _own_cgroup()
    return [] if own is None else list(own.glob(CGROUP.format("*", "*")))


def _cgroups_of_the_dead() -> list[Path]:
    return [path for path in control_groups() if not _lives(path.name.split("-")[1])]
