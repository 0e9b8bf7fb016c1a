"""References in BibTeX: read by one reader, for those who write papers and those who check them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

MOST_CHARACTERS = 1_000_000  # of what is read; the rest is left alone


@dataclass(frozen=True)
class Entry:
    """A reference.

    Attributes:
        key: what it is cited by.
        kind: e.g. `article`, in lower case.
        fields: by name in lower case, as they are written.
        line: where it begins, counted from 1.
    """

    key: str
    kind: str
    fields: dict[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def title(self) -> str:
        """Its title as plain text."""
        return plain(self.fields.get("title", ""))

    @property
    def year(self) -> str:
        """Its year; empty where it has none."""
        return plain(self.fields.get("year", "") or self.fields.get("date", ""))[:4]

    @property
    def authors(self) -> list[str]:
        """Its authors' family names."""
        found = [plain(name) for name in re.split(r"\s+and\s+", self.fields.get("author", ""))]
        return [
            name.split(",")[0].strip() if "," in name else name.split()[-1]
            for name in found
            if name
        ]


@dataclass(frozen=True)
class Bibliography:
    """What a file of references holds.

    Attributes:
        entries: by key; of several with one key, the first.
        repeated: keys that stand there more than once.
        faults: what cannot be read, one sentence each.
    """

    entries: dict[str, Entry]
    repeated: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read(text: str) -> Bibliography:
    """Read references in BibTeX; what cannot be read is told, and takes nothing else with it."""
    from bibtexparser.entrypoint import parse_string  # here: it takes a while to load
    from bibtexparser.model import DuplicateBlockKeyBlock

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # the faults are told below
    library = parse_string(text[:MOST_CHARACTERS])
    found = {
        each.key: Entry(
            each.key,
            each.entry_type.lower(),
            {one.key.lower(): " ".join(str(one.value).split()) for one in each.fields},
            (each.start_line or 0) + 1,
        )
        for each in library.entries
    }
    repeated, faults = [], []
    for block in library.failed_blocks:
        if isinstance(block, DuplicateBlockKeyBlock):
            repeated.append(str(block.key))
        else:
            faults.append(f"line {(block.start_line or 0) + 1}: {block.error}")
    return Bibliography(found, repeated, faults)


def plain(text: str) -> str:
    """A field of BibTeX as plain text, without its braces and commands."""
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        found = LatexNodes2Text(keep_comments=True).latex_to_text(text)
    except Exception:  # whatever is wrong with it, it is only to be shown
        found = text
    return " ".join(re.sub(r"[{}]", "", found).split())
