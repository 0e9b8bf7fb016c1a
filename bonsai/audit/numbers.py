"""The numbers of a text, each with what stands around it: sign, digits, unit, spread.

A number here is what could be a result. What is no result by its form (years, numbers of figures,
of runs, versions, parts of names) is told apart by `Number.is_label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "%", "points", "times", "s", "ms", "µs", "min", "h", "MB", "GB", "kB"]

NUMBER = re.compile(
    r"(?<![\w.^/\\])(?P<sign>(?<![\d)%])[+\-−])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<power>[eE][+\-]?\d{1,3}(?![\w.])|\s?[×x*·]\s?10\^?\s?\{?(?P<ten>[+\-−]?\d{1,3})\}?)?"
)
SPREAD = re.compile(
    r"\s?(?:±|\+/-|\+-)\s?(?P<spread>\d+(?:\.\d+)?|\.\d+)(?P<power>[eE][+\-]?\d{1,3}(?!\w))?"
)
_UNITS: tuple[tuple[str, Unit, bool], ...] = (
    (
        r"(?:absolute\s)?(?:percentage|per cent|%)[\s-]points?\b|pp\b|p\.p\.|%-points?\b",
        "points",
        True,
    ),
    (r"%|percent\b|per cent\b", "%", True),
    (r"-?fold\b|(?:×|x\b|times\b)(?!\s?10\^?-?\d)(?!\s?\d)", "times", True),
    (r"(?:µs|μs|us)\b|microseconds?\b", "µs", False),
    (r"ms\b|milliseconds?\b|msec\b", "ms", False),
    (r"s\b|secs?\b|seconds?\b", "s", False),
    (r"min\b|mins\b|minutes?\b", "min", False),
    (r"h\b|hrs?\b|hours?\b", "h", False),
    (r"MB\b|MiB\b|megabytes?\b", "MB", False),
    (r"GB\b|GiB\b|gigabytes?\b", "GB", False),
    (r"kB\b|KB\b|kilobytes?\b", "kB", False),
    (r"points?\b", "points", True),
)
UNITS = tuple(
    (re.compile(rf"\s?(?:{pattern})", re.IGNORECASE if folded else 0), unit)
    for pattern, unit, folded in _UNITS
)
WORDS = {
    "twice": 2.0, "double": 2.0, "doubles": 2.0, "doubled": 2.0, "doubling": 2.0, "thrice": 3.0,
    "triple": 3.0, "triples": 3.0, "tripled": 3.0, "tripling": 3.0, "quadruple": 4.0,
    "quadruples": 4.0, "quadrupled": 4.0, "half": 0.5, "halves": 0.5, "halved": 0.5, "halving": 0.5,
}  # fmt: skip
SMALL = {"two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
         "eight": 8.0, "nine": 9.0, "ten": 10.0}  # fmt: skip
WORDED = re.compile(
    rf"\b(?P<word>{'|'.join(sorted(WORDS, key=len, reverse=True))})\b"
    r"|\b(?P<half>half)\s+(?:the|as)\b"
    rf"|\b(?P<small>{'|'.join(SMALL)})(?:-?fold|\s+times)\b",
    re.IGNORECASE,
)
BEFORE_LABEL = re.compile(
    r"(?:\b(?:figures?|figs?\.?|tables?|tabs?\.?|sections?|secs?\.?|eqs?\.?|equations?|algorithms?"
    r"|appendix|chapters?|listings?|lines?|pages?|pp?\.|steps?|versions?|v|python|pytorch|cuda"
    r"|runs?|run|seeds?|theorems?|lemmas?|phases?|stages?|layers?|blocks?|epochs?|folds?|no\.|nr\.|number|experiments?|variants?"
    r"|configurations?|arxiv:?|doi:?|iclr|icml|neurips|gpu|line|model|level|top|rank|ranked|in|since|by|until|c)"
    r"[\s_#~-]*|#|§|\[)$",
    re.IGNORECASE,
)
YEAR = re.compile(r"^(?:19|20)\d\d$")
DIMENSION = re.compile(
    r"^-?[dD]\b|^(?:st|nd|rd|th)\b|^[kKMB]\b|^\s?[×x]\s?\d"
    r"|^[-–]?(?:bit|way|layer|dimensional|hidden|nearest|fold cross)\b",
    re.IGNORECASE,
)
HEX = re.compile(
    r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b|\b\d{4}-\d\d-\d\d\b|\b\d+(?:\.\d+){2,}\b"
    r"|\b\d\d:\d\d\b|\b10\.\d{4,9}/\S+|https?://\S+|\barXiv:?\s?\d{4}\.\d{4,5}",
    re.IGNORECASE,
)
"""Hashes, dates, versions, times of day, identifiers of papers."""


@dataclass(frozen=True)
class Number:
    """A number in a text.

    Attributes:
        text: as it is written, with unit and spread.
        start: where it begins.
        end: where it ends, unit and spread included.
        value: its value, with its sign.
        digits: how many stand after the point; negative where trailing zeros are no digits.
        signed: whether a sign is written.
        unit: of it; `times` for a factor.
        spread: what stands after ±.
        spread_digits: its digits after the point.
        is_label: whether it counts or names, and so is no result by its form.
        step: the size of one in its last digit.
    """

    text: str
    start: int
    end: int
    value: float
    digits: int
    signed: bool = False
    unit: Unit = ""
    spread: float | None = None
    spread_digits: int = 0
    is_label: bool = False
    step: float = 1.0


def numbers(text: str) -> list[Number]:
    """The numbers of a text, in its order.

    Args:
        text: plain text, as `reading` makes it.
    """
    taken = [match.span() for match in HEX.finditer(text)]
    found = [*_digits(text, taken), *_words(text)]
    return sorted(found, key=lambda number: number.start)


def _digits(text: str, taken: list[tuple[int, int]]) -> Iterator[Number]:
    place = 0
    for match in NUMBER.finditer(text):
        if match.start() < place or any(a < match.end() and match.start() < b for a, b in taken):
            continue
        number = _number(text, match)
        if number is not None:
            place = number.end
            yield number


def _number(text: str, match: re.Match[str]) -> Number | None:
    start, end = match.start(), match.end()
    written, sign = match.group("digits"), match.group("sign") or ""
    before, after = text[:start], text[end:]
    if sign and re.search(r"[A-Za-z]$", before):  # a hyphen within a name, as in CIFAR-10
        return None
    letter = re.match(r"[A-Za-z_]", after) and not any(unit.match(after) for unit, _ in UNITS)
    if letter and not re.match(r"(?:k|K|M|B|st|nd|rd|th|[dD])\b", after):
        return None  # the beginning of a name
    if re.match(r"\.\d", after) or (
        re.match(r"[-–][A-Za-z]\w*", after) and not re.match(r"-?fold", after)
    ):
        label = True
    else:
        label = False
    value = float(written.replace(",", ""))
    digits = len(written.split(".")[1]) if "." in written else 0
    step = 10.0**-digits
    power = match.group("power") or ""
    exponent = (
        int((match.group("ten") or power.lstrip("eE") or "0").replace("−", "-")) if power else 0
    )
    value, step, digits = value * 10.0**exponent, step * 10.0**exponent, digits - exponent
    if sign in ("-", "−"):
        value = -value
    spread, spread_digits, unit = None, 0, ""  # type: tuple[float | None, int, Unit]
    found_unit, end = _unit(text, end)
    beside = SPREAD.match(text, end)
    if beside:
        told = beside.group("spread")
        factor = 10.0 ** int((beside.group("power") or "e0")[1:])
        spread, end = float(told) * factor, beside.end()
        spread_digits = len(told.split(".")[1]) if "." in told else 0
        if not found_unit:
            found_unit, end = _unit(text, end)
    unit = found_unit
    label = label or _is_label(before, written, text[match.end() :], unit, spread, sign)
    return Number(
        text[start:end], start, end, value, digits, bool(sign), unit, spread, spread_digits, label,
        step,
    )  # fmt: skip


def _unit(text: str, place: int) -> tuple[Unit, int]:
    rest = text[place : place + 30]
    for pattern, unit in UNITS:
        if found := pattern.match(rest):
            return unit, place + found.end()
    return "", place


def _is_label(
    before: str, written: str, after: str, unit: str, spread: float | None, sign: str
) -> bool:
    if spread is not None:
        return False
    if DIMENSION.match(after):
        return True
    if re.search(r"[A-Za-z][-–]$", before):
        return True
    whole = "." not in written
    close = BEFORE_LABEL.search(before[-24:])
    if close and whole and not unit and not sign:
        word = close.group().strip(" _#~-").lower()
        if word in ("in", "since", "by", "until"):
            return bool(YEAR.match(written))
        return True
    if YEAR.match(written) and not unit and not sign:
        return bool(re.search(r"[(,;]\s*$|\b(?:in|since|of|by)\s*$", before)) or after[:1] in (
            ")",
            ";",
        )
    return False


def _words(text: str) -> Iterator[Number]:
    for match in WORDED.finditer(text):
        word = (match.group("word") or match.group("half") or "").lower()
        value = WORDS[word] if word else SMALL[match.group("small").lower()]
        if word == "double" and re.match(
            r"[\s-]+(?:precision|blind|descent|check|q)\b", text[match.end() :]
        ):
            continue
        yield Number(match.group(), match.start(), match.end(), value, 0, unit="times", step=0.5)
