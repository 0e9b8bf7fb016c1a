"""PDFs without a structure, read by how they look: lines, columns, gaps, sizes of letters."""

from __future__ import annotations

import bisect
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bonsai.audit.document import Block, Citation, Document, Figure, Kind, Reference
from bonsai.audit.reading.latex_references import YEAR, split_entry
from bonsai.audit.reading.pdf_grid import Row, table_of
from bonsai.audit.reading.pdf_pages import Glyph, Image, Opened, Page
from bonsai.audit.reading.pdf_tagged import CITED, ENTRY, hyphenated, numbers_in
from bonsai.audit.reading.pdf_text import indented, joined
from bonsai.audit.reading.wording import is_bold, plain

WIDE = 0.9  # of a letter's size: a gap that no justified line has; it parts cells and columns
PARAGRAPH = 1.45  # of the usual distance of lines
CAPTION = re.compile(
    r"^(Figure|Fig\.|Table|Listing|Algorithm)\s*(\d+|[IVX]+)\s*[:.|]\s*(.*)$", re.S
)
HEADING = re.compile(r"^(?:(?:\d+|[A-Z])(?:\.\d+)*\.?\s+)?(\S.{0,90})$")
SECTIONS = re.compile(
    r"^(?:\d+\.?\s+)?(abstract|introduction|related work|background|methods?|experiments?"
    r"|experimental setup|results|discussion|conclusions?(?: and future work)?|limitations"
    r"|references|bibliography|acknowledge?ments?|appendix)$",
    re.I,
)
LINE_NUMBER = re.compile(r"^\d{1,4}$")


@dataclass
class Line:
    """A line of a column: its letters, parted by wide gaps, from left to right."""

    page: int
    base: float
    size: float
    parts: list[list[Glyph]]

    @property
    def x0(self) -> float:
        """Where it begins."""
        return self.parts[0][0].x0

    @property
    def x1(self) -> float:
        """Where it ends."""
        return self.parts[-1][-1].x1

    @property
    def glyphs(self) -> list[Glyph]:
        """All of its letters."""
        return [glyph for part in self.parts for glyph in part]

    @property
    def text(self) -> str:
        """As plain text."""
        return plain(" ".join(joined(part) for part in self.parts))

    @property
    def is_code(self) -> bool:
        """Whether all of them are of one width, and they are more than two."""
        letters = self.glyphs
        return len(letters) > 2 and all(glyph.mono for glyph in letters)

    @property
    def is_bold(self) -> bool:
        """Whether all of its letters are."""
        return all(glyph.bold for glyph in self.glyphs if not glyph.text.isspace())


def read_by_layout(opened: Opened, document: Document) -> None:
    """Fill a document from a PDF without structure."""
    reader = _Reader(opened, document)
    for page in opened.pages:
        reader.page(page)
    reader.end()
    if not document.blocks:
        document.troubles.append("it holds no text that can be read, as a scanned page does")


class _Reader:
    def __init__(self, opened: Opened, document: Document) -> None:
        self.document = document
        self.hyphenated = hyphenated(opened)
        sizes = [round(glyph.size, 1) for page in opened.pages for glyph in page.glyphs]
        self.size = statistics.mode(sizes) if sizes else 10.0
        self.section = ""
        self.kind: Kind = "paragraph"
        self.in_references = False
        self.lines: list[Line] = []  # of the paragraph that is being read
        self.rows: list[Row] = []  # of the table
        self.code: list[Line] = []  # of the listing
        self.waiting: list[tuple[Image, int]] = []  # pictures without a caption so far
        self.headed: Line | None = None  # the line of a heading, which the next may go on with
        self.began = False  # whether the first section, or the abstract, has begun
        self.orphan: int | None = None  # the block of a table whose caption may follow
        self.caption = ""  # of a table that may follow

    def page(self, page: Page) -> None:
        lines = list(in_reading_order(page))
        images = sorted(page.images, key=lambda each: -each.top)
        lines = [part for line in lines for part in _captions_apart(line)]
        for before, line in zip([None, *lines], lines, strict=False):
            while images and images[0].bottom > line.base and images[0].top < page.height:
                self.waiting.append((images.pop(0), page.number))
            self.line(line, before)
        self.waiting += [(each, page.number) for each in images]
        self.flush()

    def line(self, line: Line, before: Line | None) -> None:
        text = line.text
        if not text or (LINE_NUMBER.match(text) and line.size <= self.size):
            return
        near = before is not None and self._is_next(before, line)
        if near and before is self.headed and line.is_bold and not SECTIONS.match(text):
            self.headed, last = line, self.document.blocks[-1]
            self.section = f"{last.text} {text}"
            self.document.blocks[-1] = Block("heading", self.section, last.place, self.section)
            return
        if self._is_row(line) and not self.in_references:
            if not self.rows and near and len(self.lines) == 1 and len(self.lines[0].parts) > 1:
                self.rows.append(_row(self.lines.pop()))  # its heading, which holds no number
            self.flush_lines()
            self.rows.append(_row(line))
            return
        if self.rows:
            if near and len(line.parts) == 1 and len(self.rows) > 1 and self._within(line):
                if text[0].islower() and self.rows[-1].goes_on(text, line.x0):
                    return
                self.rows.append(_row(line))
                return
            self.flush()
        if line.is_code and not CAPTION.match(text):
            self.flush_lines()
            self.code.append(line)
            return
        self.flush_code()
        if self._is_heading(line, near):
            self.flush()
            self.heading(text, line)
            return
        starts = bool(CAPTION.match(text)) or (self.in_references and _begins_entry(text))
        if self.lines and (starts or not near or self._is_indented(line)):
            self.flush()
        self.lines.append(line)

    def _is_next(self, before: Line, line: Line) -> bool:
        """Whether a line goes on where the one before it ended."""
        if before.page != line.page or abs(before.size - line.size) > 0.12 * self.size:
            return False
        step = before.base - line.base
        if step < 0:  # the next column
            return not re.search(r"[.!?:]$", before.text)
        return step < PARAGRAPH * 1.2 * max(line.size, before.size)

    def _is_indented(self, line: Line) -> bool:
        last = self.lines[-1]
        if self.in_references:
            return False
        ended = re.search(r"[.!?:]$", last.text) is not None
        return ended and line.x0 - last.x0 > 0.6 * self.size and line.x0 - last.x0 < 4 * self.size

    def _is_row(self, line: Line) -> bool:
        """Whether a line is a row of a table: it has wide gaps, and is no formula with a number."""
        if len(line.parts) < 2 or len(line.parts) > 40:
            return False
        if line.is_code or (line.is_bold and line.size > 1.15 * self.size):  # or a heading
            return False
        if len(line.parts) == 2 and re.fullmatch(r"\(\d+\)", plain(joined(line.parts[1]))):
            return False
        return len(line.parts) > 2 or bool(self.rows) or bool(self.caption) or _is_value(line)

    def _within(self, line: Line) -> bool:
        first = self.rows[0]
        return line.x0 >= first.cells[0].x0 - 2 and line.x1 <= self.rows[0].cells[-1].x1 + 40

    def _is_heading(self, line: Line, near: bool) -> bool:
        text = line.text
        if SECTIONS.match(text):
            return True
        found = HEADING.match(text)
        if found is None or text[-1] in ".,;:" or CAPTION.match(text):
            return False
        if not self.began:  # the title, and no authors
            title = self.document.blocks[-1:]
            return line.size > 1.3 * self.size and (
                not title or (title[0].kind == "title" and near)
            )
        larger = line.size > 1.08 * self.size
        numbered = re.match(r"^(?:\d+|[A-Z])(?:\.\d+)*\.?\s+[A-Z]", text) is not None
        return (larger and not near) or (line.is_bold and (numbered or not near) and len(text) < 80)

    def heading(self, text: str, line: Line) -> None:
        name = re.sub(r"^(?:\d+|[A-Z])(?:\.\d+)*\.?\s+(?=[A-Z])", "", text)
        if not self.document.blocks and name.lower() != "abstract":
            self.block("title", text, line.page)
            return
        last = self.document.blocks[-1] if self.document.blocks else None
        if not self.began and last is not None and not SECTIONS.match(text):
            self.document.blocks[-1] = Block("title", f"{last.text} {text}", last.place)
            return
        self.began = True
        self.in_references = name.lower() in ("references", "bibliography")
        self.kind = "abstract" if name.lower() == "abstract" else "paragraph"
        if self.kind == "abstract":
            return
        self.section = name
        if not self.in_references:
            self.block("heading", name, line.page)
            self.headed = line

    def flush(self) -> None:
        """End the paragraph, the table, the listing."""
        self.flush_code()
        if self.rows:
            self.table()
        self.flush_lines()

    def flush_code(self) -> None:
        """End the listing."""
        lines, self.code = self.code, []
        if lines:
            left = min(line.x0 for line in lines)
            texts = [indented(line.glyphs, left) for line in lines]
            place = f"page {lines[0].page}"
            self.document.blocks.append(Block("listing", "\n".join(texts), place, self.section))

    def flush_lines(self) -> None:
        """End the paragraph."""
        lines, self.lines = self.lines, []
        if not lines:
            return
        text = plain(joined([glyph for line in lines for glyph in line.glyphs], self.hyphenated))
        if (found := CAPTION.match(text)) is not None:
            reach = (min(line.x0 for line in lines), max(line.x1 for line in lines))
            self.captioned(found[1], found[3], lines[0].page, reach)
        elif self.in_references:
            self.reference(text, lines[0].page)
        else:
            cited = []
            for each in CITED.finditer(text):
                for key in numbers_in(each[1]):
                    cited.append(key)
                    place = f"page {lines[0].page}"
                    self.document.citations.append(Citation(key, each.group(), place))
            self.block(self.kind, text, lines[0].page, tuple(cited))

    def table(self) -> None:
        rows, self.rows = self.rows, []
        if len(rows) < 2:
            text = " ".join(cell.text for row in rows for cell in row.cells)
            self.block(self.kind, plain(text), rows[0].page)
            return
        cells, heads = table_of(rows)
        self.document.blocks.append(
            Block("table", "", f"page {rows[0].page}", self.section, cells, heads, self.caption)
        )
        self.orphan = None if self.caption else len(self.document.blocks) - 1
        self.caption = ""

    def captioned(self, what: str, text: str, page: int, reach: tuple[float, float]) -> None:
        """A caption: of the table above it that has none, else of the one that follows.

        Args:
            what: what it is of.
            text: it.
            page: where it stands.
            reach: from where to where: a picture over it lies there as well.
        """
        self.block("caption", text, page)
        if what == "Table":
            blocks = self.document.blocks
            if self.orphan is not None and self.orphan >= len(blocks) - 3:
                last = blocks[self.orphan]
                blocks[self.orphan] = Block(
                    "table", "", last.place, last.section, last.rows, last.header_rows, text
                )
                self.orphan = None
            else:
                self.caption = text
        elif what in ("Figure", "Fig."):
            if not self.waiting:
                self.document.figures.append(Figure("", None, None, text, f"page {page}"))
            side = [each for each in self.waiting if each[0].x0 < reach[1]
                    and each[0].x1 > reach[0]] or self.waiting  # fmt: skip
            self.waiting = [each for each in self.waiting if each not in side]
            for image, number in side:
                self.document.figures.append(Figure("", None, image.digest, text, f"page {number}"))

    def end(self) -> None:
        self.flush()
        for image, number in self.waiting:
            self.document.figures.append(Figure("", None, image.digest, "", f"page {number}"))

    def reference(self, text: str, page: int) -> None:
        entry = ENTRY.match(text) if _begins_entry(text) else None
        rest = text[entry.end() :] if entry else text
        authors, title = split_entry([rest])
        years = YEAR.findall(rest)
        known = self.document.bibliography
        if entry is None and known and not years and not re.match(r"[A-Z]\w*,?\s", text):
            return
        known.append(Reference(entry[1] if entry else "", title, authors,
                               years[-1] if years else "", f"page {page}"))  # fmt: skip

    def block(self, kind: Kind, text: str, page: int, cited: tuple[str, ...] = ()) -> None:
        if text:
            self.document.blocks.append(
                Block(kind, text, f"page {page}", self.section, cited=cited)
            )


def _begins_entry(text: str) -> bool:
    return re.match(r"^\[\d{1,4}\]\s", text) is not None or (
        re.match(r"^\d{1,3}\.\s+[A-Z]", text) is not None
    )


def _captions_apart(line: Line) -> list[Line]:
    """A line, or each of the captions that stand beside each other in it."""
    heads = [n for n, part in enumerate(line.parts) if CAPTION.match(plain(joined(part)))]
    if len(heads) < 2 or heads[0] != 0:
        return [line]
    ends = [*heads[1:], len(line.parts)]
    return [
        Line(line.page, line.base, line.size, line.parts[begin:end])
        for begin, end in zip(heads, ends, strict=True)
    ]


def _is_value(line: Line) -> bool:
    return any(re.search(r"\d", joined(part)) for part in line.parts[1:])


def _row(line: Line) -> Row:
    row = Row(line.page, line.base)
    for part in line.parts:
        text = joined(part)
        row.add(plain(text), is_bold(text), part[0].x0, part[-1].x1)
    return row


def in_reading_order(page: Page) -> Iterator[Line]:
    """The lines of a page: of two columns first the left one, between lines that cross both."""
    letters = [glyph for glyph in page.glyphs if not glyph.text.isspace()]
    middle = _gutter(page, letters)
    if middle is None:
        yield from _lines(page, letters)
        return
    crossing = [each.base for each in letters if each.x0 < middle + 2 and each.x1 > middle - 2]
    across: list[Glyph] = []
    left: list[Glyph] = []
    right: list[Glyph] = []
    for each in letters:
        if any(abs(each.base - base) < 0.3 * each.size for base in crossing):
            across.append(each)
        else:
            (left if each.x1 <= middle else right).append(each)
    columns = [_lines(page, left), _lines(page, right)]
    for line in (*_lines(page, across), None):
        for column in columns:
            while column and (line is None or column[0].base > line.base):
                yield column.pop(0)
        if line is not None:
            yield line


def _lines(page: Page, letters: Sequence[Glyph]) -> list[Line]:
    return [_line(page, row) for row in _rows(letters)]


def _rows(letters: Sequence[Glyph]) -> list[list[Glyph]]:
    """Letters of one height together, from above; raised and lowered ones with their line."""
    rows: list[list[Glyph]] = []
    bases: list[float] = []
    for glyph in sorted(letters, key=lambda each: (-each.size, -each.base)):
        at = bisect.bisect_left(bases, glyph.base)
        near = [n for n in (at - 1, at) if 0 <= n < len(bases)]
        near = [n for n in near if abs(bases[n] - glyph.base) < 0.45 * rows[n][0].size]
        if near:
            rows[min(near, key=lambda n: abs(bases[n] - glyph.base))].append(glyph)
        else:
            bases.insert(at, glyph.base)
            rows.insert(at, [glyph])
    return [sorted(row, key=lambda each: each.x0) for row in reversed(rows)]


def _gutter(page: Page, letters: Sequence[Glyph]) -> float | None:
    """Where two columns part; None on a page with one.

    That is where few lines have a letter, though many lines lie on both sides, and long ones.
    """
    bases: dict[int, list[Glyph]] = {}
    for each in letters:
        bases.setdefault(round(each.base / 3), []).append(each)
    best, least = None, len(bases)
    for step in range(-20, 21):
        middle = page.width / 2 + step * page.width / 250
        crossed = sum(
            any(each.x0 < middle + 3 and each.x1 > middle - 3 for each in row)
            for row in bases.values()
        )
        if crossed < least or (crossed == least and best and abs(step) < abs(best[1])):
            best, least = (middle, step), crossed
    if best is None or least > 0.25 * len(bases):
        return None
    middle = best[0]
    lefts = [[each for each in row if each.x1 < middle] for row in bases.values()]
    rights = [[each for each in row if each.x0 > middle] for row in bases.values()]
    is_filled = all(sum(map(_is_running, side)) >= 8 for side in (lefts, rights))
    return middle if is_filled else None


def _is_running(row: Sequence[Glyph]) -> bool:
    """Whether letters make a line of text, and no row of a table."""
    if len(row) <= 18:
        return False
    row = sorted(row, key=lambda each: each.x0)
    return all(after.x0 - before.x1 <= WIDE * before.size for before, after in pairwise(row))


def _line(page: Page, row: Sequence[Glyph]) -> Line:
    parts: list[list[Glyph]] = [[row[0]]]
    for before, after in pairwise(row):
        if after.x0 - before.x1 > WIDE * max(before.size, after.size):
            parts.append([])
        parts[-1].append(after)
    size = statistics.median(each.size for each in row)
    base = statistics.median(each.base for each in row)
    return Line(page.number, base, size, parts)
