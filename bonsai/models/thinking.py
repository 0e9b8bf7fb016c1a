"""What a model thought, cut from what it answers.

Reasoning models write their thoughts before the answer, and services often leave them in: between
tags, or with the closing tag alone where the chat template had opened it. A draft in there is no
edit. Tags within a fenced block, within a SEARCH/REPLACE block or within a line of code are part of
the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

ENDED_THINKING = "The reply ended while thinking, so there is no answer in it."
ONLY_THINKING = "The reply was nothing but thinking; there is no answer in it."

TAG = re.compile(
    r"<(?P<end>/?)(?P<name>think|thinking|reasoning|thought)>|\[(?P<end2>/?)(?P<name2>THINK)\]",
    re.IGNORECASE,
)
FENCE = re.compile(r"[ \t]*(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$")
SEARCH = re.compile(r"[ \t]*<{5,9} SEARCH\b")
REPLACE = re.compile(r"[ \t]*>{5,9} REPLACE\b")
NAMES_A_FILE = re.compile(r"[ \t]*[*#`]*[ \t]*[\w./-]*\w\.\w+[`*:]*[ \t]*$")
MOST_NESTED = 8  # tags that close, looked at for thinking within thinking
MOST_LOOKED_AT = 1000  # characters of a line on either side of a tag
QUOTES = "\"'`"


@dataclass(frozen=True)
class Answer:
    """A reply without its thinking.

    Attributes:
        text: the answer proper.
        lack: why there is none, as a sentence; None if there is one, or nothing was thought.
    """

    text: str
    lack: str | None = None


@dataclass(frozen=True)
class _Tag:
    start: int
    end: int
    closes: bool
    name: str


def with_thinking(thought: str, answer: str) -> str:
    """A reply as it is recorded whose service told thinking and answer apart."""
    return f"<think>\n{thought}\n</think>\n\n{answer}" if thought.strip() else answer


def answer_in(reply: str) -> Answer:
    """The answer of a reply, all thinking cut out."""
    kept: list[str] = []
    position, thought = 0, False
    while (tag := _next_tag(reply, position)) is not None:
        thought = True
        if tag.closes:  # the chat template had opened it
            kept.clear()
            position = tag.end
        else:
            closing = _closing(reply, tag)
            if closing is None:
                return Answer("", ENDED_THINKING)
            kept.append(reply[position : tag.start])
            position = closing.end
        position = _after(reply, position, at_start=not any(map(str.strip, kept)))
    if not thought:
        return Answer(reply)
    text = "".join([*kept, reply[position:]])
    return Answer(text) if text.strip() else Answer("", ONLY_THINKING)


def _after(text: str, position: int, *, at_start: bool) -> int:
    """Where the answer goes on: the empty lines after thinking belong to neither."""
    blank = re.compile(r"(?:[ \t]*\r?\n)+" if at_start else r"[ \t]*\r?\n").match(text, position)
    return blank.end() if blank else position


def _tags(text: str, start: int, end: int) -> Iterator[_Tag]:
    for found in TAG.finditer(text, start, end):
        closes = bool(found["end"] or found["end2"])
        name = found["name"] or f"[{found['name2']}]"
        yield _Tag(found.start(), found.end(), closes, name.lower())


def _next_tag(text: str, start: int) -> _Tag | None:
    """The first tag from `start` on that is no part of the answer proper."""
    position, above = start, ""
    while position < len(text):
        line_end = _line_end(text, position)
        line = text[position:line_end]
        block_end = None
        if fence := FENCE.match(line):
            block_end = _end_of_fence(text, line_end + 1, fence["marks"])
        elif SEARCH.match(line):
            block_end = _end_of_block(text, line_end + 1, REPLACE)
        if block_end is not None:
            end, closed = block_end
            if (tag := _end_of_thinking(text, line_end, end, closed)) is not None:
                return tag
            position, above = end, ""
            continue
        spoken_of: set[str] = set()
        for tag in _tags(text, position, line_end):
            if tag.closes and tag.name in spoken_of:
                continue
            if _is_live(*_around(text, tag, position), tag.closes):
                return tag
            spoken_of.add(tag.name)
        above = line.strip() or above
        position = line_end + 1
    return None


def _around(text: str, tag: _Tag, start: int) -> tuple[str, str]:
    """What stands before a tag on its line, from `start` on, and what after it."""
    first = max(start, tag.start - MOST_LOOKED_AT)
    first = max(first, text.rfind("\n", first, tag.start) + 1)
    after = text[tag.end : tag.end + MOST_LOOKED_AT].partition("\n")[0]
    return text[first : tag.start], after


def _is_live(before: str, after: str, closes: bool) -> bool:
    """Whether a tag outside of blocks opens or closes thinking: not one that is spoken of."""
    if not before.strip():
        return True
    if _quoted(before, after):
        return False
    if closes and not after.strip():
        return True
    return before.rstrip()[-1] in ".!?:…)>]。" and before.count('"') % 2 == 0


def _quoted(before: str, after: str) -> bool:
    """Whether a tag stands within a text of its line, as in `prompt = "<think>"`."""
    if before[-1:] in tuple(QUOTES) and before[-1:] in after:
        return True
    return any(before.count(mark) % 2 == 1 and mark in after for mark in '"`')


def _closing(text: str, opening: _Tag) -> _Tag | None:
    """The tag that closes the thinking; drafts within need not be whole, so blocks do not count.

    Thinking within thinking is closed first, if there are as many tags that close as that open.
    """
    found: list[_Tag] = []
    quoted = None
    depth = 1
    for tag in _tags(text, opening.end, len(text)):
        if tag.name != opening.name:
            continue
        before, after = _around(text, tag, opening.end)
        alone = not before.strip() or not after.strip()
        if _quoted(before, after) and not (alone and tag.closes):
            quoted = quoted or (tag if tag.closes else None)
            continue
        depth += -1 if tag.closes else 1
        if tag.closes:
            found.append(tag)
        if depth == 0 or len(found) == MOST_NESTED:
            break
    if not found:
        return quoted
    return found[-1] if depth == 0 else found[0]


def _end_of_thinking(text: str, start: int, end: int, closed: bool) -> _Tag | None:
    """The closing tag in what seems to be a block, if the block is a draft that was left open.

    So it is if the block never ends, or if what follows the tag begins a block of its own.
    """
    last: _Tag | None = None
    opened: set[str] = set()
    for tag in _tags(text, start, end):
        if not tag.closes:
            opened.add(tag.name)
        if tag.name in opened:
            continue  # both are the block's
        if tag.closes and not "".join(_around(text, tag, start)).strip():
            last = tag
    if last is None or not closed:
        return last
    above = ""
    for line in text[last.end : end].splitlines():
        if SEARCH.match(line):
            return last
        if fence := FENCE.match(line):
            return last if fence["info"].strip() or NAMES_A_FILE.match(above) else None
        above = line if line.strip() else above
    return None


def _end_of_fence(text: str, position: int, marks: str) -> tuple[int, bool]:
    """Where the block ends that a fence opened, and whether another fence closed it."""
    while position < len(text):
        line_end = _line_end(text, position)
        line = text[position:line_end]
        if SEARCH.match(line):
            position, closed = _end_of_block(text, line_end + 1, REPLACE)
            if not closed:
                return position, False
            continue
        stripped = line.strip()
        if stripped.startswith(marks) and not stripped.strip(marks[0]):
            return line_end + 1, True
        position = line_end + 1
    return len(text), False


def _end_of_block(text: str, position: int, last: re.Pattern[str]) -> tuple[int, bool]:
    while position < len(text):
        line_end = _line_end(text, position)
        if last.match(text[position:line_end]):
            return line_end + 1, True
        position = line_end + 1
    return len(text), False


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found
