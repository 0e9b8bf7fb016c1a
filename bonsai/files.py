"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, unchanged, by way of a temporary file beside it.

    A symbolic link at `path` is replaced, not followed. Folders that are missing are made.

    Raises:
        OSError: The file could not be written; what stood there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.is_file() and not path.is_symlink():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
