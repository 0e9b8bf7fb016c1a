"""After every edit, by hash and not by trust: only editable files changed, and they parse."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from bonsai.base import untrusted

# Of a workspace, and of what a program could add before it was stopped.
MOST_FILES = 4 * untrusted.MOST_FILES
MOST_BYTES = 1_000_000_000  # of one file of a workspace
MOST_CODE_BYTES = 2_000_000  # of a source file that is parsed


@dataclass(frozen=True)
class Snapshot:
    """What every file of a folder held, to compare with and to restore from."""

    folder: Path
    contents: dict[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> Snapshot:
        """Read every file below `folder` (a workspace is a few megabytes)."""
        contents = {}
        for name, found in _files(folder).items():
            if found.problem is None:
                contents[name] = untrusted.read_bytes(found.path, MOST_BYTES)
        return cls(folder, contents)

    def changed(self) -> list[str]:
        """Names of files that were changed, added or removed since, in order.

        Among them is whatever is no plain file: links, pipes, folders too deep to look into.
        """
        now = _files(self.folder)
        same = {
            name
            for name, found in now.items()
            if found.problem is None and _same(found.path, self.contents.get(name))
        }
        return sorted((set(now) | set(self.contents)) - same)

    def restore(self, names: Collection[str]) -> None:
        """Put these files back as they were; what was not there is removed."""
        for name in names:
            path = self.folder / name
            untrusted.remove(path)  # never written into: it may be a pipe, or a link
            if name in self.contents:
                _make_folder(path.parent, self.folder)
                path.write_bytes(self.contents[name])


def out_of_scope(snapshot: Snapshot, editable: Collection[str]) -> list[str]:
    """Restore every changed file that is not editable; returns their names.

    A deleted editable file is restored as well: an experiment cannot be mended once it is gone.
    """
    allowed = set(editable)  # there may be tens of thousands
    offences = [
        name
        for name in snapshot.changed()
        if name not in allowed or not untrusted.is_file(snapshot.folder / name)
    ]
    snapshot.restore(offences)
    return offences


def syntax_problem(path: Path) -> str | None:
    """One sentence if the Python file does not parse, with the line and the place in it."""
    try:
        source = untrusted.read_bytes(path, MOST_CODE_BYTES)
    except untrusted.Unreadable as error:
        return str(error)
    return problem_of(source, path.name)


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
    content = untrusted.read_bytes(path, MOST_BYTES, follow=True)
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> dict[str, untrusted.Found]:
    found = untrusted.walk(folder, most=MOST_FILES, skip=("__pycache__",), git=True)
    return {each.name: each for each in found if not each.is_folder or each.problem}


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder of a workspace; what stands in its place goes."""
    for part in reversed([folder, *folder.parents]):
        if part.is_relative_to(root) and part != root and (part.is_symlink() or not part.is_dir()):
            untrusted.remove(part)
            part.mkdir()


def _same(path: Path, content: bytes | None) -> bool:
    if content is None:
        return False
    try:
        return untrusted.read_bytes(path, len(content)) == content
    except untrusted.Unreadable:
        return False
