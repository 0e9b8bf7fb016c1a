"""What measures a candidate, put back as it was where a candidate without walls has changed it."""

from __future__ import annotations

from pathlib import Path

from bonsai.base import untrusted, write_atomically
from bonsai.engines.task import FILE
from bonsai.execution import Snapshot
from bonsai.templates import Template

BESIDE = (FILE, "evaluate.py", "initial.py")  # in the folder of a task
MOST_BYTES = 10_000_000  # of one of them


class Harness:
    """The files of a task and its template, as they are now."""

    def __init__(self, folder: Path, template: Template) -> None:
        """Read them.

        Args:
            folder: where the task lies.
            template: the template that candidates are compared with.
        """
        self._template = Snapshot.of(template.folder)
        self._beside = {
            folder / name: untrusted.read_bytes(folder / name, MOST_BYTES)
            for name in BESIDE
            if untrusted.is_file(folder / name)
        }

    def mend(self) -> list[str]:
        """Put back what was changed since; returns the names of those files."""
        changed = self._template.changed()
        self._template.restore(changed)
        for path, content in self._beside.items():
            if not holds(path, content):
                untrusted.remove(path)
                write_atomically(path, content)
                changed.append(path.name)
        return changed


def holds(path: Path, content: bytes) -> bool:
    """Whether a file is there and has this content."""
    try:
        return untrusted.read_bytes(path, len(content)) == content
    except untrusted.Unreadable:
        return False
