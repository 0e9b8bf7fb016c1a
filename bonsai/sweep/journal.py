"""Steps that are done once: what the ledger holds is read back instead of done again.

The loop over an idea is written as if nothing could interrupt it. Each step goes through
`Journal.step`; after a crash the loop starts from the top, gets the recorded results of the steps
that are over, and goes on with the first that is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bonsai.base import (
    AMPLE_BYTES,
    NO_STEP,
    BonsaiError,
    DiskFull,
    Entry,
    Ledger,
    has_room,
    tells_of_full_disk,
)


@dataclass(frozen=True)
class Result:
    """What a step found.

    Attributes:
        ok: whether it did what it should.
        message: one sentence for people.
        data: what the steps after it need; plain JSON.
    """

    ok: bool
    message: str
    data: dict[str, Any] = field(default_factory=dict)


class Journal:
    """The steps of one idea (or, with an empty idea, of a template's baseline)."""

    def __init__(
        self,
        ledger: Ledger,
        template: str,
        idea: str,
        done: Sequence[Entry],
        *,
        on_live: Callable[[Entry | None], None] = lambda last: None,
        on_step: Callable[[str], None] = lambda step: None,
        on_entry: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        """Replay `done`, then write to `ledger`.

        Args:
            ledger: where new steps are recorded.
            template: the template's name.
            idea: the idea's name.
            done: the recorded steps of this idea, oldest first.
            on_live: called once, with the last recorded step, before the first new one.
            on_step: called with the name of every step that is now to be done.
            on_entry: called with every new entry.
        """
        self._ledger = ledger
        self._template = template
        self._idea = idea
        self._done = list(done)
        self._position = 0
        self._live = False
        self._on_live = on_live
        self._on_step = on_step
        self._on_entry = on_entry

    def recorded(self, *names: str) -> Entry | None:
        """The next recorded entry, if it is of one of these steps; it counts as replayed.

        For steps that are done side by side, which come in the order in which they were over.
        """
        if self._position < len(self._done) and self._done[self._position].step in names:
            self._position += 1
            return self._done[self._position - 1]
        return None

    def step(self, name: str, work: Callable[[], Result], seconds: float = 0.0) -> Entry:
        """The recorded entry of this step, or that of doing `work` now.

        Args:
            name: of the step.
            work: what is to be done.
            seconds: what a part of it took that was done before.

        Raises:
            BonsaiError: the ledger holds another step in this place.
            DiskFull: the step was not done, or failed, for want of room; nothing is recorded.
        """
        index = self._position
        self._position += 1
        if index < len(self._done):
            entry = self._done[index]
            if entry.step != name:
                raise BonsaiError(
                    f"{self._ledger.path}: step {index} of {self._idea or self._template} is "
                    f"{entry.step!r}, but this "
                    f"version would do {name!r}; resume with the version that wrote it, or start "
                    "a new sweep"
                )
            return entry
        results = self._ledger.path.parent
        if not has_room(results):
            raise DiskFull(results)
        if not self._live:
            self._live = True
            self._on_live(self._done[-1] if self._done else None)
        self._on_step(name)
        started = time.monotonic()
        result = work()
        told = f"{result.message} {result.data.get('feedback')}"
        if not result.ok and tells_of_full_disk(told) and not has_room(results, AMPLE_BYTES):
            raise DiskFull(results)
        entry = self._ledger.append(
            template=self._template,
            idea=self._idea,
            step=name,
            index=index,
            ok=result.ok,
            message=result.message,
            seconds=round(seconds + time.monotonic() - started, 3),
            data=result.data,
        )
        self._on_entry(entry)
        return entry

    def remark(self, step: str, message: str) -> None:
        """Record something that is no step of the idea; it is not replayed (`ledger.NO_STEP`)."""
        entry = self._ledger.append(
            template=self._template, idea=self._idea, step=step, index=NO_STEP, message=message
        )
        self._on_entry(entry)
