"""What a language model writes is Markdown: its code blocks, and what stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Blocks in lists are indented, at times with the bullet on the line of the fence.
FENCE = re.compile(r"^([ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?)(`{3,}|~{3,})([^\n`]*)$")
# What may stand around an answer on its line: bullets, headings, emphasis, quotes, a full stop.
DECORATION = re.compile(r"^(?:[-*+•>#]+|\d+[.)])\s+")
AROUND = "*_~`\"'“”‘’ \t\r"


class Fence(NamedTuple):
    """A line that opens or closes a code block."""

    indent: str
    marks: str  # three or more backticks or tildes
    info: str  # what stands behind them, such as a language

    def closes(self, opening: Fence) -> bool:
        """Whether a block that was opened so ends here: with as many marks of the same kind."""
        return not self.info and self.marks.startswith(opening.marks)


class Block(NamedTuple):
    """A code block.

    Attributes:
        raw: all of it as it stands, with its fences.
        text: what is between them.
        fence: the opening one.
        closed: whether there is a closing one.
    """

    raw: str
    text: str
    fence: Fence
    closed: bool


def lines_of(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def fence(line: str) -> Fence | None:
    """The fence that a line is, if it is one."""
    match = FENCE.match(line.rstrip())
    return Fence(match[1], match[2], match[3].strip()) if match else None


def split(text: str) -> Iterator[str | Block]:
    """The code blocks of a text and what stands between them, in order; together they are all."""
    lines = lines_of(text)
    between, position = "", 0
    while position < len(lines):
        opening = fence(lines[position])
        if opening is None:
            between += lines[position]
            position += 1
            continue
        if between:
            yield between
            between = ""
        end = position + 1
        while end < len(lines) and not ((it := fence(lines[end])) and it.closes(opening)):
            end += 1
        raw, inner = "".join(lines[position : end + 1]), "".join(lines[position + 1 : end])
        yield Block(raw, inner, opening, end < len(lines))
        position = end + 1
    if between:
        yield between


def says(text: str, answer: str) -> bool:
    """Whether a text gives an answer, and does not only mention it.

    It does where the answer has a line of its own outside of code blocks, whatever emphasis or
    bullet is around it, or is the last sentence of all.

    Args:
        text: a reply.
        answer: words that were asked for, such as "ALL_COMPLETED".
    """
    prose = "\n".join(part for part in split(text) if isinstance(part, str))
    lines = [line.strip() for line in prose.splitlines() if line.strip()]
    if any(_bare(line) == answer.lower() for line in lines):
        return True
    if not lines or not text.rstrip().endswith(lines[-1]):
        return False  # the end is a code block's
    return _bare(re.split(r"(?<=[.!])\s+", lines[-1])[-1]) == answer.lower()


def _bare(line: str) -> str:
    return DECORATION.sub("", line).strip(AROUND).rstrip(".!").strip(AROUND).lower()
