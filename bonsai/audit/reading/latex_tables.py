"""Tables of LaTeX: rows, cells, what is set in bold, what spans several columns or rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bonsai.audit.document import Cell
from bonsai.audit.reading.inline import Inline, Node, arguments, kinds, source_of
from bonsai.audit.reading.wording import is_bold, plain

TABULARS = {
    "tabular": "[{", "tabular*": "{[{", "tabularx": "{[{", "tabulary": "{[{", "longtable": "[{",
    "supertabular": "[{", "xltabular": "{[{", "tblr": "[{", "longtblr": "[{", "array": "[{",
    "NiceTabular": "[{", "talltblr": "[{",
}  # fmt: skip
RULES = {"hline", "midrule", "toprule", "bottomrule", "specialrule", "endhead", "endfirsthead",
         "Xhline", "thickhline", "hhline"}  # fmt: skip
HALF_RULES = {"cmidrule", "cline"}
ENDS = {"\\", "tabularnewline", "cr"}
MOST_SPAN = 60  # columns or rows of a cell
MOST_ROWS = 2000


@dataclass
class _Row:
    cells: list[list[Node]] = field(default_factory=lambda: [[]])
    ruled: bool = False  # a rule over the whole width lies below it
    half_ruled: bool = False

    @property
    def is_empty(self) -> bool:
        return len(self.cells) == 1 and not any(
            each is not None and not (each.isNodeType(kinds().chars) and not each.chars.strip())
            for each in self.cells[0]
        )


@dataclass
class TableRead:
    """A table: its rows, and how many of them are headings."""

    rows: tuple[tuple[Cell, ...], ...]
    header_rows: int


def read_table(nodes: Sequence[Node], inline: Inline) -> TableRead:
    """The contents of a tabular environment."""
    parted = _part(nodes)
    rows: list[tuple[Cell, ...]] = []
    spans: dict[int, tuple[int, Cell]] = {}  # by column: for how many rows more, and what
    for row in parted[:MOST_ROWS]:
        cells: list[Cell] = []
        begun: dict[int, tuple[int, Cell]] = {}
        for nodes_of in row.cells:
            across, down = _span(nodes_of, "multicolumn"), _span(nodes_of, "multirow")
            text = inline.text(nodes_of)
            cell = Cell(plain(text), is_bold(text))
            column = len(cells)
            if not cell.text and column in spans and across == 1:
                cell = spans[column][1]
            for each in range(across):
                if down > 1:
                    begun[column + each] = (down, cell)
                cells.append(cell)
        spans = {
            column: (left - 1, cell)
            for column, (left, cell) in {**spans, **begun}.items() if left > 1
        }  # fmt: skip
        rows.append(tuple(cells))
    return TableRead(tuple(rows), _header_rows(parted, rows))


def _part(nodes: Sequence[Node]) -> list[_Row]:
    rows = [_Row()]
    for node in nodes:
        if node is None:
            continue
        if node.isNodeType(kinds().specials) and node.specials_chars == "&":
            rows[-1].cells.append([])
        elif node.isNodeType(kinds().macro) and node.macroname in ENDS:
            rows.append(_Row())
        elif node.isNodeType(kinds().macro) and node.macroname in RULES | HALF_RULES:
            if rows[-1].is_empty and len(rows) > 1:
                rows[-2].ruled |= node.macroname in RULES
                rows[-2].half_ruled |= node.macroname in HALF_RULES
        else:
            rows[-1].cells[-1].append(node)
    return [row for row in rows if not row.is_empty]


def _span(nodes: Sequence[Node], name: str) -> int:
    """How many columns or rows a cell takes."""
    for node in nodes:
        if node is not None and node.isNodeType(kinds().macro):
            given = arguments(node)
            if node.macroname == name:
                told = next((source_of([each]) for each in given if each is not None), "")
                told = told.strip(" *-")
                return min(int(told), MOST_SPAN) if told.isdigit() and len(told) < 4 else 1
            if node.macroname in ("multicolumn", "multirow") and given and given[-1] is not None:
                inner = getattr(given[-1], "nodelist", None)
                return _span(inner, name) if inner else 1
    return 1


def _header_rows(parted: Sequence[_Row], rows: Sequence[tuple[Cell, ...]]) -> int:
    """How many rows are headings: those above the first rule, if it is not the last."""
    for kind in ("ruled", "half_ruled"):
        ruled = [number for number, row in enumerate(parted) if getattr(row, kind)]
        if ruled and ruled[0] < len(rows) - 1 and may_be_head(rows[: ruled[0] + 1]):
            return ruled[0] + 1
    return int(len(rows) > 1 and may_be_head(rows[:1]))


def may_be_head(rows: Sequence[tuple[Cell, ...]]) -> bool:
    """Whether rows name things, rather than giving values; `2019` or `(k = 5)` may be a name."""
    if len(rows) > 4:
        return False
    values = [
        bool(re.fullmatch(r"[-+]?\$?\d+\.\d+(?:\s*±.*)?\s*%?", cell.text))
        for row in rows for cell in row[1:] if cell.text
    ]  # fmt: skip
    return not values or sum(values) < len(values) / 2
