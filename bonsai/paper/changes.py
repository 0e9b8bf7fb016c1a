"""The change that an idea's program makes, as a listing: code alone, without comments."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Sequence
from typing import Literal

from bonsai.paper.composing import Part, code, compose
from bonsai.paper.document import Listing
from bonsai.report import story, words

MOST_LINES = 90  # of a listing; the rest is in the file
MOST_WIDTH = 96  # characters of a line; what is longer is cut
SIGNS: dict[str, Literal["+", "-", " "]] = {"add": "+", "del": "-", "same": " "}


def listing_of(
    before: Sequence[str], after: Sequence[str], run: str, against: Part, file: str
) -> Listing | None:
    """What `after` has other than `before`; None where code is the same.

    Args:
        before: lines of the program that the idea started from.
        after: lines of the run's program.
        run: the run's name.
        against: whose program `before` is.
        file: where the program lies in the results folder.
    """
    found = story.compare(without_comments(before), without_comments(after), "")
    lines = [line for line in found.lines if line.kind != "gap" or line is not found.lines[0]]
    if not lines:
        return None
    shown = lines[:MOST_LINES]
    more = len(lines) - len(shown) + found.left_out
    rest = f" {words.counted(more, 'line')} more are in the file." if more else ""
    return Listing(
        caption=compose(
            "What {run} changes in the {experiment} of {against}, without comments and docstrings; "
            "added lines begin with a plus, removed ones with a minus. The whole is in "
            "{file}.{rest}",
            run=code(run), experiment=code("experiment.py"), against=against, file=code(file),
            rest=rest,
        ),
        language="python",
        lines=["…" if line.kind == "gap" else _cut(line.text) for line in shown],
        marks=[SIGNS.get(line.kind, " ") for line in shown],
    )  # fmt: skip


def without_comments(lines: Sequence[str]) -> list[str]:
    """Python without comments, docstrings and empty lines; as it is where it cannot be read."""
    text = "\n".join(lines) + "\n"
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return [
            line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")
        ]
    gone: dict[int, int] = {}  # by line, from which column it is a comment
    dropped: set[int] = set()
    begins = True  # whether a statement begins here
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type == tokenize.COMMENT:
            gone[token.start[0]] = token.start[1]
        elif token.type == tokenize.STRING and begins and after.type in (
            tokenize.NEWLINE, tokenize.COMMENT,
        ):  # fmt: skip
            dropped.update(range(token.start[0], token.end[0] + 1))
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            begins = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENCODING):
            begins = False
    kept = []
    for number, line in enumerate(text.splitlines(), 1):
        shown = line[: gone[number]] if number in gone else line
        if number not in dropped and shown.strip():
            kept.append(shown.rstrip())
    return kept


def _cut(line: str) -> str:
    line = words.clean(line.expandtabs(4))
    return line if len(line) <= MOST_WIDTH else line[: MOST_WIDTH - 1] + "…"
