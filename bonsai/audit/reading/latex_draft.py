"""The text of a paper in LaTeX as it is put together: paragraphs, labels, citations."""

from __future__ import annotations

import re
from collections import Counter

from bonsai.audit.document import Block, Citation, Document, Figure, Kind
from bonsai.audit.reading.expanding import Expanded
from bonsai.audit.reading.inline import Inline, reference
from bonsai.audit.reading.latex_references import IN_WORDS, cited_as
from bonsai.audit.reading.wording import REF, REF_END, plain


class Draft:
    """Puts a document together.

    Attributes:
        kind: of the paragraphs that are being read.
        section: the heading that they stand below.
        pieces: of the paragraph; `begun` is where it began, in the whole.
        cited: keys that it cites.
        current: the number that a label takes.
        offset: where the text that is being read begins in the whole.
    """

    def __init__(self, document: Document, expanded: Expanded) -> None:
        """Begin."""
        self.document, self.expanded = document, expanded
        self.inline = Inline(self.raw, self.cite, self.refer, self.footnote)
        self.kind: Kind = "paragraph"
        self.section = ""
        self.pieces: list[str] = []
        self.begun: int | None = None
        self.cited: list[str] = []
        self.footnotes: list[tuple[str, int]] = []
        self.counts: Counter[str] = Counter()
        self.current = ""
        self.numbers: dict[str, str] = {}
        self.referred: list[Citation] = []
        self.offset = 0

    def finish(self) -> None:
        """Put in the numbers of labels, and note which there are not."""
        self.flush()
        pattern = re.compile(f"{REF}([^{REF_END}]*){REF_END}")

        def numbered(text: str) -> str:
            return pattern.sub(lambda found: self.numbers.get(found[1], "??"), text)

        self.document.blocks = [
            Block(
                each.kind, numbered(each.text), each.place, numbered(each.section), each.rows,
                each.header_rows, numbered(each.caption), each.cited,
            )
            for each in self.document.blocks
        ]  # fmt: skip
        self.document.figures = [
            Figure(each.file, each.path, each.digest, numbered(each.caption), each.place)
            for each in self.document.figures
        ]
        labels = self.document.labels
        self.document.missing_labels = [each for each in self.referred if each.key not in labels]

    def words(self, text: str, at: int) -> None:
        """Words, in which an empty line ends a paragraph."""
        for number, piece in enumerate(re.split(r"\n[ \t]*\n\s*", text)):
            if number:
                self.flush()
            if piece.strip() or self.pieces:
                blank = len(piece) - len(piece.lstrip())
                self.say(piece, at + text.find(piece) + blank)

    def say(self, text: str, at: int) -> None:
        """Add words to the paragraph."""
        if self.begun is None and text.strip():
            self.begun = self.offset + at
        self.pieces.append(text)

    def flush(self) -> None:
        """End the paragraph."""
        text = plain("".join(self.pieces))
        if text and self.begun is not None:
            self.block(self.kind, text, self.begun - self.offset, cited=tuple(self.cited))
        self.pieces, self.begun, self.cited = [], None, []
        notes, self.footnotes = self.footnotes, []
        for note, at in notes:
            self.block("paragraph", plain(note), at - self.offset)

    def block(
        self, kind: Kind, text: str, at: int, cited: tuple[str, ...] = (), **more: object
    ) -> None:
        """Put a block into the document, if there is text in it."""
        if text or kind == "table":
            self.document.blocks.append(
                Block(kind, text, self.place(at), self.section, cited=cited, **more)  # type: ignore[arg-type]
            )

    def place(self, at: int) -> str:
        """Where a position stands, for people."""
        return self.expanded.place(self.offset + at)

    def raw(self, number: int) -> str:
        """What stands for a piece that is not read as LaTeX."""
        return self.expanded.raw[number][2] if 0 <= number < len(self.expanded.raw) else ""

    def label(self, key: str) -> None:
        """Note a label, and its number."""
        self.document.labels.add(key.strip())
        self.numbers.setdefault(key.strip(), self.current or "1")

    def refer(self, command: str, key: str, at: int) -> str:
        """Note a reference to a label; its number comes when all are known."""
        self.referred.append(Citation(key, f"\\{command}{{{key}}}", self.place(at)))
        return reference(key)

    def footnote(self, text: str, at: int) -> None:
        """Keep a footnote until the paragraph is over."""
        self.footnotes.append((text, self.offset + at))

    def cite(self, command: str, keys: list[str], at: int) -> str:
        """Note citations, and say how they are printed."""
        by_key = {each.key: each for each in self.document.bibliography}
        told = [cited_as(command, key, by_key.get(key)) for key in keys]
        place = self.place(at)
        self.document.citations += [
            Citation(key, text, place) for key, text in zip(keys, told, strict=True)
        ]
        self.cited += keys
        text = "; ".join(told)
        if command == "nocite":
            return ""
        return text if command.lower() in IN_WORDS or text.startswith("[") else f"({text})"
