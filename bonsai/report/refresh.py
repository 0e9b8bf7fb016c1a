"""Keeps the report of a sweep that is under way up to date, and out of its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bonsai.report.summary import summarise
from bonsai.report.writing import write

LEAST_SECONDS = 20.0  # between two refreshes
MOST_SHARE = 1 / 20  # of a core's time that refreshing may take


class Refresher:
    """Writes the report now and then, in a thread of its own. A context manager.

    The sweep goes on whatever happens here: a failure is told once, and the next refresh may do
    better. The last word has whoever writes the report when the sweep has ended.
    """

    def __init__(
        self, results: Path, say: Callable[[str], None], least_seconds: float = LEAST_SECONDS
    ) -> None:
        """Prepare; nothing is written before `poke`.

        Args:
            results: the results folder.
            say: tells a person.
            least_seconds: between two refreshes, and before the first.
        """
        self._results = results
        self._say = say
        self._pause = self._least = least_seconds
        self._news = threading.Event()
        self._closed = threading.Event()
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="report", daemon=True)

    def __enter__(self) -> Refresher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._news.set()
        if kind is None:  # else a person or a fault ends the sweep at once
            self._thread.join()

    def poke(self) -> None:
        """Something happened that a reader would like to see."""
        self._news.set()

    def _work(self) -> None:
        while not self._closed.wait(self._pause):
            self._news.wait()
            self._news.clear()
            if self._closed.is_set():
                return
            started = time.monotonic()
            self._refresh()
            self._pause = max(self._least, (time.monotonic() - started) / MOST_SHARE)

    def _refresh(self) -> None:
        try:
            sweep = summarise(self._results)
            page = write(sweep, finished=False, stopped=self._closed.is_set)
        except Exception as error:  # whatever it is, the sweep is worth more than its report
            self._tell_once("warning: the report could not be refreshed", str(error))
        else:
            self._tell_once("the report so far, refreshed as the sweep goes on", str(page))

    def _tell_once(self, what: str, more: str) -> None:
        if what not in self._told and not self._closed.is_set():
            self._told.add(what)
            self._say(f"{what}: {more}")
