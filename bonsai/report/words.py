"""Numbers and names as people read them, the same on the pages and in `report.md`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from bonsai.evaluation import Comparison, Word

MARKS: dict[Word, str] = {"supported": "▲", "refuted": "▼", "undecided": "○", "no result": "–"}
"""A mark for each verdict, so that colour is never the only sign."""

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
    digits = _digits(stderr)
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
    return _digits(widths[len(widths) // 2]) if widths else 2


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


def counted(count: int, thing: str, things: str | None = None) -> str:
    """A count with its noun: 1 idea, 2 ideas."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def _digits(width: float) -> int:
    """Digits after the point that give `width` with two significant ones."""
    return max(0, min(6, 1 - math.floor(math.log10(width))))


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point."""
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "−")
