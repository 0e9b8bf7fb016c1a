"""Papers in Markdown or as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bonsai.audit.document import Block, Cell, Citation, Document, Figure, Kind, Reference
from bonsai.audit.pixels import digest_of_file
from bonsai.audit.reading.latex_references import YEAR, split_entry
from bonsai.audit.reading.wording import BOLD, PLAIN, is_bold, plain
from bonsai.base import untrusted

MOST_BYTES = 3_000_000
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
PICTURE = re.compile(r"!\[([^\]]*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"([^\"]*)\")?\s*\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?:[^()\s]|\([^()]*\))*\)")
CAPTION = re.compile(r"^(Table|Figure|Fig\.)\s*\d+\s*[:.]\s*(.*)$", re.I | re.S)
CITED = re.compile(r"\[((?:@[\w:.\-]+;?\s*)+|\d{1,3}(?:\s*,\s*\d{1,3})*)\](?!\()")
ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
FENCE = re.compile(r"^\s*(```+|~~~+)")


def read_markup(path: Path, roots: Sequence[Path]) -> Document:
    """A paper in Markdown or as plain text.

    Raises:
        Unreadable: the file cannot be read.
    """
    source = untrusted.read_text(path, MOST_BYTES, follow=True)
    document = Document(path, "text", source=source)
    _Reader(document, roots).read(source.splitlines())
    return document


class _Reader:
    def __init__(self, document: Document, roots: Sequence[Path]) -> None:
        self.document, self.roots = document, roots
        self.section = ""
        self.kind: Kind = "paragraph"
        self.in_references = False
        self.caption = ""  # of a table that may follow

    def read(self, lines: Sequence[str]) -> None:
        at = 0
        while at < len(lines):
            at = self.next(lines, at)

    def next(self, lines: Sequence[str], at: int) -> int:
        """Read what begins at a line, and say where the next begins."""
        line = lines[at]
        if not line.strip():
            return at + 1
        if found := FENCE.match(line):
            end = next((n for n in range(at + 1, len(lines))
                        if lines[n].strip().startswith(found[1])), len(lines))  # fmt: skip
            self.block("listing", "\n".join(lines[at + 1 : end]), at)
            return end + 1
        if found := HEADING.match(line):
            self.heading(found[2], at, len(found[1]))
            return at + 1
        if (
            at + 1 < len(lines)
            and re.fullmatch(r"\s*(=+|-{3,})\s*", lines[at + 1])
            and ("|" not in line)
        ):
            self.heading(line.strip(), at, 1 if "=" in lines[at + 1] else 2)
            return at + 2
        if "|" in line and at + 1 < len(lines) and RULE.match(lines[at + 1]):
            end = at
            while end < len(lines) and "|" in lines[end]:
                end += 1
            self.table(lines[at:end], at)
            return end
        end = at + 1
        quoted = line.lstrip().startswith(">")
        while end < len(lines) and lines[end].strip() and not _begins(lines, end):
            end += 1
        text = "\n".join(lines[at:end])
        if quoted:
            self.block("quotation", plain(re.sub(r"(?m)^\s*>\s?", "", text)), at)
        else:
            self.paragraph(text, at)
        return end

    def heading(self, text: str, at: int, level: int) -> None:
        text = plain(bolded(text))
        name = re.sub(r"^\d+(?:\.\d+)*\.?\s+", "", text)
        if level == 1 and not self.document.blocks:
            self.block("title", text, at)
            return
        self.in_references = name.lower() in ("references", "bibliography")
        self.kind = "abstract" if name.lower() == "abstract" else "paragraph"
        if self.kind == "abstract":
            return
        self.section = name
        if not self.in_references:
            self.block("heading", name, at)

    def paragraph(self, text: str, at: int) -> None:
        for found in PICTURE.finditer(text):
            self.picture(found[2], found[1], found[3] or "", at + text[: found.start()].count("\n"))
        text = PICTURE.sub("", text)
        if self.in_references:
            self.reference(text, at)
            return
        cited = []
        for found in CITED.finditer(text):
            for key in re.findall(r"@?([\w:.\-]+)", found[1]):
                cited.append(key)
                self.document.citations.append(Citation(key, found.group(), f"line {at + 1}"))
        shown = plain(bolded(ITEM.sub("", text)))
        if caption := CAPTION.match(shown):
            self.captioned(caption[1], caption[2], at)
        else:
            self.block(self.kind, shown, at, tuple(cited))

    def captioned(self, what: str, text: str, at: int) -> None:
        blocks = self.document.blocks
        if what.lower() == "table":
            if blocks and blocks[-1].kind == "table" and not blocks[-1].caption:
                last = blocks[-1]
                blocks[-1] = Block("table", "", last.place, last.section, last.rows,
                                   last.header_rows, text)  # fmt: skip
            else:
                self.caption = text
        elif self.document.figures and self.document.figures[-1].caption == "":
            last_figure = self.document.figures.pop()
            self.document.figures.append(
                Figure(last_figure.file, last_figure.path, last_figure.digest, text,
                       last_figure.place, last_figure.alternative)
            )  # fmt: skip
        self.block("caption", text, at)

    def picture(self, file: str, alternative: str, title: str, at: int) -> None:
        path = (self.document.path.parent / file).resolve()
        is_ours = any(path.is_relative_to(root) for root in self.roots) and untrusted.is_file(path)
        caption = plain(title or alternative)
        self.document.figures.append(
            Figure(file, path if is_ours else None, digest_of_file(path) if is_ours else None,
                   caption, f"line {at + 1}", plain(alternative))
        )  # fmt: skip
        self.block("caption", caption, at)

    def table(self, lines: Sequence[str], at: int) -> None:
        rows = []
        for number, line in enumerate(lines):
            if number == 1:
                continue
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            marked = [bolded(each) for each in cells]
            rows.append(tuple(Cell(plain(each), is_bold(each)) for each in marked))
        place = f"line {at + 1}"
        self.document.blocks.append(
            Block("table", "", place, self.section, tuple(rows), 1, self.caption)
        )
        self.caption = ""

    def reference(self, text: str, at: int) -> None:
        for line in re.split(r"\n(?=\s*(?:\[|[-*+]\s|\d+[.)]\s))", text):
            rest = plain(bolded(re.sub(r"^\s*[-*+]\s+", "", line)))
            entry = re.match(r"^\[@?([\w:.\-]+)\][:.]?\s*|^(\d{1,3})[.)]\s+", rest)
            rest = rest[entry.end() :] if entry else rest
            if rest:
                authors, title = split_entry([rest])
                years = YEAR.findall(rest)
                key = (entry[1] or entry[2]) if entry else ""
                self.document.bibliography.append(
                    Reference(key, title, authors, years[-1] if years else "", f"line {at + 1}")
                )

    def block(self, kind: Kind, text: str, at: int, cited: tuple[str, ...] = ()) -> None:
        if text.strip():
            self.document.blocks.append(
                Block(kind, text, f"line {at + 1}", self.section, cited=cited)
            )


def _begins(lines: Sequence[str], at: int) -> bool:
    """Whether something other than a paragraph begins at a line, or an item of a list."""
    line = lines[at]
    table = "|" in line and at + 1 < len(lines) and RULE.match(lines[at + 1])
    return bool(HEADING.match(line) or FENCE.match(line) or ITEM.match(line) or table)


def bolded(text: str) -> str:
    """Markdown of a line as text, with marks of bold."""
    text = LINK.sub(r"\1", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", rf"{BOLD}\2{PLAIN}", text, flags=re.S)
    text = re.sub(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])", r"\1", text)
    text = re.sub(r"(?<![\w_])_(?=\S)([^_]+?)(?<=\S)_(?![\w_])", r"\1", text)
    text = re.sub(r"`+([^`]+)`+", r"\1", text)
    return re.sub(r"\\([\\`*_{}\[\]()#+\-.!|%$&])", r"\1", text)
