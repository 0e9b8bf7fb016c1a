"""The ends of intervals that a paper may state."""

from __future__ import annotations

from collections.abc import Iterator

from bonsai.audit.checks.comparing import difference
from bonsai.audit.facts import Facts, Metric
from bonsai.audit.numbers import Number
from bonsai.audit.statements import Said
from bonsai.audit.tracing import Candidate, scales, verdict_values


def interval_values(said: Said, metrics: list[Metric], facts: Facts) -> Iterator[Candidate]:
    """What an end of an interval, or a p-value, may be: of verdicts, of means, of differences.

    Args:
        said: the number.
        metrics: that it may be of; none: any.
        facts: what is on record.
    """
    yield from verdict_values(said.number, metrics, facts)
    if not metrics:
        yield from verdict_values(said.number, facts.metrics.values(), facts)
    if said.role == "interval" and not facts.compared:
        for metric in metrics or facts.metrics.values():
            yield from _ends(said.number, metric, facts)


def _ends(number: Number, metric: Metric, facts: Facts) -> Iterator[Candidate]:
    """Ends of intervals of means and of differences, as tables of others give them."""
    values = [each for each in facts.measured if each.metric == metric.name and not each.stale]
    for factor in scales(number, metric, facts) or [1.0]:
        for each in values:
            for reach in (1.0, 1.96, 2.0):
                if each.stderr is not None:
                    for end in (each.mean - reach * each.stderr, each.mean + reach * each.stderr):
                        told = f"{each.mean:.5g} ± {reach * each.stderr:.3g}"
                        yield Candidate(end * factor, told, each.source, each.run, each.metric)
        for one in values:
            for other in values:
                if one.run != other.run and one.dataset == other.dataset:
                    found = difference(one, other)
                    for side in (found.low, found.high):
                        if side is not None:
                            yield Candidate(side * factor, found.told(), one.source, one.run,
                                            one.metric)  # fmt: skip
