"""A program on another machine: its folder goes there as bytes, what it wrote comes back as bytes.

No file system is shared. The other machine has the same version of this package; it sets up its own
walls, limits and data, and is believed as this one is. What the program left is not: on both sides
it is bounded, and only plain files below what the program may write are taken.
"""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import bonsai
from bonsai.base import BonsaiError, DiskFull, tells_of_full_disk, untrusted
from bonsai.execution import execute, sandbox
from bonsai.execution.execute import Execution, Program
from bonsai.execution.limits import MB
from bonsai.kit import keys
from bonsai.kit.errors import KitError

MOST_MB = 1000.0  # of a folder that is sent away
TIMES_LOST = 3  # machines that may be lost under one program before it is given up


@dataclass(frozen=True)
class Parcel:
    """A program on its way to another machine.

    Attributes:
        program: what to run there.
        files: its folder, packed.
        sandbox: whether it must run within walls.
        test_key: with which test parts were drawn, for a program that may read test labels.
        version: of this package.
    """

    program: Program
    files: bytes
    sandbox: sandbox.Mode
    test_key: str | None = None
    version: str = bonsai.__version__


@dataclass(frozen=True)
class Delivery:
    """What comes back.

    Attributes:
        execution: how the program ended.
        files: what it wrote, packed.
        out: its stdout.
        error: its stderr.
        node: the machine that ran it.
        no_walls: why it ran without walls, if it did.
    """

    execution: Execution
    files: bytes
    out: bytes
    error: bytes
    node: str
    no_walls: str | None


@dataclass(frozen=True)
class Refusal:
    """Why a machine could not run a program, as a sentence; the program is not to blame."""

    reason: str


class Unfit(BonsaiError):
    """A folder that cannot travel; its text is the end of "... because "."""


class MachineLost(Exception):
    """The machine went away under a program; its text says what is known of it."""


class RemoteExecutor(ABC):
    """What is the same whichever way a program reaches another machine."""

    def __init__(self, mode: sandbox.Mode, say: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            mode: whether programs must run within walls.
            say: hears of lost machines, and of those without walls.
        """
        self._mode = mode
        self._say = say
        self._warned: set[str] = set()

    @abstractmethod
    def send(
        self, parcel: Parcel, on_line: Callable[[str], None] | None, cancel: threading.Event
    ) -> Delivery | Refusal:
        """Have another machine `work` on a parcel.

        Raises:
            MachineLost: the machine went away, through no fault of the program.
            execute.Cancelled: `cancel` was set; the program has been killed.
            BonsaiError: no machine can do it.
        """

    def run(
        self,
        program: Program,
        log: Path,
        *,
        on_line: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> Execution:
        """See `Executor.run`."""
        hidden = {".git", *program.hides}
        try:
            files = pack(program.folder, without=hidden, most_bytes=MOST_MB * MB)
        except Unfit as error:
            raise BonsaiError(
                f"{program.folder} cannot be sent to another machine because {error}"
            ) from error
        key = keys.test_key() if program.labels else None
        delivery = self._deliver(Parcel(program, files, self._mode, key), on_line, cancel)
        if delivery.no_walls and delivery.node not in self._warned:
            self._warned.add(delivery.node)
            self._say(f"warning: {delivery.node}: {delivery.no_walls}")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.with_name(log.name + ".out").write_bytes(delivery.out)
        log.with_name(log.name + ".err").write_bytes(delivery.error)
        try:
            unpack(
                delivery.files, program.folder, writes=program.writes, without=hidden,
                most_bytes=program.limits.disk_mb * MB,
            )  # fmt: skip
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            name = os.path.relpath(str(error.filename), program.folder)
            reason = f"it put a folder in a file's place, or a file in a folder's ({name})"
            return replace(delivery.execution, stopped=reason)
        return delivery.execution

    def _deliver(
        self, parcel: Parcel, on_line: Callable[[str], None] | None, cancel: threading.Event
    ) -> Delivery:
        for _ in range(TIMES_LOST):
            try:
                answer = self.send(parcel, on_line, cancel)
            except MachineLost as loss:
                what = " ".join(parcel.program.arguments[:3])
                self._say(f"warning: the machine that ran {what} was lost ({loss}); it runs again")
                continue
            if isinstance(answer, Refusal):
                raise BonsaiError(answer.reason)
            return answer
        raise BonsaiError(f"{TIMES_LOST} machines were lost under the same program; given up")


def work(
    parcel: Parcel,
    *,
    on_line: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> Delivery | Refusal:
    """On the other machine: unpack a program, run it, and pack what it wrote.

    Raises:
        execute.Cancelled: `cancel` was set; the program has been killed.
    """
    node = socket.gethostname()
    if parcel.version != bonsai.__version__:
        return Refusal(
            f"{node} has version {bonsai.__version__} of bonsai-experiments, and the sweep runs "
            f"with {parcel.version}; install the same on every machine"
        )
    place = execute.temporary_folder("worker")
    try:
        return _work(parcel, place, node, on_line, cancel)
    except (BonsaiError, KitError, OSError) as error:
        full = isinstance(error, DiskFull) or tells_of_full_disk(str(error))
        return Refusal(f"on {node}: {'its disk is full' if full else error}")
    finally:
        untrusted.remove(place)


def _work(
    parcel: Parcel,
    place: Path,
    node: str,
    on_line: Callable[[str], None] | None,
    cancel: threading.Event | None,
) -> Delivery:
    execute.kill_orphans()  # of runners that were killed on this machine
    no_walls = sandbox.choose(parcel.sandbox)
    above = map(str, range(parcel.program.nested))
    folder, log = place.joinpath("work", *above, parcel.program.folder.name), place / "log"
    folder.mkdir(parents=True)
    unpack(parcel.files, folder, most_bytes=MOST_MB * MB)
    sent = dict(_states(folder))
    program = replace(parcel.program, folder=folder, walls=no_walls is None, hides=())
    variables = {keys.VARIABLE: parcel.test_key} if parcel.test_key else {}
    done = execute.run(program, log, on_line=on_line, cancel=cancel, environment_too=variables)
    try:
        files = pack(
            folder, program.writes, without=parcel.program.hides, unless=sent,
            most_bytes=program.limits.disk_mb * MB,
        )  # fmt: skip
    except (Unfit, OSError) as error:
        files, done = b"", replace(done, stopped=str(error)) if done.ok else done
    done = replace(done, where=f"{done.where} on {node}")
    out, error_output = (log.with_name(log.name + end).read_bytes() for end in (".out", ".err"))
    return Delivery(done, files, out, error_output, node, no_walls)


# What a file's contents cannot change without: which one it is, and when it was last written to.
State = tuple[int, int]


def _states(folder: Path) -> Iterator[tuple[str, State]]:
    for found in untrusted.walk(folder, git=True):
        if not found.is_folder and found.problem is None:
            yield found.name, _state(found.path.lstat())


def _state(status: os.stat_result) -> State:
    return status.st_ino, status.st_ctime_ns


def pack(
    folder: Path,
    names: Collection[str] = (".",),
    *,
    without: Collection[str] = (),
    unless: Mapping[str, State] | None = None,
    most_bytes: float,
) -> bytes:
    """A folder as a tar file; the same contents give the same bytes.

    Args:
        folder: what to pack.
        names: what of it; "." is all.
        without: names of what stays behind.
        unless: files that stay behind if they are still in this state.
        most_bytes: the largest sum of all file sizes.

    Raises:
        Unfit: it holds a link or another thing that is no plain file, or too much.
    """
    buffer, files, size = io.BytesIO(), 0, 0
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, path in sorted(_walk(folder, names, without)):
            status = path.lstat()
            member = tarfile.TarInfo(name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise Unfit(f"{name} is a link or no plain file; only files and folders can travel")
            if path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            elif (unless or {}).get(name) != _state(status):
                files, size = files + 1, size + status.st_size
                if files > untrusted.MOST_FILES or size > most_bytes:
                    raise Unfit(
                        f"it holds more than {most_bytes / MB:g} MB, or more than "
                        f"{untrusted.MOST_FILES:,} files"
                    )
                member.mode = 0o755 if status.st_mode & 0o100 else 0o644
                member.size = status.st_size
                with untrusted.open_file(path) as file:
                    archive.addfile(member, file)
    return buffer.getvalue()


def _walk(
    folder: Path, names: Collection[str], without: Collection[str]
) -> Iterator[tuple[str, Path]]:
    """Names and paths of all that lies below `names`; folders that are links are not entered."""
    todo = [folder / name for name in names]
    while todo:
        path = todo.pop()
        name = path.relative_to(folder).as_posix()
        if name in without:
            continue
        if name != ".":
            yield name, path
        if path.is_dir() and not path.is_symlink():
            todo += path.iterdir()


def unpack(
    files: bytes,
    folder: Path,
    *,
    writes: Collection[str] = (".",),
    without: Collection[str] = (),
    most_bytes: float,
) -> None:
    """Lay what `pack` packed into a folder.

    Args:
        files: a tar file; nothing about it is believed.
        folder: where to.
        writes: below which of its names.
        without: and below which not.
        most_bytes: the largest sum of all file sizes.

    Raises:
        BonsaiError: it holds something else, or too much; then nothing was written.
    """
    if not files:
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(files), mode="r:") as archive:
            members = archive.getmembers()
            for member in members:
                if member.type not in (tarfile.REGTYPE, tarfile.DIRTYPE) or not (
                    _lies_below(member.name, writes) and not _lies_below(member.name, without)
                ):
                    raise BonsaiError(f"{member.name!r} came back, and was not asked for")
            if (
                sum(member.size for member in members) > most_bytes
                or len(members) > 2 * untrusted.MOST_FILES
            ):
                raise BonsaiError(f"more came back than {most_bytes / MB:g} MB")
            archive.extractall(folder, members, filter=_as_new)
    except tarfile.TarError as error:
        raise BonsaiError(f"what came back cannot be unpacked: {error}") from error


def _lies_below(name: str, folders: Collection[str]) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return False
    return any(path.is_relative_to(other) or other == "." for other in folders)


def _as_new(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    return tarfile.data_filter(member, folder).replace(mtime=None, deep=False)  # type: ignore[arg-type]
