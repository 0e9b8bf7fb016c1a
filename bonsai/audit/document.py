"""A paper as an audit reads it: blocks of text in order, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal[
    "title", "abstract", "heading", "paragraph", "caption", "table", "listing", "quotation"
]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands in it, as plain text.
        bold: whether its first number, or all of it where it has none, is set in bold.
    """

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Block:
    """A piece of a paper.

    Attributes:
        kind: what it is. A caption is a block of its own, after its figure or table.
        text: as plain text: commands are gone, mathematics is written out (`83.2 ± 0.1 %`, `2 ×`,
            `1.5 × 10^-3`), spaces are single, and a value that stands for a key is resolved. Of a
            table empty.
        place: where it stands, for people: `line 120`, `page 3`.
        section: the heading that it stands below, as written; empty before the first.
        rows: of a table: its rows, headings included; a cell that spans several columns is given
            once for each.
        header_rows: of a table: how many rows are headings.
        caption: of a table: the text of its caption.
        cited: keys that it cites, where the form has keys.
    """

    kind: Kind
    text: str
    place: str
    section: str = ""
    rows: tuple[tuple[Cell, ...], ...] = ()
    header_rows: int = 0
    caption: str = ""
    cited: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A picture that a paper shows.

    Attributes:
        file: its name as the source has it, or as its alternative text does; empty: unknown.
        path: the file, if it was found; never outside the paper's folder or the results.
        digest: SHA-256 of its pixels as 8-bit RGB, row by row, preceded by `WIDTHxHEIGHT:`; None
            where they cannot be read.
        caption: its caption.
        place: where it stands.
        alternative: its alternative text.
    """

    file: str
    path: Path | None
    digest: str | None
    caption: str
    place: str
    alternative: str = ""


@dataclass(frozen=True)
class Reference:
    """An entry of a paper's bibliography; fields are empty where they are not known."""

    key: str
    title: str
    authors: str
    year: str
    place: str


@dataclass(frozen=True)
class Citation:
    """A citation in the text.

    Attributes:
        key: the entry's key in a source; in a PDF its number or mark as printed, e.g. `3`; empty
            where it is given by author and year alone.
        text: as it is read, e.g. `Xiao et al., 2017`.
        place: where it stands.
    """

    key: str
    text: str
    place: str


@dataclass
class Document:
    """A paper.

    Attributes:
        path: the file that was read.
        form: of the file.
        blocks: its text in reading order; the bibliography is not among them.
        figures: what it shows.
        citations: in the text.
        bibliography: its entries.
        labels: what can be referred to, and `missing_labels` what is referred to and is not there.
        source: the raw text that placeholders are looked for in; empty for a PDF.
        troubles: what could not be read, one sentence each.
    """

    path: Path
    form: Literal["latex", "pdf", "typst", "text"]
    blocks: list[Block] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    bibliography: list[Reference] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    missing_labels: list[Citation] = field(default_factory=list)
    source: str = ""
    troubles: list[str] = field(default_factory=list)
