"""Run a program that a model wrote: limited in time, with a scrubbed environment, killed as a tree.

A later sandbox wraps the command here and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bonsai.kit.data import data_folder

# Nothing else of the runner's environment reaches an experiment: no key, no token, no proxy.
ALLOWED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME"),
)
MARK = "BONSAI_PROCESS"  # every process of a run carries it, also one that left the process group
RUNNER = "BONSAI_RUNNER"  # and the runner that started it, as "pid:time of its start"
TAIL_BYTES = 6000
POLL_SECONDS = 0.05


class Cancelled(Exception):
    """The sweep was told to stop while a program was running."""


@dataclass(frozen=True)
class Execution:
    """How a program ended.

    Attributes:
        code: its exit code; negative for the signal that ended it.
        timed_out: whether it was killed at its time limit.
        seconds: how long it ran.
        output: the end of what it printed on stdout.
        error: the end of what it printed on stderr.
    """

    code: int
    timed_out: bool
    seconds: float
    output: str
    error: str

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.code == 0 and not self.timed_out


def python(
    arguments: Sequence[str],
    *,
    folder: Path,
    log: Path,
    seconds: float,
    threads: int = 1,
    on_line: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> Execution:
    """Run this Python with `arguments` in `folder` and kill all that is left of it afterwards.

    Args:
        arguments: for example `["experiment.py", "--out_dir", "run_1"]`.
        folder: its working directory.
        log: stdout goes to `<log>.out`, stderr to `<log>.err`.
        seconds: the limit of wall-clock time.
        threads: CPU threads that it may compute with.
        on_line: called with the last line of stdout whenever that changes.
        cancel: when set, the program is killed and `Cancelled` raised.
    """
    mark = uuid.uuid4().hex
    log.parent.mkdir(parents=True, exist_ok=True)
    out_path, error_path = log.with_name(log.name + ".out"), log.with_name(log.name + ".err")
    with out_path.open("wb") as out, error_path.open("wb") as error:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder, env=environment(threads, mark), stdin=subprocess.DEVNULL,
            stdout=out, stderr=error, start_new_session=True,
        )  # fmt: skip
        timed_out = False
        last_line = ""
        try:
            while (code := process.poll()) is None:
                if cancel is not None and cancel.is_set():
                    raise Cancelled
                if time.monotonic() - started > seconds:
                    timed_out = True
                    break
                if on_line and (line := _last_line(out_path)) != last_line:
                    on_line(last_line := line)
                time.sleep(POLL_SECONDS)
        finally:
            kill_tree(process, mark)
            code = process.wait()
    return Execution(
        code, timed_out, time.monotonic() - started, _tail(out_path), _tail(error_path)
    )


def cores() -> int:
    """The CPU cores that this process may use; fewer than the machine has under `taskset`."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int, mark: str) -> Mapping[str, str]:
    """The environment of an experiment: an allow-list, the data cache and the thread count."""
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    count = str(threads)
    return kept | {
        "BONSAI_DATA": str(data_folder()),
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        MARK: mark,
        RUNNER: _identity(psutil.Process()),
    }


def kill_tree(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a process, its group, and whoever carries its mark, wherever they went."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (AttributeError, ProcessLookupError, PermissionError):  # no groups on Windows
            process.kill()
    while marked := _marked(mark):  # again, until nobody was born meanwhile
        for other in marked:
            with contextlib.suppress(psutil.Error):
                other.kill()
        psutil.wait_procs(marked, timeout=1)


def kill_orphans() -> int:
    """Kill the programs of runners that are no more; returns how many there were.

    A runner that is killed with SIGKILL cannot end what it has started. Left alone, that would go
    on writing into the folder of the run that `resume` does again.
    """
    alive = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            alive.add(_identity(process))
    orphans = [process for process, runner in _with_variable(RUNNER) if runner not in alive]
    for process in orphans:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(orphans, timeout=5)
    return len(orphans)


def _identity(process: psutil.Process) -> str:
    return f"{process.pid}:{process.create_time()}"


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


def _last_line(path: Path) -> str:
    lines = _tail(path, 400).strip().splitlines()
    return lines[-1] if lines else ""


def _tail(path: Path, size: int = TAIL_BYTES) -> str:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - size))
        return file.read().decode("utf-8", errors="replace")
