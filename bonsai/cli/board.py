"""What a person sees while a sweep runs: a live table; plain lines where stdout is no terminal."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType

from rich.box import SIMPLE_HEAD as HEAD_RULE
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bonsai.base import NO_STEP, Entry
from bonsai.models import CALLS, Spending

QUIET_STEPS = {"start", "claims", "smoke", *CALLS}  # told only when they fail
MAX_ROWS = 20  # in a sweep of more, not every idea has a row of the table
LAST_ENDED = 5
SECONDS_LEFT = re.compile(r"(\d+) s left")


@dataclass
class Row:
    """Where one idea stands."""

    template: str
    idea: str
    called: str = ""
    step: str = "waiting"
    runs: int = 0
    tries: int = 0
    best: float | None = None
    baseline: float | None = None
    spending: Spending = field(default_factory=Spending)
    line: str = ""
    started: float | None = None
    ended: float | None = None

    def take(self, entry: Entry, primary: str, better: str | None) -> None:
        """Bring the row up to date with a new entry of its idea."""
        self.spending.take(entry)
        if entry.step in CALLS:
            return
        self.started = self.started or entry.time - entry.seconds
        self.step = f"{entry.step}: failed" if entry.is_failure else entry.step
        self.line = ""
        if entry.step == "run" and entry.ok:
            self.runs += 1
            mean = float(entry.data["scores"]["means"][primary])
            worse = min if better == "lower" else max
            self.best = mean if self.best is None else worse(self.best, mean)
        if entry.step in ("edit", "smoke", "run"):
            self.tries = 0 if entry.ok and entry.step == "run" else self.tries + entry.is_failure
        if entry.step == "end":
            self.step, self.ended = "done" if entry.ok else "no result", entry.time


class Board:
    """All rows of a sweep; safe to update from several threads. A context manager."""

    def __init__(self, console: Console | None = None) -> None:
        """Show on `console`, by default stdout."""
        self.console = console or Console()
        self._rows: dict[tuple[str, str], Row] = {}
        self._primary: dict[str, tuple[str, str | None]] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self.done_before = 0  # ideas that had ended when the sweep was resumed; they have no row
        self._live = (
            Live(get_renderable=self._table, console=self.console, refresh_per_second=2)
            if self.console.is_terminal
            else None
        )

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def add(
        self, template: str, idea: str, primary: str, better: str | None, called: str = ""
    ) -> None:
        """Show a row for an idea (the empty idea: the baseline)."""
        with self._lock:
            self._primary[template] = (primary, better)
            self._rows[template, idea] = Row(template, idea, called or idea)

    def entry(self, entry: Entry) -> None:
        """Take in a new entry of the ledger, and tell it."""
        self._take(entry)
        if self._live is None and not (entry.ok and entry.step in QUIET_STEPS):
            failed = entry.is_failure or (entry.step == "end" and not entry.ok)
            self.say(f"{self._clock()} {self._name(entry)} · {entry.step}"
                     f"{' FAILED' if failed else ''}: {entry.message}")  # fmt: skip

    def recall(self, entries: Iterable[Entry]) -> None:
        """Take in what a resumed sweep's ledger holds, and tell how far it had come."""
        for entry in entries:
            self._take(entry)
        ideas = sum(bool(row.idea) for row in self._rows.values()) + self.done_before
        under_way = sum(row.started is not None for row in self._rows.values() if row.idea)
        self.say(f"going on: {self.done_before} of {ideas} ideas are done, {under_way} begun")

    def _take(self, entry: Entry) -> None:
        with self._lock:
            row = self._rows.get((entry.template, entry.idea))
            if row is None or (entry.index == NO_STEP and entry.step not in CALLS):
                return
            primary, better = self._primary[entry.template]
            row.take(entry, primary, better)
            if entry.idea == "" and entry.step == "baseline" and entry.ok:
                value = float(entry.data["scores"]["means"][primary])
                for other in self._rows.values():
                    if other.template == entry.template:
                        other.baseline = value
                row.best, row.runs = value, len(entry.data["scores"]["seeds"])

    def step(self, template: str, idea: str, step: str) -> None:
        """A step of an idea begins now."""
        with self._lock:
            row = self._rows[template, idea]
            row.step, row.line = step, ""
            row.started = row.started or time.time()

    def line(self, template: str, idea: str, text: str) -> None:
        """The last line that a run in progress printed."""
        with self._lock:
            self._rows[template, idea].line = text

    def say(self, text: str) -> None:
        """Print a line, above the table if there is one."""
        self.console.print(Text(text), soft_wrap=True)

    def _name(self, entry: Entry) -> str:
        row = self._rows.get((entry.template, entry.idea))
        return f"{entry.template}/{(row and row.called) or entry.idea or 'baseline'}"

    def _clock(self) -> str:
        return f"[{time.monotonic() - self._started:5.0f} s]"

    def _table(self) -> Table:
        with self._lock:
            every = list(self._rows.values())
        rows = _shown(every)
        several = len(self._primary) > 1
        paid = any(row.spending.tokens for row in rows)  # a cassette costs nothing
        table = Table(box=HEAD_RULE, expand=True, pad_edge=False, caption_justify="left")
        if several:
            table.add_column("template", overflow="ellipsis", no_wrap=True)
        table.add_column("idea", overflow="ellipsis", no_wrap=True, ratio=1)
        table.add_column("step", no_wrap=True, min_width=10)
        money = ["tokens", "cost"] if paid else []
        for heading in ("runs", "tries", "best", "to base", *money, "ETA"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
        spans = [row.ended - row.started for row in every if row.idea and row.ended and row.started]
        typical = sum(spans) / len(spans) if spans else None
        for row in rows:
            table.add_row(*([row.template] if several else []), *_cells(row, typical, paid))
        done = sum(row.ended is not None for row in every if row.idea) + self.done_before
        ideas = sum(bool(row.idea) for row in every) + self.done_before
        gone = time.monotonic() - self._started
        table.caption = f"{done} of {ideas} ideas done, {gone:.0f} s gone"
        return table


def _shown(rows: list[Row]) -> list[Row]:
    """All rows of a small sweep; of a large one what is under way and what ended last."""
    if len(rows) <= MAX_ROWS:
        return rows
    ended = sorted((row for row in rows if row.ended), key=lambda row: row.ended or 0.0)
    shown = {id(row) for row in ended[-LAST_ENDED:]}
    return [row for row in rows if id(row) in shown or (row.started and not row.ended)]


def _cells(row: Row, typical_seconds: float | None, paid: bool) -> list[str]:
    difference = ""
    if row.idea and row.best is not None and row.baseline is not None:
        difference = f"{row.best - row.baseline:+.3g}"
    usd = row.spending.known_usd
    cost = "unknown" if usd is None else f"${usd:.2f}"
    return [
        row.called or "(baseline)",
        row.step,
        str(row.runs),
        str(row.tries or ""),
        "" if row.best is None else f"{row.best:.4g}",
        difference,
        *([str(row.spending.tokens), cost] if paid and row.idea else ["", ""] if paid else []),
        _eta(row, typical_seconds),
    ]


def _eta(row: Row, typical_seconds: float | None) -> str:
    """Seconds until the row is done, judged by ideas that are; else until its run is."""
    if row.ended or row.started is None:
        return ""
    if typical_seconds is not None and row.idea:
        return f"{max(0.0, typical_seconds - (time.time() - row.started)):.0f} s"
    found = SECONDS_LEFT.search(row.line)
    return f"{found.group(1)} s" if found else ""
