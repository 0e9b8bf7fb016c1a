"""After every edit, by hash and not by trust: only editable files changed, and they parse."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Snapshot:
    """What every file of a folder held, to compare with and to restore from."""

    folder: Path
    contents: dict[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> Snapshot:
        """Read every file below `folder` (a workspace is a few megabytes)."""
        return cls(folder, {name: path.read_bytes() for name, path in _files(folder).items()})

    def changed(self) -> list[str]:
        """Names of files that were changed, added or removed since, in order."""
        now = _files(self.folder)
        same = {
            name
            for name, path in now.items()
            if name in self.contents and not path.is_symlink() and _same(path, self.contents[name])
        }
        return sorted((set(now) | set(self.contents)) - same)

    def restore(self, names: Collection[str]) -> None:
        """Put these files back as they were; what was not there is removed."""
        for name in names:
            path = self.folder / name
            if path.is_symlink() or (path.exists() and name not in self.contents):
                path.unlink()
            if name in self.contents:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.contents[name])


def out_of_scope(snapshot: Snapshot, editable: Collection[str]) -> list[str]:
    """Restore every changed file that is not editable; returns their names.

    A deleted editable file is restored as well: an experiment cannot be mended once it is gone.
    """
    offences = [
        name
        for name in snapshot.changed()
        if name not in editable
        or not (snapshot.folder / name).is_file()
        or (snapshot.folder / name).is_symlink()
    ]
    snapshot.restore(offences)
    return offences


def syntax_problem(path: Path) -> str | None:
    """One sentence if the Python file does not parse, with the line and the place in it."""
    return problem_of(path.read_bytes(), path.name)


def problem_of(source: str | bytes, name: str) -> str | None:
    """One sentence if the Python source of the file `name` does not parse."""
    try:
        ast.parse(source, filename=name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, SyntaxError) and error.lineno is not None:
            line = (error.text or "").rstrip()
            return f"{name}, line {error.lineno}: {error.msg}\n    {line}"
        return f"{name} is not Python: {error or 'it is nested too deeply'}"
    return None


def sha256(path: Path) -> str:
    """The hash of a file's contents."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and "__pycache__" not in path.parts
    }


def _same(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content
