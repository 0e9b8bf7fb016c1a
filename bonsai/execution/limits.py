"""What a program may take, watched from outside: memory, disk, processes, output.

The shape of the limits is `contract.Limits`. Where the kernel can hold a limit by itself (the size
of one file), it does; the rest is looked at several times a second, on every system alike.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from bonsai.base import untrusted
from bonsai.templates import Limits

MB, GB = 1e6, 1e9


class Watch:
    """Looks at a running program, and says what it takes too much of."""

    def __init__(self, limits: Limits, folders: Sequence[Path], logs: Sequence[Path]) -> None:
        """Begin to watch.

        Args:
            limits: what may be taken.
            folders: all that the program can write; what lies there already does not count.
            logs: the files that its output goes to.
        """
        self._limits = limits
        self._folders = folders
        self._logs = logs
        self._files_before, self._bytes_before, _ = _measure(folders)
        self._tasks_before = _tasks_of_machine()
        self.memory_gb = 0.0  # the most that was seen
        self.cpu_seconds = 0.0  # of all processes together, when last seen

    def output(self) -> str | None:
        """A sentence's end if too much was printed: cheap, to be asked often."""
        printed = sum(path.stat().st_size for path in self._logs if path.exists())
        if printed > self._limits.output_mb * MB:
            return f"it printed more than {self._limits.output_mb:g} MB"
        return None

    def crowded(self) -> bool:
        """Whether the whole machine has gained so many processes that one had better look now.

        It costs nothing to know, and a program that doubles itself twenty times a second must not
        be left alone for long.
        """
        return _tasks_of_machine() - self._tasks_before > self._limits.tasks

    def breach(self, processes: Iterable[psutil.Process]) -> str | None:
        """A sentence's end if these processes, or what they wrote, are past a limit."""
        limits = self._limits
        processes = list(processes)
        tasks = len(processes)
        if tasks <= limits.tasks:
            tasks = int(_sum(processes, lambda process: process.num_threads()))
        if tasks > limits.tasks:
            return f"it had {tasks} processes and threads, of {limits.tasks} at most"
        memory = _sum(processes, lambda process: process.memory_info().rss)
        if memory > limits.memory_gb * GB:  # shared pages were counted twice: look closer
            memory = _sum(processes, _own_memory)
        self.memory_gb = max(self.memory_gb, memory / GB)
        self.cpu_seconds = max(self.cpu_seconds, _sum(processes, _cpu_seconds))
        if memory > limits.memory_gb * GB:
            return f"it took {memory / GB:.1f} GB of memory, of {limits.memory_gb:g} GB at most"
        files, size, depth = _measure(self._folders)
        files, size = files - self._files_before, size - self._bytes_before
        if size > limits.disk_mb * MB:
            return f"it wrote {size / MB:.0f} MB to disk, of {limits.disk_mb:g} MB at most"
        if files > untrusted.MOST_FILES:
            return f"it wrote more than {untrusted.MOST_FILES:,} files"
        if depth > untrusted.MOST_DEPTH:
            return f"it made folders more than {untrusted.MOST_DEPTH} deep"
        return None


def within(command: Sequence[str], limits: Limits) -> list[str]:
    """The command that runs `command` with the limits that the kernel holds.

    No file larger than the disk limit (the write fails with "File too large"), no core dump, and
    for others than root no end of processes.
    """
    if os.name != "posix":
        return list(command)
    limit = f"ulimit -c 0; ulimit -f {int(limits.disk_mb * MB // 512)}"
    if os.getuid():  # the kernel counts all processes of a user, and none of root's
        tasks = _tasks_of_user() + 2 * limits.tasks
        limit += f"; ulimit -u {tasks} 2>/dev/null || ulimit -p {tasks} 2>/dev/null || true"
    return ["/bin/sh", "-c", f'{limit}; exec "$@"', "sh", *command]


def _tasks_of_user() -> int:
    own = os.getuid()
    processes = [
        process
        for process in psutil.process_iter(["uids", "num_threads"])
        if process.info["uids"] and process.info["uids"].real == own
    ]
    return sum(process.info["num_threads"] or 1 for process in processes)


def _tasks_of_machine() -> int:
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):  # not Linux
        return 0


def _own_memory(process: psutil.Process) -> float:
    info = process.memory_full_info()
    return float(getattr(info, "pss", info.uss))


def _cpu_seconds(process: psutil.Process) -> float:
    """Its own, and of those of its children that are over."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _sum(processes: Iterable[psutil.Process], what: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):  # it may be over by now
            total += what(process)
    return total


def _measure(folders: Iterable[Path]) -> tuple[int, int, int]:
    """Number of files, bytes that they take on the disk, and how deep folders go.

    Nothing below `untrusted.MOST_DEPTH` is counted, as a path can be too long to be opened.
    """
    files = size = deepest = 0
    todo = [(str(folder), 0) for folder in folders]
    while todo:
        place, depth = todo.pop()
        deepest = max(deepest, depth)
        if depth > untrusted.MOST_DEPTH:
            break
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        todo.append((entry.path, depth + 1))
                    else:
                        status = entry.stat(follow_symlinks=False)
                        files += 1
                        # Blocks, for files with holes; and no more than the length, lest a file
                        # that the kernel stops at the limit is past it by half a block.
                        blocks = getattr(status, "st_blocks", status.st_size // 512 + 1)
                        size += min(status.st_size, blocks * 512)
        if files > 2 * untrusted.MOST_FILES:
            break
    return files, size, deepest
