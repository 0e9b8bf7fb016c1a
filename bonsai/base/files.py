"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path

from bonsai.base.errors import BonsaiError

FULL = (errno.ENOSPC, errno.EDQUOT)
RESERVE_BYTES = 8_000_000  # what must be left on a disk before a new step begins
# With so much left, a program that found no room met a limit of its own. Less, and it may have
# filled the disk, for what it wrote is removed by the time that anybody looks.
AMPLE_BYTES = 2_000_000_000


class DiskFull(BonsaiError):
    """There is no room for results. That is no fault of an idea, and no idea can mend it."""

    def __init__(self, folder: Path) -> None:
        """Say it, and what to do."""
        super().__init__(
            f"the disk is full: there is no room left in {folder}. Nothing that is finished is "
            "lost; make room (a few megabytes at least), then `bonsai resume` goes on"
        )


def tells_of_full_disk(text: str) -> bool:
    """Whether an error's text says that there was no room; programs and git pass it on."""
    return any(os.strerror(number) in text for number in FULL)


def has_room(folder: Path, needed: int = RESERVE_BYTES) -> bool:
    """Whether the disk below `folder` has room for so many bytes; by default, for a step."""
    return shutil.disk_usage(folder).free >= needed


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write to `path`, a text as UTF-8, unchanged, by way of a temporary file beside it.

    A symbolic link at `path` is replaced, not followed. Folders that are missing are made.

    Raises:
        OSError: The file could not be written; what stood there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        if path.is_file() and not path.is_symlink():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
