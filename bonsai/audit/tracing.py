"""Whether a stated number is a known value, in the digits, unit and form that it is stated in."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bonsai.audit.facts import Compared, Facts, Measured, Metric, kind_of
from bonsai.audit.numbers import Number
from bonsai.audit.subjects import is_fraction

SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "min": 60.0, "h": 3600.0}
BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
TIME_WORDS = ("time", "seconds", "latency", "duration")
MOST_PAIRS = 2_000  # of runs whose differences are looked at
SLACK = 1e-6  # of half a step: what binary fractions lose


@dataclass(frozen=True)
class Candidate:
    """What a stated number may be.

    Attributes:
        value: as it would be stated, in its unit.
        told: what it is, in words, with the value on record.
        source: where that stands.
        run: the run that it is of.
        metric: the metric that it is of.
        gain: whether a larger value favours the paper's own run: `True` if so, `False` if a smaller
            one does, None where that is not known.
        sign: of a difference: +1 if the metric is higher in the run, -1 if lower, else 0.
    """

    value: float
    told: str
    source: str
    run: str = ""
    metric: str = ""
    gain: bool | None = None
    sign: int = 0


Fit = Literal["fits", "rounded", "near", "no"]


def fit(number: Number, value: float, *, roughly: bool = False) -> Fit:
    """How a value fits a stated number.

    Args:
        number: what is stated; its sign counts.
        value: what is known, in the same unit.
        roughly: whether the text says that it is no exact figure.

    Returns:
        `fits`: it rounds to the number. `rounded`: it does not, but is less than one of the last
        digit away. `near`: the text says roughly, and it is within a twentieth. `no`: none of it.
    """
    distance = abs(value - number.value)
    step = number.step
    if distance <= step * (0.5 + SLACK) + 1e-12:
        return "fits"
    if roughly and distance <= max(step, 0.05 * abs(value)):
        return "near"
    if number.unit == "times" and number.step >= 0.5 and distance <= 0.1 * abs(value):
        return "near"  # twice is said of 1.9 as well
    if distance < step * (1 - SLACK):
        return "rounded"
    return "no"


def scales(number: Number, metric: Metric, facts: Facts) -> list[float]:
    """By what a metric's value is multiplied to be stated in a number's unit; none: it cannot be.

    Args:
        number: what is stated.
        metric: the metric.
        facts: tell whether its values are fractions.
    """
    unit, own = number.unit, metric.unit.split(" ")[0]
    if is_time(metric):
        base = SECONDS.get({"us": "µs", "μs": "µs", "sec": "s", "seconds": "s"}.get(own, own), 1.0)
        if unit in SECONDS:
            return [base / SECONDS[unit]]
        return [1.0] if unit in ("", "times") else []
    if own in BYTES or unit in BYTES:
        if own in BYTES and unit in BYTES:
            return [BYTES[own] / BYTES[unit]]
        return [1.0] if unit == "" or own == "" else []
    if unit in SECONDS:
        return [1.0] if unit == own else []
    if own == "%":
        if unit in ("%", "points"):
            return [1.0]
        return [1.0, 0.01] if abs(number.value) <= 1 else [1.0]
    if is_fraction(metric, facts):
        if unit in ("%", "points"):
            return [100.0]
        return [1.0, 100.0] if abs(number.value) > 1 else [1.0]
    return [1.0] if unit in ("", "points") else []


def is_time(metric: Metric) -> bool:
    """Whether a metric is a time."""
    own = metric.unit.split(" ")[0].lower()
    if own in ("s", "ms", "µs", "μs", "us", "min", "h", "sec", "seconds"):
        return True
    words = metric.name.lower().replace("_", " ").split()
    return not metric.unit and any(word in words for word in TIME_WORDS)


def levels(
    number: Number, runs: Iterable[str], metrics: Iterable[Metric], datasets: Sequence[str],
    facts: Facts, *, seeds: bool = False,
) -> Iterator[Candidate]:  # fmt: skip
    """The values of metrics in runs, as the number's unit has them.

    Args:
        number: what is stated.
        runs: names of runs.
        metrics: the metrics.
        datasets: names of data sets; empty: all.
        facts: what is on record.
        seeds: whether values of single seeds count as well.
    """
    metrics = list(metrics)
    for run in runs:
        for metric in metrics:
            found = _of(facts, run, metric.name, datasets)
            for factor in scales(number, metric, facts):
                for each in found:
                    yield _level(each, each.mean, factor, metric, "")
                    if seeds:
                        for value in each.values:
                            yield _level(each, value, factor, metric, " on one seed")
                if len(found) > 1:
                    means = [each.mean for each in found]
                    # An author may have averaged what the paper shows, which is rounded.
                    shown = [round(mean * factor, max(0, number.digits)) / factor for mean in means]
                    for some in (means, shown):
                        mean = statistics.fmean(some)
                        yield _level(found[0], mean, factor, metric, " on average over data sets")


def _of(facts: Facts, run: str, metric: str, datasets: Sequence[str]) -> list[Measured]:
    return [each for each in facts.of(run, metric) if not datasets or each.dataset in datasets]


def _level(each: Measured, value: float, factor: float, metric: Metric, how: str) -> Candidate:
    where = f" on {each.dataset}" if each.dataset and not how.startswith(" on average") else ""
    unit = f" {metric.unit}" if metric.unit else ""
    gain = None if metric.better is None else metric.better == "higher"
    return Candidate(
        value * factor, f"{each.metric} of {each.run}{where}{how} is {value:.6g}{unit}",
        each.source, each.run, each.metric, gain,
    )  # fmt: skip


def stale(
    number: Number, runs: Iterable[str], metrics: Iterable[Metric], facts: Facts
) -> Iterator[Candidate]:
    """Values that an earlier run of the same name had."""
    names = set(runs)
    for metric in metrics:
        for each in facts.measured:
            if each.stale and each.metric == metric.name and each.run in names:
                for factor in scales(number, metric, facts):
                    yield _level(each, each.mean, factor, metric, " in an earlier run of that name")


def differences(
    number: Number, ones: Iterable[str], others: Iterable[str], metrics: Iterable[Metric],
    datasets: Sequence[str], facts: Facts,
) -> Iterator[Candidate]:  # fmt: skip
    """How much two runs differ, absolutely, in percent and as a ratio; always as a positive value.

    Args:
        number: what is stated; a factor is only held against ratios.
        ones: names of the runs that are spoken of.
        others: names of those that they are compared with.
        metrics: the metrics.
        datasets: names of data sets; empty: all.
        facts: what is on record.
    """
    metrics, ones, others = list(metrics), list(ones), list(others)
    if len(ones) * len(others) > MOST_PAIRS:  # of many ideas each is compared with the baseline
        others = [name for name in others if facts.runs[name].is_baseline] or others[:1]
    for metric in metrics:
        for one in ones:
            for other in others:
                if one == other or kind_of(one) != kind_of(other):
                    continue
                pairs = [
                    (first, second)
                    for first in _of(facts, one, metric.name, datasets)
                    for second in _of(facts, other, metric.name, datasets)
                    if first.dataset == second.dataset
                ]
                for first, second in pairs:
                    yield from _compared(
                        number, first.mean, second.mean, metric, first, second.run, facts
                    )
                if len(pairs) > 1:
                    first_mean = statistics.fmean(first.mean for first, _ in pairs)
                    second_mean = statistics.fmean(second.mean for _, second in pairs)
                    yield from _compared(
                        number,
                        first_mean,
                        second_mean,
                        metric,
                        pairs[0][0],
                        other,
                        facts,
                        "average ",
                    )
                    relative = [
                        (first.mean - second.mean) / abs(second.mean)
                        for first, second in pairs if second.mean
                    ]  # fmt: skip
                    if number.unit == "%" and relative:
                        mean = 100 * statistics.fmean(relative)
                        yield Candidate(
                            abs(mean), f"{metric.name} of {one} is {mean:+.4g} % off that of "
                            f"{other} on average", pairs[0][0].source, one, metric.name, None,
                            _sign(mean),
                        )  # fmt: skip


def _compared(
    number: Number, first: float, second: float, metric: Metric, each: Measured, other: str,
    facts: Facts, how: str = "",
) -> Iterator[Candidate]:  # fmt: skip
    difference = first - second
    where = f" on {each.dataset}" if each.dataset and not how else ""
    what = f"{how}{metric.name} of {each.run}{where} is {first:.6g}, of {other} {second:.6g}"
    sign = _sign(difference)
    base = (each.source, each.run, metric.name, True, sign)
    if number.unit == "times":
        # `half of` is said of the run itself; `twice as fast` may be said of either.
        ways = ((first, second),) if number.value < 1 else ((first, second), (second, first))
        for one, two in ways:
            if two:
                yield Candidate(abs(one / two), f"{what}: {one / two:.4g} times", *base)
        return
    for factor in scales(number, metric, facts):
        # Of the values as they are, and of those that the paper shows, which are rounded.
        rounded = [round(value * factor, max(0, number.digits)) for value in (first, second)]
        for gap in (abs(difference) * factor, abs(rounded[0] - rounded[1])):
            yield Candidate(gap, f"{what}: a difference of {difference:+.4g}", *base)
    if number.unit == "%" and second:
        relative = 100 * difference / abs(second)
        yield Candidate(abs(relative), f"{what}: {relative:+.4g} %", *base)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def verdict_values(number: Number, metrics: Iterable[Metric], facts: Facts) -> Iterator[Candidate]:
    """Figures of the verdicts on some metrics: differences, ends of intervals, p-values."""
    names = {metric.name for metric in metrics}
    for each in facts.compared:
        if not names or each.metric in names:
            yield from of_verdict(number, each, facts)


def of_verdict(number: Number, each: Compared, facts: Facts) -> Iterator[Candidate]:
    """The figures of one verdict."""
    metric = facts.metrics.get(each.metric)
    for factor in (scales(number, metric, facts) if metric else []) or [1.0]:
        for value, what in (
            (each.mean, "the difference"),
            (each.low, "its interval's lower end"),
            (each.high, "its interval's upper end"),
        ):
            if value is not None:
                told = f"{what} in {each.metric} of {each.run} to {each.against} is {value:+.4g}"
                yield Candidate(value * factor, told, each.source, each.run, each.metric)
    if each.p is not None:
        yield Candidate(each.p, f"the p-value of that claim is {each.p:.4g}", each.source)


def deviations(
    number: Number, runs: Iterable[str], metrics: Iterable[Metric], datasets: Sequence[str],
    facts: Facts,
) -> Iterator[Candidate]:  # fmt: skip
    """Standard errors and deviations between seeds."""
    metrics = list(metrics)
    for run in runs:
        for metric in metrics:
            for each in _of(facts, run, metric.name, datasets):
                for factor in scales(number, metric, facts):
                    for value, what in ((each.stderr, "standard error"),
                                        (each.deviation, "standard deviation")):  # fmt: skip
                        if value is not None:
                            told = f"the {what} of {each.metric} of {run} is {value:.4g}"
                            yield Candidate(value * factor, told, each.source, run, each.metric)
