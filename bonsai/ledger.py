"""The append-only record of a sweep. Resume, budgets and the report read nothing else.

One JSON object a line, flushed to the disk before the step it records counts as done. A line that a
crash cut short is dropped when the ledger is read, and cut off before the next is written.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bonsai.errors import BonsaiError

NO_STEP = -1  # the index of entries that are no steps, and are not replayed


class Entry(BaseModel):
    """One line: a step of an idea that is over, well or not.

    Attributes:
        time: seconds since 1970, when the step ended.
        template: the template's name.
        idea: the idea's name; empty for a step of the whole sweep.
        step: what was done, for example "edit", "smoke", "run".
        index: the how-manieth step of this idea it was; steps are replayed by it. `NO_STEP` for
            what is beside the steps: a fault, a call of the model.
        ok: whether it did what it should.
        message: one sentence for people.
        seconds: how long it took.
        data: what the steps after it need.
    """

    model_config = ConfigDict(extra="allow")

    time: float
    template: str = ""
    idea: str = ""
    step: str
    index: int = 0
    ok: bool = True
    message: str = ""
    seconds: float = 0.0
    data: dict[str, Any] = {}

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong: the closing line only repeats that, a budget ends well."""
        return not self.ok and self.step != "end" and self.data.get("over") != "budget"


class Ledger:
    """The file `ledger.jsonl` of a results folder; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path` for reading and appending; nothing is written yet."""
        self.path = path
        self._lock = threading.Lock()

    def append(self, **fields: Any) -> Entry:
        """Write one entry and have it on the disk before returning."""
        entry = Entry(time=time.time(), **fields)
        line = entry.model_dump_json() + "\n"
        with self._lock:
            self._cut_torn_line()
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        return entry

    def read(self) -> list[Entry]:
        """All whole entries, oldest first.

        Raises:
            BonsaiError: a line in the middle is not an entry; the text names it.
        """
        return list(self._entries())

    def _entries(self) -> Iterator[Entry]:
        if not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                yield Entry.model_validate(json.loads(line))
            except ValueError as error:
                raise BonsaiError(
                    f"{self.path}, line {number} is not an entry of a ledger ({error}); mend or "
                    "remove that line"
                ) from error

    def _cut_torn_line(self) -> None:
        """Remove what follows the last newline: a line that a crash cut short."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            return
        with self.path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) == b"\n":
                return
            content = self.path.read_bytes()
            file.truncate(content.rfind(b"\n") + 1)
