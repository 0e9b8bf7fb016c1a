"""Run a program that a model wrote: within walls, with limits, killed as a tree.

The walls are those of `sandbox`, the limits those of `limits`; this module starts the program,
watches it, and ends all that is left of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from bonsai.base import BonsaiError, DiskFull, has_room, untrusted
from bonsai.execution import processes, sandbox
from bonsai.execution.limits import Watch, within
from bonsai.kit import data as kit_data
from bonsai.templates import Limits

# Nothing else of the runner's environment reaches an experiment: no key, no token, no proxy.
ALLOWED = (
    *("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV"),
    *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME"),
)
TAIL_BYTES = 6000
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.25


class Cancelled(Exception):
    """The sweep was told to stop while a program was running."""


@dataclass(frozen=True)
class Program:
    """What is to be run. It can be sent to another machine, together with its folder.

    Attributes:
        arguments: for Python, for example `("experiment.py", "--out_dir", "run_1")`.
        folder: its working directory.
        seconds: the limit of wall-clock time.
        limits: what else it may take.
        threads: CPU threads that it may compute with.
        walls: whether to run it in a sandbox.
        writes: names of what it may write in its folder; "." is the whole folder. An absolute path
            lies elsewhere on this machine.
        hides: names of folders in its folder that it must not see (within walls only).
        data: the data set that it reads, if the kit has it.
        keeps_data: whether it may add to the data cache: for code that no model has touched.
        labels: whether it may read test labels: for figures, which are drawn after the last run.
        own_data: whether it reads data of its own from the cache, beside the kit's.
        reads: what else it may read, by absolute paths.
        variables: what stands in its environment beside the usual.
        search: folders in which its Python looks first for modules.
        nested: how many of the folders above its own are its own as well: what it finds there by
            relative paths is laid there (`links`), and nothing else.
        links: links to be laid in them, by paths from its folder; what they lead to may be read.
        network: whether it may use the network.
        mounts: folders that it may write, and where it finds them within walls; without walls it
            finds them where they are.
        passes: names of variables that it is given from this machine's environment, where their
            values stay: they are sent nowhere, and cut out of what it prints.
    """

    arguments: tuple[str, ...]
    folder: Path
    seconds: float
    limits: Limits = field(default_factory=Limits)
    threads: int = 1
    walls: bool = False
    writes: tuple[str, ...] = (".",)
    hides: tuple[str, ...] = ()
    data: str | None = None
    keeps_data: bool = False
    labels: bool = False
    own_data: bool = False
    reads: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    search: tuple[str, ...] = ()
    nested: int = 0
    links: tuple[tuple[str, Path], ...] = ()
    network: bool = False
    mounts: Mapping[Path, Path] = field(default_factory=dict)
    passes: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The outermost folder that is its own."""
        return self.folder.parents[self.nested - 1] if self.nested else self.folder


@dataclass(frozen=True)
class Execution:
    """How a program ended.

    Attributes:
        code: its exit code; negative for the signal that ended it.
        stopped: why it was killed, as the end of a sentence; None if it ended by itself.
        seconds: how long it ran.
        output: the end of what it printed on stdout.
        error: the end of what it printed on stderr.
        where: what kept it from doing harm, and the machine, if it was another.
        memory_gb: the most memory that it was seen to take; pages that processes share may count
            several times.
        cpu_seconds: the computing time that it was last seen to have taken, all processes together.
        out_of_time: whether it was killed because its time was over.
    """

    code: int
    stopped: str | None
    seconds: float
    output: str
    error: str
    where: str
    memory_gb: float = 0.0
    cpu_seconds: float = 0.0
    out_of_time: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.code == 0 and self.stopped is None

    @property
    def problem(self) -> str:
        """How it ended badly, as the end of a sentence: "was killed because ..."."""
        if self.stopped is not None:
            return f"was killed because {self.stopped}; its last line was: {last_line(self.output)}"
        if self.code < 0:
            name = signal.Signals(-self.code).name if -self.code in set(signal.Signals) else ""
            return f"was ended by signal {-self.code} {name}: {last_line(self.error)}"
        return f"ended with exit code {self.code}: {last_line(self.error)}"


def run(
    program: Program,
    log: Path,
    *,
    on_line: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
    environment_too: Mapping[str, str] | None = None,
) -> Execution:
    """Run a program to its end, or to the first limit that it crosses, and kill what is left.

    Args:
        program: what to run.
        log: stdout goes to `<log>.out`, stderr to `<log>.err`.
        on_line: called with the last line of stdout whenever that changes.
        cancel: when set, the program is killed and `Cancelled` raised.
        environment_too: variables beside the usual ones.

    Raises:
        Cancelled: `cancel` was set.
        DiskFull: it failed, and there is no room where it wrote.
        BonsaiError: a variable that it is to be given is not set, or what it is to read is not
            there.
    """
    passed = _passed(program.passes)
    if on_line is not None and passed:
        on_line = partial(_tell_without, on_line, passed)
    _lay(program)
    family = processes.Family(uuid.uuid4().hex, walls=program.walls)
    log.parent.mkdir(parents=True, exist_ok=True)
    logs = (log.with_name(log.name + ".out"), log.with_name(log.name + ".err"))
    writable = [program.folder / name for name in program.writes]
    own = () if program.folder in program.mounts else (program.root,)
    if program.data is not None:
        kit_data.publish(program.data)
    scratch = temporary_folder("run")
    try:
        _lend_font_list(scratch)
        command = [sys.executable, *program.arguments]
        home = str(scratch)
        if program.walls:
            home = "/tmp"
            command = sandbox.wrap(
                command, folder=program.folder, writable=writable, scratch=scratch,
                hidden=[program.folder / name for name in program.hides],
                keep_data=program.keeps_data, labels=program.labels, own_data=program.own_data,
                reads=(*own, *program.reads, *(place for _, place in program.links)),
                network=program.network, mounts=program.mounts,
            )  # fmt: skip
        variables = {**environment(program.threads, family.mark, home), **(environment_too or {})}
        variables |= {**program.variables, **passed}
        path = [*program.search, *filter(None, [variables.get("PYTHONPATH")])]
        if path:
            variables["PYTHONPATH"] = os.pathsep.join(path)
        if not program.labels:
            variables[kit_data.SCORED_BY_RUNNER] = "1"
        watch = Watch(program.limits, [*writable, *program.mounts, scratch], logs)
        with logs[0].open("wb") as out, logs[1].open("wb") as error:
            started = time.monotonic()
            process = family.start(
                within(command, program.limits),
                cwd=program.folder, env=variables, stdin=subprocess.DEVNULL,
                stdout=out, stderr=error,
            )  # fmt: skip
            try:
                stopped = _wait(process, family, program, watch, logs[0], on_line, cancel)
            finally:
                family.end()
                code = _code(process)
                for printed in logs if passed else ():
                    printed.write_bytes(_without(printed.read_bytes(), passed))
        if code and not has_room(program.folder):  # asked now: soon what it wrote is removed
            raise DiskFull(program.folder)
    finally:
        untrusted.remove(scratch)
    if program.walls and code > 128:  # as bubblewrap hands on a signal
        code = 128 - code
    where = "bubblewrap" if program.walls else "no walls"
    seconds = time.monotonic() - started
    return Execution(
        code, stopped, seconds, _tail(logs[0]), _tail(logs[1]), where,
        watch.memory_gb, watch.cpu_seconds,
        stopped is not None and stopped == _time_is_over(program),
    )  # fmt: skip


def _passed(names: Sequence[str]) -> dict[str, str]:
    """Variables of this machine's environment."""
    if missing := [name for name in names if not os.environ.get(name)]:
        raise BonsaiError(f"--pass-env {missing[0]}: it is not set here; set it, then go on")
    return {name: os.environ[name] for name in names}


def _without(text: bytes, passed: Mapping[str, str]) -> bytes:
    """What was printed, without the values of variables that were passed."""
    for name, value in passed.items():
        text = text.replace(value.encode(), f"<{name}>".encode())
    return text


def _tell_without(tell: Callable[[str], None], passed: Mapping[str, str], line: str) -> None:
    tell(_without(line.encode(), passed).decode())


def _lay(program: Program) -> None:
    """Lay the links of a program, where nothing lies in their place."""
    for name, place in program.links:
        if not place.exists():
            raise BonsaiError(
                f"{place}, which the experiment reads, is not on {socket.gethostname()}; "
                "put it there"
            )
        link = Path(os.path.normpath(program.folder / name))
        if not (link.exists() or link.is_symlink()):
            link.symlink_to(place)


def _code(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a program that has been ended."""
    try:
        return process.wait(timeout=processes.END_SECONDS)
    except subprocess.TimeoutExpired:  # it hangs in the kernel, on a disk that does not answer
        return -signal.SIGKILL


def _wait(
    process: subprocess.Popen[bytes],
    family: processes.Family,
    program: Program,
    watch: Watch,
    out: Path,
    on_line: Callable[[str], None] | None,
    cancel: threading.Event | None,
) -> str | None:
    """Wait for the end of a program; returns why it must be killed, if it must."""
    started = looked = time.monotonic()
    last = ""
    while process.poll() is None:
        now = time.monotonic()
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if now - started > program.seconds:
            return _time_is_over(program)
        if breach := watch.output():
            return breach
        if now - looked > WATCH_SECONDS or watch.crowded():
            looked = now
            if breach := watch.breach(family.members()):
                return breach
        if on_line and (line := _last_line(out)) != last:
            on_line(last := line)
        time.sleep(POLL_SECONDS)
    # One that ended badly by itself has said why, better than a limit could; unless what it printed
    # met the limit of a file's size before anybody had looked.
    return watch.output() or (None if process.returncode else watch.breach([]))


def _time_is_over(program: Program) -> str:
    return f"its time limit of {program.seconds:.0f} s was over"


def last_line(text: str) -> str:
    """The last line that holds something, without what a terminal would obey."""
    lines = text.strip().splitlines()
    line = lines[-1].strip()[:300] if lines else "(nothing)"
    return "".join(character if character.isprintable() else "?" for character in line)


def cores() -> int:
    """The CPU cores that this process may use; fewer than the machine has under `taskset`."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int, mark: str, home: str) -> dict[str, str]:
    """The environment of a program: an allow-list, the data cache and the thread count.

    Args:
        threads: CPU threads that it may compute with.
        mark: what its processes are found by.
        home: its home folder, and its folder for temporary files.
    """
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    if (path := sandbox.search_path()) is not None:
        kept["PYTHONPATH"] = path
    count = str(threads)
    return kept | {
        "HOME": home,
        "TMPDIR": home,
        "USER": "bonsai",  # in a sandbox the real one has no name
        "BONSAI_DATA": str(kit_data.data_folder()),
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        processes.MARK: mark,
        **processes.badge(),
    }


def _lend_font_list(home: Path) -> None:
    """Copy matplotlib's list of fonts, which takes seconds to make, into a program's home."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    for path in cache.glob("fontlist-*.json"):
        target = home / ".cache" / "matplotlib" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def temporary_folder(kind: str) -> Path:
    """A new folder among the temporary files; should this runner be killed, a later one removes it.

    `kind` tells people what it is for.
    """
    return Path(tempfile.mkdtemp(prefix=f"bonsai-{kind}-{os.getpid()}-"))


def _remove_folders_of_the_dead() -> None:
    for folder in Path(tempfile.gettempdir()).glob("bonsai-*-*-*"):
        pid = folder.name.split("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            untrusted.remove(folder)


def kill_orphans() -> int:
    """Kill the programs of runners that are no more; returns how many processes there were.

    What they left among the temporary files is removed. See `processes.kill_orphans`.
    """
    killed = processes.kill_orphans()
    _remove_folders_of_the_dead()
    return killed


def _last_line(path: Path) -> str:
    lines = _tail(path, 400).strip().splitlines()
    return lines[-1] if lines else ""


def _tail(path: Path, size: int = TAIL_BYTES) -> str:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - size))
        return file.read().decode("utf-8", errors="replace")
