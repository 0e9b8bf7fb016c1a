"""Tagged PDFs, read by their structure: headings, tables, figures are marked as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bonsai.audit.document import Block, Cell, Citation, Document, Figure, Kind, Reference
from bonsai.audit.reading.latex_references import YEAR, split_entry
from bonsai.audit.reading.latex_tables import may_be_head
from bonsai.audit.reading.pdf_pages import Glyph, Image, Opened
from bonsai.audit.reading.pdf_text import indented, is_new_line, joined
from bonsai.audit.reading.wording import is_bold, plain

MOST_DEPTH = 60
MOST_ELEMENTS = 300_000
HEADINGS = {"H", "H1", "H2", "H3", "H4", "H5", "H6"}
NAMED = re.compile(r"[\w./\-]+\.(?:png|jpe?g|pdf|svg)\b", re.I)
NUMBERED = re.compile(r"^\d+(?:\.\d+)*\.?\s+(?=\S)")
CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]")
ENTRY = re.compile(r"^\[?\s*(\d{1,4})\s*[\].]\s*")
SUPPLEMENT = re.compile(r"^(?:Figure|Fig\.|Table|Listing)\s+\d+\s*[:.]\s*")


@dataclass
class _Element:
    """A piece of the structure: its kind, and what is in it, in order: others, or marks."""

    kind: str
    alternative: str
    is_block: bool
    content: list[_Element | tuple[int, int]] = field(default_factory=list)

    def all(self) -> Iterator[_Element]:
        """It, and all in it."""
        yield self
        for each in self.content:
            if isinstance(each, _Element):
                yield from each.all()

    def marks(self) -> Iterator[tuple[int, int]]:
        """Page and number of the marked contents in it."""
        for each in self.content:
            if isinstance(each, _Element):
                yield from each.marks()
            else:
                yield each


def read_tagged(opened: Opened, document: Document) -> bool:
    """Fill a document from a tagged PDF; False if nothing of its structure can be used."""
    root = _structure(opened)
    reader = _Reader(opened, document)
    reader.read(root)
    return bool(document.blocks)


def _structure(opened: Opened) -> _Element:
    """The tree of elements, each once, and not deeper than sense has it."""
    from pdfminer.pdftypes import PDFObjRef, resolve1

    seen: set[int] = set()
    left = [MOST_ELEMENTS]

    def text(value: Any) -> str:
        value = resolve1(value)
        if not isinstance(value, bytes):
            return str(value or "")
        if value[:2] in (b"\xfe\xff", b"\xff\xfe"):
            return value.decode("utf-16", "replace")
        return value.decode("utf-8" if _is_utf8(value) else "latin-1", "replace")

    def add(value: Any, parent: _Element, page: int, depth: int) -> None:
        left[0] -= 1
        if depth > MOST_DEPTH or left[0] < 0:
            return
        if isinstance(value, PDFObjRef):
            if value.objid in seen:
                return
            seen.add(value.objid)
        value = resolve1(value)
        if isinstance(value, int):
            parent.content.append((page, value))
        elif isinstance(value, list):
            for each in value:
                add(each, parent, page, depth + 1)
        elif isinstance(value, dict):
            own = value.get("Pg")
            page = own.objid if isinstance(own, PDFObjRef) else page
            kind = str(getattr(resolve1(value.get("S")), "name", ""))
            if not kind:
                number = resolve1(value.get("MCID"))
                if isinstance(number, int):
                    parent.content.append((page, number))
                return
            told = resolve1(value.get("A"))
            layouts = told if isinstance(told, list) else [told]
            is_block = any("BBox" in str(one) or "Placement" in str(one) for one in layouts)
            element = _Element(kind, text(value.get("Alt")), is_block)
            parent.content.append(element)
            add(value.get("K"), element, page, depth + 1)

    root = _Element("Document", "", True)
    add(opened.structure.get("K"), root, 0, 0)
    return root


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Reader:
    def __init__(self, opened: Opened, document: Document) -> None:
        self.document = document
        self.numbers = {page.key: page.number for page in opened.pages}
        self.glyphs: dict[tuple[int, int], list[Glyph]] = {}
        self.images: dict[tuple[int, int], list[Image]] = {}
        for page in opened.pages:
            for glyph in page.glyphs:
                if glyph.mark is not None:
                    self.glyphs.setdefault((page.key, glyph.mark), []).append(glyph)
            for image in page.images:
                if image.mark is not None:
                    self.images.setdefault((page.key, image.mark), []).append(image)
        self.hyphenated = hyphenated(opened)
        self.section = ""
        self.kind: Kind = "paragraph"
        self.in_references = False

    def read(self, element: _Element) -> None:
        """Elements that hold others."""
        for each in element.content:
            if isinstance(each, _Element):
                self.element(each)

    def element(self, element: _Element) -> None:
        kind = element.kind
        if kind == "Title" or (kind in HEADINGS and not self.document.blocks):
            self.block("title", self.text(element), element)
        elif kind in HEADINGS:
            self.heading(element)
        elif kind == "P" or (kind == "Code" and not element.content):
            self.paragraph(element)
        elif kind == "Table":
            self.table(element)
        elif kind == "Code":
            self.listing(element)
        elif kind == "BlockQuote":
            before, self.kind = self.kind, "quotation"
            inner = [each for each in element.content if isinstance(each, _Element)]
            if any(each.kind == "P" for each in inner):
                self.read(element)
            else:
                self.paragraph(element)
            self.kind = before
        elif kind == "Caption":
            self.block("caption", SUPPLEMENT.sub("", self.text(element)), element)
        elif kind == "Figure":
            self.figure(element, "")
        elif kind == "LI":
            self.item(element)
        elif kind == "Formula":
            self.paragraph(element)
        elif kind in ("Div", "Sect", "Part", "Art") and self.float(element):
            return
        elif kind in ("Span", "Strong", "Em", "Link", "Lbl") or (
            not any(isinstance(each, _Element) for each in element.content)
        ):
            self.paragraph(element)
        else:
            self.read(element)

    def float(self, element: _Element) -> bool:
        """A picture, listing or table with its caption; whether it was one."""
        captions = [each for each in element.all() if each.kind == "Caption"]
        figures = [each for each in element.all() if each.kind == "Figure"]
        if not captions:
            return False
        caption = " ".join(SUPPLEMENT.sub("", self.text(each)) for each in captions)
        for each in figures:
            self.figure(each, caption)
        for inner in element.content:
            if isinstance(inner, _Element) and inner.kind not in ("Caption", "Figure"):
                self.element(inner)
        self.block("caption", caption, captions[0])
        return True

    def heading(self, element: _Element) -> None:
        text = NUMBERED.sub("", self.text(element))
        self.kind = "paragraph"
        self.in_references = text.lower() in ("references", "bibliography")
        if text.lower() == "abstract":
            self.kind = "abstract"
            return
        self.section = text
        if not self.in_references:
            self.block("heading", text, element)

    def item(self, element: _Element) -> None:
        """An item of a list, without its mark; it may hold paragraphs and lists."""
        for each in element.content:
            if isinstance(each, _Element) and each.kind == "LBody":
                inner = [one for one in each.content if isinstance(one, _Element)]
                if any(one.kind in ("P", "L", "Table", "BlockQuote") for one in inner):
                    self.read(each)
                else:
                    self.paragraph(each)
            elif isinstance(each, _Element) and each.kind != "Lbl":
                self.element(each)

    def paragraph(self, element: _Element) -> None:
        text = self.text(element)
        if self.in_references:
            self.reference(text, element)
            return
        cited = []
        if self.kind != "quotation":
            for found in CITED.finditer(text):
                for key in numbers_in(found[1]):
                    cited.append(key)
                    self.document.citations.append(
                        Citation(key, found.group(), self.place(element))
                    )
        self.block(self.kind, text, element, tuple(cited))

    def reference(self, text: str, element: _Element) -> None:
        entry = ENTRY.match(text)
        rest = text[entry.end() :] if entry else text
        if not rest:
            return
        authors, title = split_entry([rest])
        years = YEAR.findall(rest)
        self.document.bibliography.append(
            Reference(entry[1] if entry else "", title, authors, years[-1] if years else "",
                      self.place(element))
        )  # fmt: skip

    def listing(self, element: _Element) -> None:
        lines: list[list[Glyph]] = []
        for glyph in self.letters(element):
            if lines and abs(glyph.base - lines[-1][-1].base) < 0.3 * glyph.size:
                lines[-1].append(glyph)
            else:
                lines.append([glyph])
        left = min((line[0].x0 for line in lines), default=0.0)
        texts = [indented(line, left) for line in lines]
        text = "\n".join(texts).strip("\n")
        if len(texts) == 1 and not element.is_block:
            self.block(self.kind, plain(text), element)
        elif text:
            self.document.blocks.append(Block("listing", text, self.place(element), self.section))

    def table(self, element: _Element) -> None:
        captions = [each for each in element.content
                    if isinstance(each, _Element) and each.kind == "Caption"]  # fmt: skip
        caption = " ".join(SUPPLEMENT.sub("", self.text(each)) for each in captions)
        rows, heads = [], 0
        for row in (each for each in element.all() if each.kind == "TR"):
            cells = [each for each in row.content if isinstance(each, _Element)]
            texts = [self.marked(each) for each in cells if each.kind in ("TH", "TD")]
            is_head = bool(cells) and all(each.kind == "TH" for each in cells)
            # A heading's letters are bold because it is one.
            rows.append(tuple(Cell(plain(text), is_bold(text)) for text in texts))
            heads += is_head and heads == len(rows) - 1
        if not heads and len(rows) > 1 and may_be_head(rows[:1]):
            heads = 1
        if rows:
            self.document.blocks.append(
                Block("table", "", self.place(element), self.section, tuple(rows), heads, caption)
            )
        for each in captions:
            self.block("caption", SUPPLEMENT.sub("", self.text(each)), each)

    def figure(self, element: _Element, caption: str) -> None:
        if any(each.kind == "Table" for each in element.all()):
            self.read(element)
            return
        images = [image for mark in element.marks() for image in self.images.get(mark, [])]
        named = NAMED.search(element.alternative)
        digests = [image.digest for image in images]
        self.document.figures.append(
            Figure(
                named.group() if named else "", None, digests[0] if len(digests) == 1 else None,
                caption, self.place(element), plain(element.alternative),
            )
        )  # fmt: skip

    def block(self, kind: Kind, text: str, element: _Element, cited: tuple[str, ...] = ()) -> None:
        if text:
            self.document.blocks.append(
                Block(kind, text, self.place(element), self.section, cited=cited)
            )

    def letters(self, element: _Element) -> list[Glyph]:
        return [glyph for mark in element.marks() for glyph in self.glyphs.get(mark, [])]

    def marked(self, element: _Element) -> str:
        return joined(self.letters(element), self.hyphenated)

    def text(self, element: _Element) -> str:
        return plain(self.marked(element))

    def place(self, element: _Element) -> str:
        number = next((self.numbers[page] for page, _ in element.marks() if page in self.numbers),
                      None)  # fmt: skip
        return f"page {number}" if number else ""


def numbers_in(text: str) -> list[str]:
    """The numbers of a citation: `3, 5–7` names four."""
    found: list[str] = []
    for part in re.split(r"[,;]", text):
        ends = [int(each) for each in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 < ends[1] - ends[0] < 100:
            found += [str(each) for each in range(ends[0], ends[1] + 1)]
        else:
            found += [str(each) for each in ends]
    return found


def hyphenated(opened: Opened) -> set[str]:
    """The words that have a hyphen within a line, in lower case."""
    lines: list[str] = []
    for page in opened.pages:
        for before, glyph in zip([None, *page.glyphs], page.glyphs, strict=False):
            parted = before is None or is_new_line(before, glyph)
            lines.append(f"\n{glyph.text}" if parted else glyph.text)
    return {each.lower() for each in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)+", "".join(lines))}
