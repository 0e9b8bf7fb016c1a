"""The figures of the page: where each mark goes. The templates draw them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bonsai.report import words
from bonsai.report.shapes import IdeaReport, Judged, TemplateReport
from bonsai.templates import History

MAX_ROWS = 30  # ideas in one figure; of more, the surest
MARGIN = 4.0  # per cent of the width left free at both ends
REACH = 6.0  # times the median idea's reach; what lies beyond is drawn as an arrow
MAX_POINTS = 120  # of one curve
MAX_SERIES = 12
WIDTH, HEIGHT = 270.0, 150.0  # of a plot of curves, without its labels


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Row:
    """One claim in a figure; places in per cent of the width.

    Attributes:
        claim: the claim.
        idea: whose it is.
        mean: the mean's place.
        low: the interval's left end, None without one.
        high: its right end.
        seeds: the seeds' places.
        goal: the place of the smallest effect that is claimed; None if any would do.
        beyond: "left" or "right" where the interval goes on beyond the figure, or "left right".
        number: the mean as a number.
        interval: the interval as numbers.
    """

    claim: Judged
    idea: IdeaReport
    mean: float
    low: float | None
    high: float | None
    seeds: list[float]
    goal: float | None
    beyond: str
    number: str
    interval: str


@dataclass(frozen=True)
class Forest:
    """Differences with their intervals below each other: better is right.

    Attributes:
        rows: the claims.
        ticks: of the axis.
        zero: the baseline's place.
        unit: of the axis.
        hidden: how many claims are left out.
    """

    rows: list[Row]
    ticks: list[Tick]
    zero: float
    unit: str
    hidden: int = 0


def forest_of(template: TemplateReport) -> Forest | None:
    """The differences of a template's ideas, the surest of very many; None if there are none."""
    compared = [idea for idea in template.ideas if idea.main.verdict.comparison]
    if not compared:
        return None
    chosen = [idea for idea in template.surest(MAX_ROWS) if idea.main.verdict.comparison]
    pairs = [(idea, idea.main) for idea in chosen]
    drawn = forest(pairs, template.primary.better == "lower", template.digits)
    return replace(drawn, hidden=len(compared) - len(chosen))


def forest(
    judged: Sequence[tuple[IdeaReport, Judged]], lower_is_better: bool, digits: int
) -> Forest:
    """Place claims that have a comparison, the largest gain first.

    Args:
        judged: the claims, all in the same unit.
        lower_is_better: whether the axis runs from more to less.
        digits: after the point.
    """
    sign = -1.0 if lower_is_better else 1.0
    compared = [
        (idea, claim, claim.verdict.comparison)
        for idea, claim in judged
        if claim.verdict.comparison is not None
    ]
    compared.sort(key=lambda each: -sign * each[2].mean)
    spans, everything = [], [0.0]
    for _, claim, comparison in compared:
        ends = [comparison.mean, *comparison.differences]
        ends += [end for end in (comparison.low, comparison.high) if end is not None]
        spans.append(max(map(abs, ends)))
        ends.append(_goal(claim))
        everything += [sign * end for end in ends]
    limit = REACH * sorted(spans)[len(spans) // 2] or max(spans)
    first = min(end for end in everything if abs(end) <= limit)
    last = max(end for end in everything if abs(end) <= limit)
    if first == last:
        first, last = -1.0, 1.0
    # A little of both sides is always seen, so that the baseline is a line and no border.
    first, last = min(first, -0.15 * last), max(last, -0.15 * first)

    def place(value: float) -> float:
        share = (sign * value - first) / (last - first)
        return round(MARGIN + (100 - 2 * MARGIN) * min(1.0, max(0.0, share)), 2)

    rows = []
    for idea, claim, comparison in compared:
        low, high = comparison.low, comparison.high
        ends = [sign * end for end in (low, high, comparison.mean) if end is not None]
        reach = (
            sorted((place(low), place(high)))
            if low is not None and high is not None
            else [None] * 2
        )
        beyond = ["left"] * (min(ends) < first) + ["right"] * (max(ends) > last)
        rows.append(
            Row(
                claim=claim,
                idea=idea,
                mean=place(comparison.mean),
                low=reach[0],
                high=reach[1],
                goal=place(_goal(claim)) if abs(_goal(claim)) > 0 else None,
                seeds=[
                    place(value)
                    for value in comparison.differences
                    if first <= sign * value <= last
                ],
                beyond=" ".join(beyond),
                number=words.signed(comparison.mean, digits),
                interval="" if low is None or high is None else words.interval(low, high, digits),
            )
        )
    ticks = [
        Tick(place(sign * at), "0" if at == 0 else words.signed(sign * at, _decimals(step)))
        for step, at in _ticks(first, last, 5)
    ]
    return Forest(rows, ticks, place(0.0), words.points(compared[0][1].unit))


def _goal(claim: Judged) -> float:
    """The difference from which on a claim holds."""
    claimed = claim.verdict.claim
    return -claimed.smallest_effect if claimed.direction == "lower" else claimed.smallest_effect


@dataclass(frozen=True)
class Line:
    """One run's curve: a path through the mean over seeds, and the band that the seeds span."""

    run: str
    style: int
    path: str
    band: str
    last: str


@dataclass(frozen=True)
class Plot:
    """One series of all runs, in a box of `WIDTH` by `HEIGHT`."""

    name: str
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]
    summary: str


@dataclass(frozen=True)
class Curves:
    """All series of the runs, and how many were left out."""

    plots: list[Plot]
    hidden: int = 0
    unreadable: list[str] = field(default_factory=list)


Points = list[tuple[float, float, float, float]]  # step, mean, lowest, highest


def curves(histories: Mapping[str, History]) -> Curves:
    """Draw every series that has two points at least, run_0 first.

    Args:
        histories: by run, what its `history.json` holds.
    """
    names: dict[str, None] = {}
    for history in histories.values():
        for series in history.seeds.values():
            names.update(dict.fromkeys(series))
    plots = []
    for name in names:
        runs = {run: _points(history, name) for run, history in histories.items()}
        runs = {run: points for run, points in runs.items() if len(points) > 1}
        if runs:
            plots.append(_plot(name, runs, list(histories)))
    return Curves(plots[:MAX_SERIES], max(0, len(plots) - MAX_SERIES))


def _points(history: History, name: str) -> Points:
    """The mean over seeds at the steps that the first of them has, with the range; thinned."""
    import numpy as np

    found = [series[name] for series in history.seeds.values() if name in series]
    found = [each for each in found if each.steps and len(each.steps) == len(each.values)]
    if not found:
        return []
    steps = np.unique(found[0].steps)
    if len(steps) > MAX_POINTS:
        steps = steps[np.linspace(0, len(steps) - 1, MAX_POINTS).round().astype(int)]
    values = []
    for each in found:
        order = np.argsort(each.steps, kind="stable")
        values.append(np.interp(steps, np.array(each.steps)[order], np.array(each.values)[order]))
    table = np.array(values)
    return [
        (float(step), float(column.mean()), float(column.min()), float(column.max()))
        for step, column in zip(steps, table.T, strict=True)
    ]


def _plot(name: str, runs: Mapping[str, Points], order: Sequence[str]) -> Plot:
    every = [point for points in runs.values() for point in points]
    left, right = min(p[0] for p in every), max(p[0] for p in every)
    bottom, top = min(p[2] for p in every), max(p[3] for p in every)
    if not math.isfinite(top - bottom) or not math.isfinite(right - left):
        bottom, top = -1.0, 1.0
    if bottom == top:
        bottom, top = bottom - (abs(bottom) or 1.0) / 2, top + (abs(top) or 1.0) / 2

    def x(step: float) -> float:
        return round((step - left) / ((right - left) or 1.0) * WIDTH, 1)

    def y(value: float) -> float:
        return round((1 - (value - bottom) / (top - bottom)) * HEIGHT, 1)

    def path(pairs: Iterable[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{x(step)},{y(value)}" for step, value in pairs)

    lines = []
    for run, points in runs.items():
        there = [(p[0], p[2]) for p in points]
        back = [(p[0], p[3]) for p in reversed(points)]
        lines.append(
            Line(
                run=run,
                style=order.index(run) % 8,
                path=path((p[0], p[1]) for p in points),
                band=path([*there, *back]) + "Z",
                last=words.number(points[-1][1]),
            )
        )
    ends = ", ".join(f"{line.run} at {line.last}" for line in lines)
    return Plot(
        name=name,
        lines=lines,
        across=[Tick(x(at), words.number(at)) for _, at in _ticks(left, right, 4)],
        up=[Tick(y(at), words.number(at)) for _, at in _ticks(bottom, top, 4)],
        summary=f"{name} from step {words.number(left)} to {words.number(right)}; at the end: "
        f"{ends}.",
    )


SMALLEST_SPAN = 1e-300  # below it, numbers lose the digits that ticks need


def _ticks(first: float, last: float, about: int) -> list[tuple[float, float]]:
    """About so many round numbers between two, each with the step from one to the next."""
    span = last - first
    if span < SMALLEST_SPAN or not math.isfinite(span):
        return [(1.0, first)]
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    begin = math.ceil(first / step - 1e-9)
    return [
        (step, round(number * step, 12))
        for number in range(begin, math.floor(last / step + 1e-9) + 1)
    ]


def _decimals(step: float) -> int:
    return max(0, -math.floor(math.log10(step)))
