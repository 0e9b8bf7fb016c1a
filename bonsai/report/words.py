"""Numbers and names as people read them, the same on the pages and in `report.md`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bonsai.evaluation import Comparison, Word

MARKS: dict[Word, str] = {"supported": "▲", "refuted": "▼", "undecided": "○", "no result": "–"}
"""A mark for each verdict, so that colour is never the only sign."""


@dataclass(frozen=True)
class Wording:
    """What a sweep judges, as its readers meet it.

    Attributes:
        one: one of them.
        many: several.
        a: any of them.
        is_judged: what a verdict is on.
        untried: what there is none of without a baseline.
        owner: in whose hands it was before its verdict.
        edited: whether it is edited here.
        measured: the figures that it is brought forward with.
        first: what its claims stood in the ledger before.
        drawer: whose plot.py draws its plots.
        unseen: what is to be known of fresh seeds.
        worked_with: of the seeds before them.
        steps: those that are no runs.
    """

    one: str
    many: str
    a: str
    is_judged: str
    untried: str
    owner: str
    edited: bool
    measured: str
    first: str
    drawer: str
    unseen: str
    worked_with: str
    steps: str

    def count(self, number: int) -> str:
        """So many of them."""
        return counted(number, self.one, self.many)


IDEAS = Wording(
    one="idea",
    many="ideas",
    a="an idea",
    is_judged="an idea's best run, chosen by a validation metric,",
    untried="no idea was tried",
    owner="the agent",
    edited=True,
    measured="the agent itself measured",
    first="the first edit",
    drawer="idea",
    unseen="that no agent saw",
    worked_with="that the agent worked with",
    steps="agent and plots",
)
PROGRAMS = Wording(
    one="program",
    many="programs",
    a="a program",
    is_judged="a program, just as it was brought,",
    untried="no program was judged",
    owner="the template",
    edited=False,
    measured="is said of it elsewhere",
    first="the program was taken",
    drawer="template",
    unseen="that nobody saw before",
    worked_with="of the template",
    steps="other steps",
)


def wording(brought: bool) -> Wording:
    """How to speak of what a sweep judges.

    Args:
        brought: whether these are programs that were brought, which nobody edits here.
    """
    return PROGRAMS if brought else IDEAS


# What a page must not hold: control characters, halves of characters, and marks that turn the
# direction of text around, with which a model could make a page say what it does not.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_COLOUR_CODE = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


def clean(text: str) -> str:
    """Text of any origin without what no page should hold; line ends stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _COLOUR_CODE.sub("", text))


def number(value: float) -> str:
    """A metric's value in four significant digits."""
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e9:
        return _minus(f"{value:,.0f}")
    return _minus(f"{value:.4g}")


def spread(mean: float, stderr: float | None) -> str:
    """A mean with its standard error, both as exact as the error allows."""
    if not stderr or not math.isfinite(stderr):
        return number(mean)
    digits = digits_for(stderr)
    return f"{fixed(mean, digits)} ± {fixed(stderr, digits)}"


def signed(value: float, digits: int) -> str:
    """A difference, always with its sign."""
    text = fixed(value, digits)
    return text if text.startswith("−") or float(text.replace(",", "")) == 0 else f"+{text}"


def interval(low: float, high: float, digits: int) -> str:
    """Both ends of an interval of differences."""
    return f"{signed(low, digits)} to {signed(high, digits)}"


def share(ends: tuple[float, float]) -> str:
    """Both ends of an interval of a proportion."""
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"


def digits_of(comparisons: Iterable[Comparison]) -> int:
    """How many digits after the point say all that the intervals' widths leave to be said."""
    widths = sorted(
        (each.high - each.low) / 2
        for each in comparisons
        if each.low is not None and each.high is not None and each.high > each.low
    )
    return digits_for(widths[len(widths) // 2]) if widths else 2


def p_value(p: float | None) -> str:
    """A p-value; a dash where there is none."""
    if p is None:
        return "–"
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def points(unit: str) -> str:
    """The unit of a difference; empty where there is none."""
    return "percentage points" if unit == "%" else unit


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size(length: int) -> str:
    """A number of bytes or characters, for people."""
    if length < 10_000:
        return f"{length:,}"
    return f"{length / 1e3:,.0f} thousand" if length < 1e6 else f"{length / 1e6:.1f} million"


def version(number: int) -> str:
    """A version of a search as its branch is called; 0 is the template itself."""
    return f"c{number:04d}" if number else "the template"


def counted(count: int, thing: str, things: str | None = None) -> str:
    """A count with its noun: 1 idea, 2 ideas."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def digits_for(width: float) -> int:
    """Digits after the point that give `width` with two significant ones."""
    return max(0, min(6, 1 - math.floor(math.log10(width))))


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point."""
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "−")
