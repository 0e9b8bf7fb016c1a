"""The append-only record of a sweep. Resume, budgets and the report read nothing else.

One JSON object a line, flushed to the disk before the step it records counts as done. A line that a
crash cut short is dropped when the ledger is read, and cut off before the next is written.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr
from pydantic_core import from_json

from bonsai.base.errors import BonsaiError
from bonsai.base.files import FULL, DiskFull
from bonsai.base.text import storable

END = "end"  # the last step of an idea: after it there is nothing left to do

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
    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """Where it stands in the file that it was read from, counted from 1; else 0."""
        return self._line

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong.

        The closing line only repeats that; a budget ends well; a search gives up what is not good.
        """
        well = self.data.get("over") == "budget" or self.data.get("given_up", False)
        return not self.ok and self.step != "end" and not well


class Ledger:
    """The file `ledger.jsonl` of a results folder; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path` for reading and appending; nothing is written yet."""
        self.path = path
        self._lock = threading.Lock()
        self._latest = 0.0  # the time of the newest entry
        self.seconds_at_work = 0.0  # of the sweep, over all its resumes; known after `recall`

    def append(self, **fields: Any) -> Entry:
        """Write one entry and have it on the disk before returning.

        Times never go back, also when the machine's clock does. Text that cannot be encoded, as in
        the names that an agent gave its files, is written with escapes.

        Raises:
            DiskFull: there is no room for it; the ledger is as it was.
        """
        with self._lock:
            self._latest = max(self._latest, time.time())
            try:
                entry = Entry(time=self._latest, **fields)
                line = entry.model_dump_json() + "\n"
            except ValueError:  # of pydantic: a text that is no Unicode
                entry = Entry(time=self._latest, **storable(fields))
                line = entry.model_dump_json() + "\n"
            self._cut_torn_line()
            try:
                with self.path.open("ab") as file:
                    file.write(line.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                self._cut_torn_line()
                if error.errno in FULL:
                    raise DiskFull(self.path.parent) from error
                raise
        return entry

    def read(self) -> list[Entry]:
        """All whole entries, oldest first.

        Raises:
            BonsaiError: a line in the middle is not an entry; the text names it.
        """
        return [self._entry(number, fields) for number, fields in self._lines()]

    def recall(self) -> list[Entry]:
        """What resume needs: every entry, but of an idea that has ended only its last step.

        What is no step, such as a call of the model, is kept. `seconds_at_work` is set as well.

        Each line is checked; so a large sweep, which is mostly finished, is recalled at the speed
        at which JSON can be parsed.

        Raises:
            BonsaiError: as in `read`.
        """
        kept: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
        spans = []
        for number, fields in self._lines():
            idea = fields.get("idea", "")
            entries = kept.setdefault((fields.get("template", ""), idea), [])
            if fields["step"] == END and idea:
                entries[:] = [line for line in entries if line[1].get("index") == NO_STEP]
            entries.append((number, fields))
            end = float(fields.get("time", 0.0))
            spans.append((end - float(fields.get("seconds", 0.0)), end))
        self.seconds_at_work = covered(spans)
        found = [self._entry(*line) for lines in kept.values() for line in lines]
        self._latest = max((entry.time for entry in found), default=self._latest)
        return found

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The number and the content of every whole line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    fields = from_json(line, cache_strings="keys")
                except ValueError as error:
                    raise self._damage(number, error) from error
                if not isinstance(fields, dict) or "step" not in fields:
                    raise self._damage(number, "it names no step")
                yield number, fields

    def _entry(self, number: int, fields: dict[str, Any]) -> Entry:
        try:
            entry = Entry.model_validate(fields)
        except ValueError as error:
            raise self._damage(number, error) from error
        entry._line = number
        return entry

    def _damage(self, number: int, why: object) -> BonsaiError:
        return BonsaiError(
            f"{self.path}, line {number} is not an entry of a ledger "
            f"({str(why).replace(' at line 1', ',')}); mend or remove that line"
        )

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


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of the union of spans of time, each given by its start and its end.

    So pauses between resumes do not count, nor does it matter if the clock was set in one.
    """
    total, until = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
