"""What programs of others leave behind: read without trust, and removed whatever it is.

A run may leave a named pipe where a file is expected, a tree that is thousands of folders deep, a
link to somebody's file. So here nothing but a regular file is ever opened (checked on the open
descriptor), no more is read than was asked for, and no tree is walked by recursion or without end.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bonsai.base.errors import BonsaiError

MOST_FILES = 50_000  # files and folders that are looked at in a tree
MOST_DEPTH = 40  # folders inside folders
MOST_NAME = 1000  # characters of a path below the folder that is walked
# Names that git obeys, or takes for a repository of its own. Nobody's results need them.
NAMES_OF_GIT = (".git", ".gitattributes", ".gitignore", ".gitmodules")
KINDS = (
    (stat.S_ISLNK, "is a link"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


class Unreadable(BonsaiError):
    """A file that is not read; the text says which, and why."""


def read_bytes(path: Path, most: int, *, follow: bool = False) -> bytes:
    """The contents of a regular file of at most `most` bytes.

    Args:
        path: the file.
        most: bytes; a longer file, or one that grows past it meanwhile, is refused.
        follow: whether it may be a symbolic link; its folders may be in any case.

    Raises:
        Unreadable: it is missing, no regular file, too long, or cannot be read.
    """
    with open_file(path, follow=follow) as file:
        status = os.fstat(file.fileno())
        try:
            content = file.read(most + 1) if status.st_size <= most else b""
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    if status.st_size > most or len(content) > most:
        size = max(status.st_size, len(content))
        raise Unreadable(f"{path} is {_megabytes(size)}; at most {_megabytes(most)} are read")
    return content


def read_text(path: Path, most: int, *, follow: bool = False) -> str:
    """The same as text; what is no UTF-8 is replaced."""
    return read_bytes(path, most, follow=follow).decode("utf-8", errors="replace")


def is_file(path: Path) -> bool:
    """Whether there is a regular file, and no link to one."""
    with contextlib.suppress(OSError, ValueError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def open_file(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a regular file for reading, without ever waiting; errors as in `read_bytes`."""
    try:
        # A device is not even opened: that alone can do something.
        status = path.stat() if follow else path.lstat()
        if stat.S_ISREG(status.st_mode):
            file = os.fdopen(os.open(path, _OPEN | (0 if follow else _NOFOLLOW)), "rb")
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                return file
            file.close()  # it was exchanged meanwhile
    except FileNotFoundError:
        raise Unreadable(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from error
    raise Unreadable(f"{path} {_kind(status)}; a file is expected")


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "is a folder"
    return next((told for test, told in KINDS if test(status.st_mode)), "is no file")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size:,} bytes"


# ------------------------------------------------------------------------------------------- trees


@dataclass(frozen=True)
class Found:
    """Something in a tree.

    Attributes:
        name: its path below the folder that is walked, with slashes.
        path: the same, to be opened.
        problem: why it is no plain file or folder, as the end of a sentence; None if it is one.
        is_folder: whether it is a folder.
    """

    name: str
    path: Path
    problem: str | None = None
    is_folder: bool = False


def walk(
    folder: Path, *, most: int = MOST_FILES, skip: tuple[str, ...] = (), git: bool = False
) -> Iterator[Found]:
    """All that lies in a folder, without following a link, down to `MOST_DEPTH`.

    Files and folders that their owner may not read are made readable: their owner is we.

    Args:
        folder: the folder; if it is a link or no folder, that is all that is found.
        most: after so many things the walk ends, with one more whose problem says so.
        skip: names that are passed over, with all below them.
        git: whether the folder may be a repository: names that git obeys are no problem then.
    """
    count = 0
    todo = [("", str(folder), 0)]
    while todo:
        above, place, depth = todo.pop()
        try:
            descriptor = os.open(place, _FOLDER)
        except PermissionError:
            with contextlib.suppress(OSError):
                os.chmod(place, 0o700)  # noqa: PTH101
            try:
                descriptor = os.open(place, _FOLDER)
            except OSError as error:
                yield Found(above or ".", Path(place), f"cannot be read: {error.strerror}")
                continue
        except OSError as error:
            yield Found(above or ".", Path(place), f"cannot be read: {error.strerror}")
            continue
        try:
            entries = sorted(os.scandir(descriptor), key=lambda entry: entry.name)
            for entry in entries:
                if entry.name in skip:
                    continue
                count += 1
                name = f"{above}/{entry.name}" if above else entry.name
                path = Path(place, entry.name)
                if count > most:
                    yield Found(name, path, f"is one of more than {most:,} files")
                    return
                status = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(status.st_mode)
                problem = None
                if not (git and entry.name in NAMES_OF_GIT):
                    problem = _problem(name, status, depth)
                if stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IRUSR:
                    with contextlib.suppress(OSError):
                        os.chmod(entry.name, 0o600, dir_fd=descriptor)
                yield Found(name, path, problem, is_folder)
                if is_folder and problem is None:
                    todo.append((name, str(path), depth + 1))
        finally:
            os.close(descriptor)


def _problem(name: str, status: os.stat_result, depth: int) -> str | None:
    last = name.rpartition("/")[2]
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "has a name that is no UTF-8"
    if last in NAMES_OF_GIT:
        return "has a name that git obeys"
    if stat.S_ISDIR(status.st_mode):
        if depth >= MOST_DEPTH or len(name) > MOST_NAME:
            return f"lies more than {MOST_DEPTH} folders deep"
        return None
    if stat.S_ISREG(status.st_mode):
        return "is a hard link, the second name of a file" if status.st_nlink > 1 else None
    return _kind(status)


def strays(folder: Path) -> list[str]:
    """What lies in a folder of results and is no plain file or folder there: "name is a link"."""
    return [f"{_shown(found.name)} {found.problem}" for found in walk(folder) if found.problem]


def _shown(name: str) -> str:
    """A name for people: what a terminal would obey, or no file could hold, is replaced."""
    name = name if len(name) <= 120 else f"{name[:60]}…{name[-40:]}"
    text = name.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def remove(path: Path) -> None:
    """Remove whatever is there: a file of any kind, or a tree of any depth; a link is not followed.

    What cannot be removed is left, without a word: whoever needs the place finds out.
    """
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        descriptor = _enter(path)
        try:
            _empty(descriptor)
        finally:
            os.close(descriptor)
        path.rmdir()


def _enter(name: Path | str, above: int | None = None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=above)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=above)
        return os.open(name, _FOLDER, dir_fd=above)


def _empty(top: int) -> None:
    """Empty a folder: down into each folder and up again by `..`, with two descriptors at most.

    `..` leads back to where one came from, since whoever could have moved a folder is no more.
    """
    here = os.dup(top)
    names: list[str] = []  # of the folders that one stands in, below the top
    waiting = [_without_files(here)]  # on each level, the folders that are still to be emptied
    try:
        while True:
            if waiting[-1]:
                names.append(waiting[-1].pop())
                here = _moved(here, _enter(names[-1], here))
                waiting.append(_without_files(here))
            elif names:
                here = _moved(here, os.open("..", _FOLDER, dir_fd=here))
                os.rmdir(names.pop(), dir_fd=here)
                waiting.pop()
            else:
                return
    finally:
        os.close(here)


def _moved(before: int, after: int) -> int:
    os.close(before)
    return after


def _without_files(folder: int) -> list[str]:
    """Remove all that is no folder; the names of the folders."""
    os.fchmod(folder, 0o700)
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return folders
