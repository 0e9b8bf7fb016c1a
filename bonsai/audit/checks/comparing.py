"""How sure a difference between two runs is, by what is on record of their seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from bonsai.audit.facts import Compared, Facts, Measured, Metric, Run, kind_of

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """The mean of a run less that of another, in one metric on one data set.

    Attributes:
        one: the run's values.
        other: the other's.
        low: lower end of the 95 % interval; None where nothing tells how sure it is.
        high: its upper end.
        p: two-sided, of no difference.
        p_paired: the same, seed by seed; None where seeds are not known one by one.
    """

    one: Measured
    other: Measured
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_paired: float | None = None

    @property
    def mean(self) -> float:
        """How much higher the run is."""
        return self.one.mean - self.other.mean

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def may_be_sure(self) -> bool:
        """Whether that, or the comparison seed by seed, tells it from chance."""
        return self.is_sure or (self.p_paired is not None and self.p_paired < 1 - LEVEL)

    def told(self) -> str:
        """The difference in a sentence."""
        what = f"{self.one.metric} of {self.one.run} less {self.other.run}"
        where = f" on {self.one.dataset}" if self.one.dataset else ""
        if self.low is None or self.high is None:
            return f"{what}{where} is {self.mean:+.4g}, and nothing tells how sure that is."
        return (
            f"{what}{where} is {self.mean:+.4g}, with a 95 % interval from {self.low:.4g} to "
            f"{self.high:.4g} (Welch, {self.one.count or len(self.one.values)} and "
            f"{self.other.count or len(self.other.values)} seeds)."
        )


def difference(one: Measured, other: Measured) -> Difference:
    """Compare two means, by Welch's interval from their standard errors.

    B. L. Welch, Biometrika 34 (1947) 28, with the degrees of freedom of Satterthwaite.
    """
    counts = [each.count or len(each.values) for each in (one, other)]
    errors = [_error(each) for each in (one, other)]
    if min(counts) < 2 or None in errors:
        return Difference(one, other)
    parts = [float(error or 0.0) ** 2 for error in errors]
    squared = sum(parts)
    gain = one.mean - other.mean
    below = sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    if not below:
        return Difference(one, other, gain, gain, 0.0 if gain else 1.0, _paired(one, other))
    from scipy.special import stdtr, stdtrit

    freedom = squared**2 / below
    reach = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * math.sqrt(squared)
    p = 2 * float(stdtr(freedom, -abs(gain) / math.sqrt(squared)))
    return Difference(one, other, gain - reach, gain + reach, p, _paired(one, other))


def _error(measured: Measured) -> float | None:
    """The standard error: from the seeds where they are known, since what is written may err."""
    if len(measured.values) > 1:
        return statistics.stdev(measured.values) / math.sqrt(len(measured.values))
    return measured.stderr


def _paired(one: Measured, other: Measured) -> float | None:
    if len(one.values) != len(other.values) or len(one.values) < 2:
        return None
    gains = [first - second for first, second in zip(one.values, other.values, strict=True)]
    spread = statistics.stdev(gains)
    if not spread:
        return 0.0 if any(gains) else 1.0
    from scipy.special import stdtr

    t = statistics.fmean(gains) / spread * math.sqrt(len(gains))
    return 2 * float(stdtr(len(gains) - 1, -abs(t)))


def differences(
    ones: Iterable[Run], others: Iterable[Run], metrics: Iterable[Metric],
    datasets: Iterable[str], facts: Facts,
) -> Iterator[Difference]:  # fmt: skip
    """All differences that a piece of text may mean.

    Runs of different ideas are compared with each other only where they are told apart by nothing
    else, and runs on fresh seeds only with such.
    """
    wanted = set(datasets)
    known: dict[tuple[str, str], list[Measured]] = {}
    for each in facts.measured:
        if not each.stale and (not wanted or each.dataset in wanted):
            known.setdefault((each.run, each.metric), []).append(each)
    for one, other, metric in product(tuple(ones), tuple(others), tuple(metrics)):
        if one.name == other.name or kind_of(one.name) != kind_of(other.name):
            continue
        for first in known.get((one.name, metric.name), ()):
            for second in known.get((other.name, metric.name), ()):
                if first.dataset == second.dataset:
                    yield difference(first, second)


def verdicts(
    ones: Iterable[Run], others: Iterable[Run], metrics: Iterable[Metric], facts: Facts
) -> list[Compared]:
    """The verdicts on the runs in question, one way or the other, and in one of the metrics."""
    first, second = _called(ones), _called(others)
    names = {each.name for each in metrics}
    return [
        each for each in facts.compared
        if each.metric in names and each.word in ("supported", "refuted", "undecided")
        and ((_own(each.run) in first and _own(each.against) in second)
             or (_own(each.run) in second and _own(each.against) in first))
    ]  # fmt: skip


def _called(runs: Iterable[Run]) -> set[str]:
    """What verdicts may call the runs."""
    found = set()
    for run in runs:
        found |= {_own(run.name), *(("run_0", "baseline") if run.is_baseline else ())}
    return found


def told_verdict(each: Compared) -> str:
    """A verdict in a sentence."""
    interval = ""
    if each.mean is not None and each.low is not None and each.high is not None:
        interval = (
            f": {each.mean:+.4g}, 95 % interval {each.low:.4g} to {each.high:.4g}, "
            f"{each.count} seeds"
        )
    claim = f" ({each.claim})" if each.claim else ""
    which = f"{each.metric} of {each.run} against {each.against}{claim}"
    return f"The claim on {which} is {each.word}{interval}."


def is_carried(each: Compared) -> bool:
    """Whether a verdict carries the word `significant`."""
    if each.word in ("supported", "refuted"):
        return True
    return each.low is not None and each.high is not None and (each.low > 0 or each.high < 0)


def _own(name: str) -> str:
    """A run's name without the kind of its seeds."""
    return name.split(" (")[0]
