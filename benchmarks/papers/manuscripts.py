"""What papers are written on: text in which every part that can be wrong is known, and how."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.papers.studies import Measure, Study
from bonsai.report.intervals import welch

Kind = Literal[
    "digit", "run", "sign", "unit", "rounding", "exchanged", "ablation", "citation", "figure",
    "significant", "spread", "stale",
]  # fmt: skip
KINDS: dict[Kind, str] = {
    "digit": "digit swapped",
    "run": "wrong run",
    "sign": "wrong sign",
    "unit": "wrong unit",
    "rounding": "rounding that helps",
    "exchanged": "better/worse exchanged",
    "ablation": "invented ablation",
    "citation": "invented citation",
    "figure": "figure of another run",
    "significant": '"significant" for undecided',
    "spread": "± taken for another n",
    "stale": "stale number of an earlier run",
}
MARK = re.compile("\x02(\\d+)\x03")
MACRO = re.compile("\\\\newcommand{(\\\\\\w+)}{\x02(\\d+)\x03}")
UNITS = {"s": ["ms", "min", "h"], "min": ["s", "h"], "ms": ["s"], "µs": ["ms"], "h": ["min"],
         "MB": ["GB"]}  # fmt: skip
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 8: "eight", 10: "ten"}


@dataclass
class Slot:
    """A part of a text, and what would be wrong in its place, by kind of error."""

    text: str
    errors: dict[Kind, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A piece of a rendered paper: where it stands, and what of it can be wrong."""

    text: str
    first: int
    last: int
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Planted:
    """An error in a paper.

    Attributes:
        kind: what was done.
        right: what stood there.
        wrong: what stands there now.
        block: where, with the error in it; of a PDF its lines are 0, and its text is all that a
            row about it can quote.
    """

    kind: Kind
    right: str
    wrong: str
    block: Block


class Draft:
    """A paper in the making: text in LaTeX, with marks where something could be wrong.

    Attributes:
        study: what it is about.
        percent: whether shares are shown as percent.
        percent_sign: how.
        slots: by the number of their mark.
    """

    def __init__(self, study: Study, percent: bool = False, percent_sign: str = r"\,\%") -> None:
        """Begin."""
        self.study = study
        self.percent = percent
        self.percent_sign = percent_sign
        self.slots: list[Slot] = []

    def mark(self, text: str, errors: dict[Kind, list[str]]) -> str:
        """A mark for a text that can be wrong."""
        wrong = {kind: [one for one in texts if one != text] for kind, texts in errors.items()}
        self.slots.append(Slot(text, {kind: texts for kind, texts in wrong.items() if texts}))
        return f"\x02{len(self.slots) - 1}\x03"

    # How values are written.

    def scale(self, measure: Measure) -> float:
        """What a value is multiplied by to be shown."""
        return 100.0 if measure.fraction and self.percent else 1.0

    def digits(self, measure: Measure) -> int:
        """How many stand after the point."""
        return max(0, measure.digits - 2) if self.scale(measure) > 1 else measure.digits

    def shown(self, measure: Measure, value: float, digits: int | None = None) -> str:
        """A value as this author writes it, without its unit."""
        places = self.digits(measure) if digits is None else digits
        return f"{value * self.scale(measure):.{places}f}"

    def unit(self, measure: Measure) -> str:
        """A measure's unit as this author writes it; empty where it has none."""
        if measure.unit == "%" or self.scale(measure) > 1:
            return self.percent_sign
        if not measure.unit:
            return ""
        wrong = UNITS.get(measure.unit, [])
        return self.mark(f"~{measure.unit}", {"unit": [f"~{each}" for each in wrong]})

    def head(self, measure: Measure) -> str:
        """A measure in the head of a table, with its unit."""
        if measure.unit == "%" or self.scale(measure) > 1:
            return rf"{measure.short} (\%)"
        if not measure.unit or measure.unit in measure.short.lower():
            return measure.short
        wrong = UNITS.get(measure.unit, [])
        return f"{measure.short} ({self.mark(measure.unit, {'unit': wrong})})"

    # What can be wrong.

    def mean(
        self, run: str, measure: Measure, dataset: str = "", digits: int | None = None,
        unit: bool = True,
    ) -> str:  # fmt: skip
        """The mean of a run."""
        study, places = self.study, self.digits(measure) if digits is None else digits
        truth = study.mean(run, measure, dataset)
        right = self.shown(measure, truth, places)
        others = {
            self.shown(measure, study.mean(other, measure, dataset), places)
            for other in study.trials if other != run
        } - {right}  # fmt: skip
        errors: dict[Kind, list[str]] = {
            "digit": [each for each in swapped(right) if each not in others],
            "run": sorted(others),
            "rounding": helped(truth * self.scale(measure), places, measure.better),
        }
        if measure.unit == "%" or self.scale(measure) > 1:
            errors["unit"] = [f"{float(right) / 100:.{places + 2}f}"]
        if truth < 0:
            errors["sign"] = [right.lstrip("-")]
        stale = study.stale.get((run, measure.key))
        if stale is not None and dataset in ("", study.datasets[0]):
            errors["stale"] = [self.shown(measure, stale, places)]
        return self.mark(right, errors) + (self.unit(measure) if unit else "")

    def spread(self, run: str, measure: Measure, dataset: str = "", digits: int = 0) -> str:
        """The standard error of a run, where there are several seeds."""
        places = digits or self.digits(measure)
        error = self.study.error(run, measure, dataset)
        right, count = self.shown(measure, error, places), self.study.seeds
        wrong = [error * count**0.5, error / 2]  # the deviation; the error of four times the seeds
        apart = [
            text for text in (self.shown(measure, each, places) for each in wrong)
            if abs(float(text) - float(right)) > 1.5 * 10**-places
        ]  # fmt: skip
        return self.mark(right, {"spread": apart[:1]})

    def difference(
        self, run: str, against: str, measure: Measure, dataset: str = "", signed: bool = True
    ) -> str:
        """How much higher a run is, with its sign; or by how much they differ, without."""
        study, places = self.study, self.digits(measure)
        gain = study.mean(run, measure, dataset) - study.mean(against, measure, dataset)

        def form(each: float) -> str:
            shown = each * self.scale(measure)
            return f"{shown:+.{places}f}" if signed else f"{abs(shown):.{places}f}"

        right = form(gain)
        errors: dict[Kind, list[str]] = {"digit": swapped(right)}
        others = [
            study.mean(other, measure, dataset) - study.mean(against, measure, dataset)
            for other in study.trials if other not in (run, against)
        ]  # fmt: skip
        errors["run"] = [form(each) for each in others if each]
        if signed and float(right):
            errors["sign"] = [right.translate(str.maketrans("+-", "-+"))]
        return self.mark(right, errors)

    def relative(self, run: str, against: str, measure: Measure, dataset: str = "") -> str:
        """By how many percent they differ, without a sign."""
        before = self.study.mean(against, measure, dataset)
        change = 100 * abs(self.study.mean(run, measure, dataset) - before) / abs(before)
        right = f"{change:.1f}"
        return self.mark(right, {"digit": swapped(right)}) + self.percent_sign

    def ratio(self, run: str, against: str, measure: Measure, dataset: str = "") -> str:
        """A run over another, to two digits."""
        study = self.study
        right = f"{study.mean(run, measure, dataset) / study.mean(against, measure, dataset):.2f}"
        return self.mark(right, {"digit": swapped(right)})

    def gains(self, run: str, against: str, measure: Measure, dataset: str = "") -> bool:
        """Whether a run is better than another."""
        study = self.study
        gain = study.mean(run, measure, dataset) - study.mean(against, measure, dataset)
        return (gain > 0) == (measure.better == "higher")

    def verb(
        self, run: str, against: str, measure: Measure, dataset: str = "",
        better: str = "improves on", worse: str = "falls behind",
    ) -> str:  # fmt: skip
        """A word for which of two is better; the other one is wrong."""
        right, wrong = better, worse
        if not self.gains(run, against, measure, dataset):
            right, wrong = wrong, right
        return self.mark(right, {"exchanged": [wrong]})

    def sign_word(
        self, run: str, against: str, measure: Measure, dataset: str = "",
        more: str = "rises", less: str = "falls",
    ) -> str:  # fmt: skip
        """A word for which of two is larger; the other one has the wrong sign."""
        study = self.study
        up = study.mean(run, measure, dataset) > study.mean(against, measure, dataset)
        return self.mark(more if up else less, {"sign": [less if up else more]})

    def surely(self, run: str, against: str, measure: Measure, word: str = "significantly ") -> str:
        """`significantly` where the seeds carry it; where they surely do not it is wrong."""
        state = self.state(run, against, measure)
        if state == "decided":
            return word
        return self.mark("", {"significant": [word]} if state == "undecided" else {})

    def state(self, run: str, against: str, measure: Measure) -> str:
        """What seeds say of a difference: decided, undecided, or too near to either to be told."""
        study = self.study
        decided, undecided = [], []
        for dataset in study.datasets:
            interval = welch(
                study.per_seed(run, measure, dataset), study.per_seed(against, measure, dataset)
            )
            if interval is None:
                decided.append(False)
                undecided.append(True)
                continue
            low, high = interval
            middle, reach = (low + high) / 2, (high - low) / 2
            decided.append(abs(middle) > 1.3 * reach)
            undecided.append(abs(middle) < 0.7 * reach and not self._paired(run, against, measure))
        return "decided" if all(decided) else "undecided" if all(undecided) else "near"

    def _paired(self, run: str, against: str, measure: Measure) -> bool:
        """Whether a comparison seed by seed might tell them apart on some data set."""
        for dataset in self.study.datasets:
            gains = [
                one - other
                for one, other in zip(
                    self.study.per_seed(run, measure, dataset),
                    self.study.per_seed(against, measure, dataset),
                    strict=True,
                )
            ]
            error = statistics.stdev(gains) / len(gains) ** 0.5
            if abs(statistics.fmean(gains)) > error * 1.5:
                return True
        return False

    def seeds(self, capital: bool = False) -> str:
        """How many seeds a run has, in words, as in `three seeds`."""
        count = self.study.seeds
        right = f"{NUMBERS[count]} seed" + ("s" if count > 1 else "")
        wrong = [f"{NUMBERS[each]} seeds" for each in (3, 5, 10) if each not in (count, 1)]
        texts = [each.capitalize() if capital else each for each in (right, *wrong)]
        return self.mark(texts[0], {"spread": texts[1:]})

    def error_word(self) -> str:
        """What stands behind ±; of two seeds, one may be called the other (numpy's `ddof`)."""
        wrong = ["standard deviation"] if self.study.seeds > 2 else []
        return self.mark("standard error", {"spread": wrong})

    def cite(self, number: int, command: str = "citep") -> str:
        """A citation; wrong is a key that the bibliography does not have."""
        key = list(self.study.references)[number]
        wrong = ["liu2023unified", "garcia2022rethinking", "tanaka2024towards"]
        cited = self.mark(key, {"citation": [f"{key},{wrong[number]}", wrong[number]]})
        return rf"\{command}{{{cited}}}"

    def related(self, command: str = "citep") -> str:
        """The study's sentences on others' work."""
        cited = [self.cite(number, command) for number in range(3)]
        text = self.study.words.related.format(*cited)
        return text + self.mark("", {"citation": [
            " Similar ideas were explored by Hoffmann et al. (2023) in a larger setting.",
            r" A survey is given in \cite{okafor2024survey}.",
        ]})  # fmt: skip

    def picture(self, name: str) -> str:
        """A figure's file; wrong is the same figure of another run."""
        of = self.study.pictures[name][0]
        others = [
            other for other, (run, what) in self.study.pictures.items()
            if of and run not in ("", of) and what == self.study.pictures[name][1]
        ]  # fmt: skip
        return self.mark(name, {"figure": others})

    def invented(self, *texts: str) -> str:
        """A place where something could be told that nobody did."""
        return self.mark("", {"ablation": list(texts)})

    # The whole.

    def render(self, text: str, planted: Iterable[tuple[int, str]] = ()) -> str:
        """The paper as it is read, with some of its slots replaced."""
        wrong = dict(planted)
        return MARK.sub(
            lambda found: wrong.get(int(found[1]), self.slots[int(found[1])].text), text
        )

    def blocks(self, text: str, planted: Iterable[tuple[int, str]] = ()) -> list[Block]:
        """Its pieces, parted by empty lines, with the lines that they have once it is rendered.

        What a macro stands for is a part of the pieces that use it.
        """
        planted = list(planted)
        macros = dict(MACRO.findall(text))
        found, line = [], 1
        for piece in text.split("\n\n"):
            told = self.render(piece, planted)
            count = told.count("\n")
            used = [] if "\\newcommand" in piece else [
                slot for macro, slot in macros.items() if macro + "{" in piece
            ]  # fmt: skip
            own = [] if "\\newcommand" in piece else MARK.findall(piece)
            found.append(Block(told, line, line + count, tuple(map(int, [*own, *used]))))
            line += count + 2
        return found


def swapped(text: str) -> list[str]:
    """A number with two digits exchanged, where that moves it by more than its last place."""
    found = []
    places = len(text.split(".")[1]) if "." in text else 0
    for at in range(len(text) - 1):
        one, two = text[at], text[at + 1]
        if one.isdigit() and two == "." and at + 2 < len(text):
            other = text[:at] + text[at + 2] + "." + one + text[at + 3 :]
        elif one.isdigit() and two.isdigit():
            other = text[:at] + two + one + text[at + 2 :]
        else:
            continue
        digits = other.lstrip("+-")
        if digits.startswith("0") and not digits.startswith("0.") and len(digits) > 1:
            continue
        if abs(float(other) - float(text)) > 2.5 * 10**-places:
            found.append(other)
    if not found:  # one digit, or all alike
        at = max(number for number, each in enumerate(text) if each.isdigit())
        found = [text[:at] + str((int(text[at]) + 4) % 10) + text[at + 1 :]]
    return found


def helped(value: float, places: int, better: str) -> list[str]:
    """A value rounded the way that helps, where it is surely not the nearest."""
    unit = 10.0**-places
    up = better == "higher"
    nearest = round(value / unit)
    off = (value / unit - nearest) * (1 if up else -1)
    if not 0.05 < off < 0.4:  # what rounds to the helping side anyway, or nearly so
        return []
    return [f"{(nearest + (1 if up else -1)) * unit:.{places}f}"]
