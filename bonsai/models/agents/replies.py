"""Files and edits in a model's reply, as models write them and not as they were asked to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bonsai.base import Block, Fence, fence, lines_of, split
from bonsai.execution import problem_of

PATH = re.compile(r"^[\w./\\:~-]*\w\.\w+$")
LABEL = re.compile(r"^(?:file|filename|path)\s*:\s*", re.IGNORECASE)
BULLET = re.compile(r"^(?:[-*+•>#]+|\d+[.)])\s+")
LONGEST_PATH = 250  # characters
MOST_PARSED = 200  # ends of blocks of one reply that are tried by parsing what they make
MOST_GONE = 20  # lines that a file may lose where more than half of it is gone

# aider's own patterns of an edit's three lines
HEAD = re.compile(r"^<{5,9} SEARCH>?\s*$")
DIVIDER = re.compile(r"^={5,9}\s*$")
TAIL = re.compile(r"^>{5,9} REPLACE\s*$")

# Lines that stand for lines that were left out.
WHAT = (
    r"(?:the\s+)?(?:rest|remain\w*|existing|previous|other|same|unchanged|omitted|code|as before)"
)
SAME = r"(?:unchanged|(?:the\s+)?same|as (?:before|above|it (?:is|was)|is)|omitted|untouched|here)"
PARTS = r"(?:file|code|script|program|function|class|method|module|implementation|notes|contents?)"
LINK = r"(?:(?:is|are|stays?|remains?|goes|kept|left)\s+)?"
LEFT_OUT = re.compile(
    rf"^\W*(?:\.{{3}}|…)\W*{WHAT}\b"
    rf"|^\W*(?:the\s+)?(?:rest|remainder)\s+{LINK}{SAME}\W*$"
    rf"|^\W*(?:the\s+)?(?:rest|remainder|remaining)\s+(?:of\s+)?(?:(?:the|this|your)\s+)?{PARTS}\s+"
    rf"{LINK}{SAME}\W*$",
    re.IGNORECASE,
)


class WholeFile(NamedTuple):
    """A file that a reply holds whole.

    Attributes:
        name: the file; as the reply has it where it is none that may be edited.
        text: its contents.
        closed: whether its block is; else the reply broke off.
    """

    name: str
    text: str
    closed: bool


def unix(text: str) -> str:
    """The text with line feeds, whatever ends its lines had."""
    return text.replace("\r\n", "\n")


# ------------------------------------------------------------------------------- names of files


def named_file(line: str) -> str | None:
    """The file that a line names and says nothing else, such as "### `./experiment.py`:"."""
    bare = BULLET.sub("", line.strip()).strip("*#`: \"'")
    bare = LABEL.sub("", bare).strip("*`: \"'")
    return bare if PATH.match(bare) and len(bare) <= LONGEST_PATH else None


def resolve(name: str, files: Sequence[str], workspace: Path) -> str:
    """The editable file that a path in a reply means; the path itself where it means none.

    Models put folders before a name: "./", the workspace's own, or those of another project. A
    path to another file of the workspace is no such case.
    """
    path = name.replace("\\", "/")
    for root in {str(workspace), str(workspace.resolve())}:
        path = path.removeprefix(f"{root}/")
    while path.startswith("./"):
        path = path[2:]
    if path in files:
        return path
    if not path.startswith(("/", "~")) and ".." not in path and (workspace / path).is_file():
        return path
    return max((file for file in files if path.endswith(f"/{file}")), key=len, default=path)


def _heading(above: str, info: str) -> str | None:
    """The file that a block is about: named on the line above it, or on its fence."""
    words = re.sub(r"^\w+:(?=[\w./]+\.\w+$)", "", info).split()  # ```python:experiment.py
    for candidate in (above, *reversed([re.sub(r"^\w+=", "", word) for word in words])):
        if name := named_file(candidate):
            return name
    return None


# ---------------------------------------------------------------------------------- whole files


def longer_fence(texts: Sequence[str]) -> str:
    """A fence that no line of these texts can close, of four backticks at least."""
    runs = [len(run) for text in texts for run in re.findall(r"`{3,}", text)]
    return "`" * max(4, 1 + max(runs, default=0))


def whole_files(text: str, old: Mapping[str, str], workspace: Path) -> list[WholeFile]:
    """The files of a reply: its code blocks that have a file's name, the last of each name.

    Other blocks illustrate something. Where a file holds fences as long as the one around it, a
    program ends where it is a whole program, and another text where its inner blocks pair up.

    Args:
        text: the reply.
        old: the editable files and their texts, empty for those that are missing.
        workspace: the folder that paths are in.
    """
    found: dict[str, WholeFile] = {}
    lines = lines_of(unix(text))
    fences = [(index, it) for index, line in enumerate(lines) if (it := fence(line))]
    parses = MOST_PARSED
    position = 0
    while fences:
        (start, opening), *fences = fences
        above = next((line for line in reversed(lines[position:start]) if line.strip()), "")
        heading = _heading(above.strip(), opening.info)
        name = resolve(heading, list(old), workspace) if heading else ""
        end: int | None = None
        if name.endswith(".py") and parses > 0:
            ends = [index for index, it in fences if it.closes(opening)][:parses]
            parses -= len(ends)
            # The last: it is never closed.
            for place in reversed([*ends, len(lines)] if ends else []):
                inner = "".join(_dedented(lines[start + 1 : place], opening.indent))
                if inner.strip() and problem_of(inner, name) is None:
                    end = place
                    break
        if end is None:
            end = _paired_end(lines, fences, opening, bool(name))
        if name:
            inner = "".join(_dedented(lines[start + 1 : end], opening.indent))
            found[name] = WholeFile(name, inner, end < len(lines))
        fences = [each for each in fences if each[0] > end]
        position = end + 1
    return list(found.values())


def _paired_end(
    lines: Sequence[str], fences: Sequence[tuple[int, Fence]], opening: Fence, nests: bool
) -> int:
    """The index of the line that closes a block, or one past the last line.

    Args:
        lines: all lines.
        fences: those lines behind the opening that are fences, with their indices.
        opening: the fence that opens the block.
        nests: whether there may be blocks within the block.
    """
    ends = [index for index, it in fences if it.closes(opening)]
    inner: Fence | None = None
    for index, it in fences:
        if inner is not None:
            inner = None if it.closes(inner) else inner
        elif it.closes(opening):
            if not (nests and _opens_inner(lines, index, [end for end in ends if end > index])):
                return index
            inner = it
        elif nests and it.marks.startswith(opening.marks):
            inner = it
    return len(lines)


def _opens_inner(lines: Sequence[str], index: int, later: Sequence[int]) -> bool:
    """Whether a fence that may close a block rather opens another in it, without a language.

    Then an empty line or a colon goes before it, its text follows at once, and there are two more
    to close both, before another file begins.
    """
    before = lines[index - 1].strip()
    after = lines[index + 1].strip() if index + 1 < len(lines) else ""
    if (before and not before.endswith(":")) or not after or len(later) < 2:
        return False
    return not any(
        named_file(lines[place])
        and fence(next((line for line in lines[place + 1 :] if line.strip()), ""))
        for place in range(index + 1, later[1])
    )


def _dedented(lines: Sequence[str], indent: str) -> list[str]:
    """Lines without the indentation of their fence, where all of them have it."""
    spaces = re.sub(r"\S", " ", indent)  # of a bullet, too
    if not all(line.startswith(spaces) or not line.strip() for line in lines):
        return list(lines)
    return [line.removeprefix(spaces) for line in lines]


def why_not_written(name: str, old: str, new: str) -> str | None:
    """What shows that a file of a reply is not the whole file; None if nothing does.

    Args:
        name: the file.
        old: its text so far.
        new: what the reply has for it.
    """
    known = {line.strip() for line in old.splitlines()}
    for number, line in enumerate(new.splitlines(), start=1):
        # In notes a sentence may say so of the experiment.
        meant = name.endswith(".py") or line.lstrip()[:1] in set("[(<.…")
        if meant and LEFT_OUT.match(line) and line.strip() not in known:
            return f"line {number} leaves something out ({line.strip()[:60]!r})"
    problem = problem_of(new, name) if name.endswith(".py") else None
    if problem and old.strip() and problem_of(old, name) is None:
        return f"it does not parse: {problem}"
    before, after = len(old.splitlines()), len(new.splitlines())
    if 2 * after < before and before - after > MOST_GONE:
        return f"it has {after} lines of the {before} that the file has"
    return None


# ---------------------------------------------------------------------------- edits, for aider


def tidy_edits(text: str, files: Sequence[str], workspace: Path) -> str:
    """A reply with SEARCH/REPLACE edits in the form in which aider reads them.

    Fences are not indented and of backticks, the file's bare name stands right above. Between
    SEARCH and REPLACE nothing is touched, but that an indentation is taken off which the block has
    as a whole.
    """
    lines, tidy = unix(text).split("\n"), list[str]()
    position = 0
    while position < len(lines):
        line = lines[position]
        if HEAD.match(line.strip()):
            end = next((i for i in range(position, len(lines)) if TAIL.match(lines[i].strip())), 0)
            if not end:
                return "\n".join(tidy + lines[position:])
            _close_up(tidy, files)
            indent = line[: len(line) - len(line.lstrip())]
            tidy += _dedented(lines[position : end + 1], indent)
            position = end + 1
            continue
        opening, name = fence(line), named_file(line)
        if opening is not None:
            inside = _heading("", opening.info)
            if inside and (file := resolve(inside, files, workspace)) in files:
                tidy += [file, "```"]
            else:
                tidy.append(f"```{opening.info}")
        else:
            file = resolve(name, files, workspace) if name else ""
            tidy.append(file if file in files else line)
        position += 1
    return "\n".join(tidy)


def _close_up(tidy: list[str], files: Sequence[str]) -> None:
    """Take the empty lines away between a file's name, the fence, and the edit that follows."""
    while tidy and not tidy[-1].strip():
        tidy.pop()
    if tidy and fence(tidy[-1]):
        opening = tidy.pop()
        kept = len(tidy)
        while kept and not tidy[kept - 1].strip():
            kept -= 1
        if kept and tidy[kept - 1] in files:
            del tidy[kept:]
        tidy.append(opening)


def tidy_diffs(text: str, files: Sequence[str], workspace: Path) -> str:
    """A reply with unified diffs in the form in which aider reads them."""
    tidy = []
    for part in split(unix(text)):
        if isinstance(part, Block) and part.fence.info.split()[:1] == ["diff"]:
            lines = _dedented(lines_of(part.text), part.fence.indent)
            for index in range(len(lines) - 1):
                if lines[index].startswith("--- ") and lines[index + 1].startswith("+++ "):
                    name = lines[index + 1][4:].split("\t")[0].strip().removeprefix("b/")
                    file = resolve(name, files, workspace)
                    if file in files:
                        lines[index : index + 2] = [f"--- {file}\n", f"+++ {file}\n"]
            tidy.append("```diff\n" + "".join(lines) + "```\n" * part.closed)
        else:
            tidy.append(part.raw if isinstance(part, Block) else part)
    return "".join(tidy)


def tidy_whole(
    text: str, old: Mapping[str, str], workspace: Path, marks: str
) -> tuple[str, list[str]]:
    """A reply with whole files in the form in which aider reads them.

    Args:
        text: the reply; as it is returned where no file is found in it.
        old: as in `whole_files`.
        workspace: as there.
        marks: the fence by which aider knows a file's begin and end.

    Returns:
        The reply, without what is not the whole of a file, and a sentence on each such.
    """
    found = whole_files(text, old, workspace)
    if not found:
        return unix(text), []
    tidy, refused = [], []
    for file in found:
        before = old.get(file.name, "")
        if why := why_not_written(file.name, before, file.text):
            refused.append(f"{file.name} was not written, because {why}.")
        else:
            tidy.append(f"{file.name}\n{marks}\n{file.text}{marks}\n")
    return "\n".join(tidy), refused
