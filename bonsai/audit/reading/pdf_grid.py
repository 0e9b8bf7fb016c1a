"""Tables by where their cells stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bonsai.audit.document import Cell

NUMBER = re.compile(r"^[-+]?[\d,]*\.?\d+(?:\s*±.*)?(?:\s*\S{0,3})?$")


@dataclass(frozen=True)
class Placed:
    """A cell, and from where to where it reaches."""

    text: str
    bold: bool
    x0: float
    x1: float


@dataclass
class Row:
    """A row, with its cells from left to right."""

    page: int
    base: float
    cells: list[Placed] = field(default_factory=list)

    def add(self, text: str, bold: bool, x0: float, x1: float) -> None:
        """Put a cell to its right."""
        self.cells.append(Placed(text, bold, x0, x1))

    def goes_on(self, text: str, x0: float) -> bool:
        """Put a line below the cell that begins where it does; whether there is one."""
        for number, cell in enumerate(self.cells):
            if abs(cell.x0 - x0) < 3:
                self.cells[number] = replace(cell, text=f"{cell.text} {text}")
                return True
        return False


def table_of(rows: Sequence[Row]) -> tuple[tuple[tuple[Cell, ...], ...], int]:
    """Rows of equal length, and how many of them are headings.

    A column is what the cells of the fullest rows reach over; a cell stands in each column that it
    overlaps, so that a heading over several is given for each.
    """
    most = max(len(row.cells) for row in rows)
    columns: list[list[float]] = []
    for row in (each for each in rows if len(each.cells) == most):
        for number, cell in enumerate(row.cells):
            if number >= len(columns):
                columns.append([cell.x0, cell.x1])
            else:
                columns[number][0] = min(columns[number][0], cell.x0)
                columns[number][1] = max(columns[number][1], cell.x1)
    found = []
    for row in rows:
        cells = [Cell("")] * len(columns)
        if len(row.cells) == len(columns):
            cells = [Cell(each.text, each.bold) for each in row.cells]
        else:
            for each in row.cells:
                over = [n for n, (x0, x1) in enumerate(columns)
                        if each.x0 < x1 + 1 and each.x1 > x0 - 1]  # fmt: skip
                for number in over or [_nearest(columns, (each.x0 + each.x1) / 2)]:
                    before = cells[number].text
                    cells[number] = Cell(f"{before} {each.text}".strip(), each.bold)
        found.append(tuple(cells))
    heads = 0
    for shown in found[:3]:
        values = [cell.text for cell in shown[1:] if cell.text]
        if any(NUMBER.match(each) for each in values) or not values:
            break
        heads += 1
    return tuple(found), min(heads, len(found) - 1)


def _nearest(columns: Sequence[Sequence[float]], at: float) -> int:
    return min(range(len(columns)), key=lambda number: abs(sum(columns[number]) / 2 - at))
