"""Who watches a sweep: what a terminal, or a test, is told while it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from bonsai.base import Entry


class Observer(AbstractContextManager[object], Protocol):
    """Hears of everything as it happens, from several threads.

    Attributes:
        done_before: ideas that had ended when the sweep was resumed; nothing more is told of them.
    """

    done_before: int

    def add(
        self, template: str, idea: str, primary: str, better: str | None, called: str = ""
    ) -> None:
        """An idea will be worked on (the empty idea: the baseline).

        Args:
            template: its template.
            idea: its name.
            primary: the metric that it is judged by.
            better: "higher" or "lower"; None: neither.
            called: its name as people know it; empty: as its folder.
        """

    def recall(self, entries: Iterable[Entry]) -> None:
        """The sweep goes on; its ledger holds these."""

    def entry(self, entry: Entry) -> None:
        """The ledger has a new entry."""

    def step(self, template: str, idea: str, step: str) -> None:
        """A step of an idea begins now."""

    def line(self, template: str, idea: str, text: str) -> None:
        """A run in progress printed this line."""

    def say(self, text: str) -> None:
        """Something that the person at the terminal should know."""
