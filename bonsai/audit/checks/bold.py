"""Cells of tables, and whether those in bold are the best."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bonsai.audit.document import Block, Cell
from bonsai.audit.facts import Compared, Metric
from bonsai.audit.findings import Finding
from bonsai.audit.numbers import Number, Unit
from bonsai.audit.tracing import Candidate
from bonsai.audit.wording import shortened


@dataclass(frozen=True)
class Line:
    """What a row or a column says of all its cells.

    Attributes:
        text: its heading.
        runs: names of runs.
        metrics: the metrics.
        datasets: the data sets.
        unit: of its numbers, where the heading gives one.
        kind: what its numbers are.
    """

    text: str
    runs: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    datasets: tuple[str, ...] = ()
    unit: Unit = ""
    kind: str = "level"


@dataclass
class Place:
    """A number in a cell, with what row, column and caption say of it."""

    row: int
    column: int
    cell: Cell
    number: Number
    runs: tuple[str, ...]
    metrics: tuple[Metric, ...]
    datasets: tuple[str, ...]
    kind: str
    named: bool = True
    claim: Compared | None = None
    hit: Candidate | None = None
    candidates: list[Candidate] = field(default_factory=list)


BEST_ALONE = re.compile(r"\bbest\b[^.]*\b(?:bold|each|every|per)\b|\bbold\b[^.]*\bbest\b", re.I)


def bold(
    block: Block, places: list[Place], rows: list[Line], columns: list[Line]
) -> Iterator[Finding]:
    """Bold is the best: in a column of runs, or in a row where runs are columns."""
    by_row = len({place.row for place in places}) > 1 and any(row.runs for row in rows)
    by_column = not by_row and any(column.runs for column in columns)
    way = "row" if by_column else "column"
    for line in sorted({getattr(place, way) for place in places}):
        own = [place for place in places if getattr(place, way) == line and place.kind == "level"]
        first: dict[int, Place] = {}
        for place in own:
            first.setdefault(place.column if way == "row" else place.row, place)
        own = list(first.values())
        marked = [place for place in own if place.cell.bold]
        better = _better(block, rows[own[0].row] if way == "row" else columns[line], own)
        if not marked or len(marked) == len(own) or better is None or len(own) < 2:
            continue
        values = [place.number.value for place in own]
        best = max(values) if better == "higher" else min(values)
        # Some set what lies within the error of the best in bold as well.
        only = BEST_ALONE.search(block.caption) and not any(
            place.number.spread is not None for place in own
        )
        found = any(place.number.value == best for place in marked)
        for place in marked:
            if place.number.value != best and (only or not found):
                heading = (rows[place.row] if way == "row" else columns[line]).text
                yield Finding(
                    "bold", "contradicted", "likely", block.place,
                    f"{place.cell.text} in bold ({shortened(heading, 40)})",
                    f"The best there is {best:g}, as {better} is better.",
                )  # fmt: skip


def _better(block: Block, line: Line, own: list[Place]) -> str | None:
    for text in (line.text, block.caption):
        if ("↑" in text and "↓" not in text) or re.search(r"higher is better", text, re.IGNORECASE):
            return "higher"
        if ("↓" in text and "↑" not in text) or re.search(r"lower is better", text, re.IGNORECASE):
            return "lower"
    ways = {metric.better for place in own for metric in place.metrics}
    return ways.pop() if len(ways) == 1 else None
