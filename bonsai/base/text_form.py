"""The form of a text file: its encoding, its byte order mark, the ends of its lines.

Agents see UTF-8 with line feeds, and what they write is given the form that the file had; so an
edit changes the lines that it means to change, and no others.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections import Counter
from itertools import takewhile
from typing import NamedTuple

from bonsai.base.errors import BonsaiError

BOMS = {  # the longest first: that of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
BLANK = re.compile(rb"^[ \t\f]*(?:#.*)?$")
LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r)|([^\r\n]+)")
MOST_COMPARED = 1_000_000  # pairs of lines; beyond, what was changed counts as one piece


class TextFile(NamedTuple):
    """A text file's contents and form.

    Attributes:
        text: the contents, with a line feed at the end of each line.
        ends: the end that each line has in the file; the last may have none.
        encoding: a Python codec's name.
        bom: the byte order mark, if there is one.
        by_cookie: whether a Python program says the encoding itself.
    """

    text: str
    ends: tuple[str, ...]
    encoding: str
    bom: bytes = b""
    by_cookie: bool = False

    def encoded(self, text: str) -> bytes:
        """A new text in this file's form; that of the same text is the file, byte for byte.

        Lines that were there keep their ends, new ones get the one that most have. A file whose
        last line has no end keeps it so while that line is the last.

        Raises:
            BonsaiError: a character is not in the file's encoding; the text says which, and where.
        """
        new = text.replace("\r\n", "\n").replace("\r", "\n")
        encoding = self.encoding
        if self.by_cookie:  # a program that says something else from now on is to be read so
            encoding = _cookie(new.encode("utf-8", "replace")) or "utf-8"
        pieces = [line + end for line, end in _with_ends(self, new)]
        try:
            return self.bom + "".join(pieces).encode(encoding)
        except UnicodeEncodeError as error:
            line = "".join(pieces)[: error.start].count("\n") + 1
            raise BonsaiError(
                f"it is encoded as {encoding}, which has no {error.object[error.start]!r} "
                f"(line {line}); write that in other characters"
            ) from error


def decode(content: bytes, name: str = "") -> TextFile:
    """A file's text and form; any bytes have one.

    Args:
        content: the file's bytes.
        name: its name; programs in Python say their encoding in a comment.
    """
    for bom, encoding in BOMS.items():
        if content.startswith(bom) and (text := _try(content[len(bom) :], encoding)) is not None:
            return _file(text, encoding, bom)
    cookie = _cookie(content) if name.endswith(".py") else None
    if cookie and (text := _try(content, cookie)) is not None:
        return _file(text, cookie, by_cookie=True)
    for encoding in (*_without_bom(content), "utf-8", "cp1252"):
        if (text := _try(content, encoding)) is not None:
            return _file(text, encoding)
    return _file(content.decode("latin-1"), "latin-1")  # which any bytes are


def plain_text(content: bytes, name: str = "") -> str:
    """A file's text, with a line feed at the end of each line, whatever form it has."""
    return decode(content, name).text


def _file(text: str, encoding: str, bom: bytes = b"", by_cookie: bool = False) -> TextFile:
    lines = _lines(text)
    plain = "".join(line + ("\n" if end else "") for line, end in lines)
    return TextFile(plain, tuple(end for _, end in lines), encoding, bom, by_cookie)


def _lines(text: str) -> list[tuple[str, str]]:
    """Each line and its end."""
    return [(found[1] or found[3] or "", found[2] or "") for found in LINE.finditer(text)]


def _try(content: bytes, encoding: str) -> str | None:
    """The text, if it comes back as the same bytes."""
    try:
        text = content.decode(encoding)
        text.encode("utf-8")  # as agents are to see it
        return text if text.encode(encoding) == content else None
    except (UnicodeError, LookupError):
        return None


def _cookie(content: bytes) -> str | None:
    """The encoding that a Python program says it has, in one of its first two lines."""
    first, *rest = re.split(rb"\r\n|\r|\n", content[:2000], maxsplit=2)
    for line in [first, *rest[:1]] if BLANK.match(first) else [first]:
        if match := COOKIE.match(line):
            try:
                name = codecs.lookup(match[1].decode("ascii")).name
                return name if "a".encode(name) == b"a" else None  # as Python has it
            except (LookupError, UnicodeError):
                return None
    return None


def _without_bom(content: bytes) -> list[str]:
    """UTF-16 without its mark, where every other byte of a text is zero, as for most of Latin."""
    half = len(content) // 2
    if len(content) % 2 or not half:
        return []
    zeros = content[1::2].count(0), content[::2].count(0)
    if zeros[0] > 0.7 * half and zeros[1] < 0.1 * half:
        return ["utf-16-le"]
    if zeros[1] > 0.7 * half and zeros[0] < 0.1 * half:
        return ["utf-16-be"]
    return []


def _with_ends(old: TextFile, text: str) -> list[tuple[str, str]]:
    """The lines of a new text, each with the end that it gets."""
    counted = Counter(end for end in old.ends if end)
    usual = counted.most_common(1)[0][0] if counted else "\n"
    before = [line for line, _ in _lines(old.text)]
    lines = _lines(text)
    after = [line for line, _ in lines]
    ends = [usual if end else "" for _, end in lines]
    for start, new_start, size in _unchanged(before, after, len(counted) > 1):
        for offset in range(size):
            ends[new_start + offset] = old.ends[start + offset] or usual
    if before and after and before[-1] == after[-1] and not old.ends[-1]:
        ends[-1] = ""  # agents end the last line, whether it was ended or not
    elif lines and not lines[-1][1]:
        ends[-1] = ""
    for place, (line, end) in enumerate(zip(after[1:], ends[1:], strict=True)):
        if not line and end == "\n" and ends[place] == "\r":
            ends[place] = "\r\n"  # else the two ends would be read as one
    return list(zip(after, ends, strict=True))


def _unchanged(before: list[str], after: list[str], mixed: bool) -> list[tuple[int, int, int]]:
    """Runs of lines that are in both, as where they begin and how long they are."""
    if not mixed:
        return []  # all lines have the same end
    pairs = list(zip(before, after, strict=False))
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    least = min(len(before), len(after)) - head
    back = zip(reversed(before), reversed(after), strict=False)
    tail = min(least, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], back)))
    runs = [(0, 0, head), (len(before) - tail, len(after) - tail, tail)]
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) * len(new) <= MOST_COMPARED:
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        runs += [(head + i, head + j, size) for i, j, size in matcher.get_matching_blocks()]
    return runs
