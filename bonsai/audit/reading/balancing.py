r"""LaTeX made well-formed, so that no parser stumbles: what opens is closed, and not too deep.

pylatexenc's walker forgives what is not closed, but takes time that doubles with every level of it,
and time that grows with the square of a text's length. So what has no partner is blanked out, with
all positions kept, and a text is given to it in parts that end where nothing is open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_NESTED = 40  # groups, environments and formulas within each other
DOCUMENT = "document"  # the environment that all the others are in
MOST_OPEN = 1000  # of what waits for its end; of more, the rest is blanked out at once
PART = 10_000  # characters of a part, if something can be parted there
MOST_PART = 30_000  # of a longer one, a space parts it

_TOKEN = re.compile(
    r"\\begin\s*\{(?P<begin>[^{}]{0,60})\}|\\end\s*\{(?P<end>[^{}]{0,60})\}"
    r"|(?P<formula>\\[()\[\]])|\\.|(?P<group>[{}])|(?P<money>\$\$?)"
    r"|(?P<blank>\n[ \t]*\n)|(?P<space> )",
    re.S,
)
_CLOSES = {"}": "{", r"\)": r"\(", r"\]": r"\["}
# Brackets that no command of LaTeX itself has, and that its argument stands behind.
_HALF_RULE = re.compile(r"(\\cmidrule\s*(?:\[[^\]]*\])?\s*)(\([^()\n]*\))")


@dataclass
class Balanced:
    """A well-formed text, and where it may be parted: at positions at which nothing is open."""

    text: str
    breaks: list[int]

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """From where to where the parts of a piece of it go."""
        inside = [each for each in self.breaks if start < each < end]
        found, begin = [], start
        for this, following in zip(inside, [*inside[1:], end], strict=False):
            if this - begin >= PART or following - begin > MOST_PART:
                found.append((begin, this))
                begin = this
        return [*found, (begin, end)]


def balanced(text: str) -> Balanced:
    """A text in which all that opens is closed; of the rest nothing is left but spaces."""
    text = _HALF_RULE.sub(lambda found: found[1] + " " * len(found[2]), text)
    balancer = _Balancer()
    for each in _TOKEN.finditer(text):
        balancer.take(each)
    balancer.drop_open(0)
    pieces, last = [], 0
    for start, end in sorted(balancer.dropped):
        pieces += [text[last:start], " " * (end - start)]
        last = end
    return Balanced("".join([*pieces, text[last:]]), balancer.breaks)


class _Balancer:
    def __init__(self) -> None:
        self.open: list[tuple[str, int, int]] = []  # what, from, to
        self.dropped: list[tuple[int, int]] = []
        self.breaks: list[int] = []
        self.last = 0

    def take(self, found: re.Match[str]) -> None:
        start, end = found.span()
        if DOCUMENT in (found["begin"], found["end"]):
            return
        if found["blank"] or found["space"]:
            if not self.open and (found["blank"] or start - self.last > MOST_PART // 2):
                self.breaks.append(start)
                self.last = start
        elif found["begin"] is not None:
            self.push("begin " + found["begin"].strip(), start, end)
        elif found["end"] is not None:
            self.pop("begin " + found["end"].strip(), start, end)
        elif found["money"]:
            mark = found["money"]
            if self.open and self.open[-1][0] == mark:
                self.open.pop()
            elif mark == "$$" and self.open and self.open[-1][0] == "$":
                self.open.pop()  # two formulas that touch
                self.push("$", start + 1, end)
            else:
                self.push(mark, start, end)
        elif (mark := found["group"] or found["formula"]) is not None:
            if mark in _CLOSES:
                self.pop(_CLOSES[mark], start, end)
            else:
                self.push(mark, start, end)

    def push(self, what: str, start: int, end: int) -> None:
        if len(self.open) < MOST_OPEN:
            self.open.append((what, start, end))
        else:
            self.dropped.append((start, end))

    def pop(self, what: str, start: int, end: int) -> None:
        at = next((n for n in range(len(self.open) - 1, -1, -1) if self.open[n][0] == what), None)
        # A brace closes no environment over it, and a formula no group.
        if at is None or (
            what[0] != "b" and any(each[0][0] == "b" for each in self.open[at + 1 :])
        ):
            self.dropped.append((start, end))
            return
        self.drop_open(at + 1)
        _, begin, begin_end = self.open.pop()
        if len(self.open) >= MOST_NESTED:
            self.dropped += [(begin, begin_end), (start, end)]

    def drop_open(self, least: int) -> None:
        """Blank out what is open, and has no end."""
        for _, start, end in self.open[least:]:
            self.dropped.append((start, end))
        del self.open[least:]
