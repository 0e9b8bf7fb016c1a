"""Letters joined to words, by where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bonsai.audit.reading.pdf_pages import Glyph
from bonsai.audit.reading.wording import BOLD, PLAIN

GAP = 0.17  # of the font's size: a wider one is a space
LINE = 0.55  # of it: what lies further up or down is another line
HYPHENS = "-\u2010\u00ad"


def joined(glyphs: Sequence[Glyph], hyphenated: Iterable[str] = ()) -> str:
    """Letters in their order as text, with marks of bold; a word parted at a line's end is one.

    Args:
        glyphs: the letters.
        hyphenated: words that are known to have a hyphen, in lower case: theirs is kept.
    """
    kept = set(hyphenated)
    pieces: list[str] = []
    bold = False
    before: Glyph | None = None
    for each in glyphs:
        if before is not None:
            if is_new_line(before, each):
                _end_line(pieces, each, kept)
            elif _is_raised(before, each) and _ends(pieces, "10"):
                pieces.append("^")
            elif each.x0 - before.x1 > GAP * max(before.size, each.size) and not (
                _ends(pieces, " ") or each.text.isspace()
            ):
                pieces.append(" ")
        if each.bold != bold and not each.text.isspace():
            pieces.append(BOLD if each.bold else PLAIN)
            bold = each.bold
        pieces.append(each.text)
        before = each
    return "".join(pieces) + (PLAIN if bold else "")


def indented(glyphs: Sequence[Glyph], left: float) -> str:
    """A line of code with the spaces before it."""
    wide = max(0.1, glyphs[0].x1 - glyphs[0].x0)
    indent = " " * min(80, round((glyphs[0].x0 - left) / wide))
    return indent + joined(glyphs).replace(BOLD, "").replace(PLAIN, "")


def is_new_line(before: Glyph, after: Glyph) -> bool:
    """Whether a letter stands on another line than the one before it."""
    size = max(before.size, after.size)
    return abs(after.base - before.base) > LINE * size or after.x0 < before.x0 - 2 * size


def _is_raised(before: Glyph, after: Glyph) -> bool:
    return after.size < 0.85 * before.size and after.base > before.base + 0.15 * before.size


def _ends(pieces: list[str], text: str) -> bool:
    return "".join(each for each in pieces[-4:] if each not in (BOLD, PLAIN)).endswith(text)


def _end_line(pieces: list[str], following: Glyph, kept: set[str]) -> None:
    line = "".join(each for each in pieces[-60:] if each not in (BOLD, PLAIN)).rstrip()
    if line[-1:] in HYPHENS and line and following.text[:1].islower():
        word = re.search(r"[^\W\d_]*[-\u2010\u00ad]$", line)
        begins = (word.group()[:-1] if word else "").lower()
        if begins and not (line[-1] == "-" and any(one.startswith(f"{begins}-") for one in kept)):
            while pieces and pieces[-1][-1:] not in HYPHENS:
                pieces.pop()
            pieces[-1] = pieces[-1][:-1]
        return
    if not _ends(pieces, " "):
        pieces.append(" ")
