"""The marks between which an engine may change a program, and what stays frozen outside of them.

OpenEvolve and ShinkaEvolve know them; to Python, aider and The AI Scientist they are comments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import zip_longest

from bonsai.base import BonsaiError

START = "# EVOLVE-BLOCK-START"
END = "# EVOLVE-BLOCK-END"
# A line that either engine takes for a mark: they look for it in comments of any language.
_MARK = re.compile(r"^\W*EVOLVE-BLOCK-(START|END)\b")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # as Python counts lines, with their ends
MOST_SHOWN = 80  # characters of a line, in a sentence


def mark(source: str) -> str:
    """The same program, with all that is its science between two comments.

    Outside of them stay the module's docstring, imports from `__future__`, and the block
    `if __name__ == "__main__":` with whatever follows it. A program that has marks keeps them.

    Raises:
        BonsaiError: it does not parse, or has marks that do not go together.
    """
    if _marks(lines := _LINE.findall(source)):
        if _outside(lines) is None:
            raise BonsaiError(
                "experiment.py has EVOLVE-BLOCK marks that do not go together: each "
                f"`{START}` needs an `{END}` after it; mend them, or remove them all"
            )
        return source
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        raise BonsaiError(f"experiment.py does not parse ({error}); mend it") from error
    main = next((each for each in body if _is_main(each)), None)
    head = [each for each in body[: _head(body)] if each is not main]
    before = head[-1].end_lineno or 0 if head else _comments(lines)
    rest = body[len(head) :]
    if rest and rest[0].lineno <= before:  # both on one line
        before = 0
    after = main.lineno - 1 if main is not None else len(lines)
    while before < after and not lines[before].strip():
        before += 1
    while after > before and not lines[after - 1].strip():
        after -= 1
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += end
    return "".join([*lines[:before], START + end, *lines[before:after], END + end, *lines[after:]])


def frozen_part_problem(initial: str, candidate: str) -> str | None:
    """What a candidate changed outside of the marks, as a sentence; None: nothing.

    Blanks at the ends of lines, kinds of line ends, and blank lines at both ends of the file are
    no change.
    """
    expected = _outside(_LINE.findall(initial))
    assert expected is not None, "see `mark`"
    found = _outside(_LINE.findall(candidate))
    if found is None or len(found) != len(expected):
        return (
            f"It edits the harness: the lines `{START}` and `{END}` must stay as they are, "
            f"and there must be {len(expected) - 1} of each."
        )
    for before, after in zip(expected, found, strict=True):
        if before == after:
            continue
        for old, new in zip_longest(before, after):
            if old != new:
                return (
                    "It edits the harness: what lies outside of the EVOLVE-BLOCK marks is frozen, "
                    f"and there {_shown(old)} became {_shown(new)}."
                )
    return None


def _outside(lines: Sequence[str]) -> list[list[str]] | None:
    """The lines before, between and after the marked blocks; None: the marks do not go together."""
    parts: list[list[str]] = [[]]
    inside = False
    for line in lines:
        if (found := _MARK.match(line)) is None:
            if not inside:
                parts[-1].append(line.rstrip())
            continue
        if (found[1] == "START") is inside:
            return None
        inside = not inside
        if not inside:
            parts.append([])
    if inside or len(parts) == 1:
        return None
    while parts[0] and not parts[0][0]:
        parts[0].pop(0)
    while parts[-1] and not parts[-1][-1]:
        parts[-1].pop()
    return parts


def _marks(lines: Sequence[str]) -> bool:
    return any(_MARK.match(line) for line in lines)


def _head(body: Sequence[ast.stmt]) -> int:
    """How many statements must come first: a docstring, and imports from `__future__`."""
    count = 0
    match body[:1]:
        case [ast.Expr(value=ast.Constant(value=str()))]:
            count = 1
    while count < len(body):
        statement = body[count]
        if not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        count += 1
    return count


def _comments(lines: Sequence[str]) -> int:
    """How many lines of comments come first: what starts the program, its encoding, a licence."""
    count = 0
    while count < len(lines) and lines[count].startswith("#"):
        count += 1
    return count


def _is_main(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`."""
    match statement:
        case ast.If(test=ast.Compare(left=left, comparators=[right])):
            sides = {ast.dump(left), ast.dump(right)}
            wanted = (ast.Name("__name__", ast.Load()), ast.Constant("__main__"))
            return sides == {ast.dump(each) for each in wanted}
    return False


def _shown(line: str | None) -> str:
    if line is None:
        return "the end"
    text = line.strip()
    text = text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"
    return f"`{text}`" if text else "a blank line"
