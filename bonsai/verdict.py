"""Whether an idea beats the baseline: paired differences on fresh seeds, corrected for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel

LEVEL = 0.05  # the share of false claims in a sweep of ideas that change nothing

Word = Literal["supported", "refuted", "undecided", "no result"]


class Comparison(BaseModel):
    """An idea's best run against the baseline, seed by seed.

    Attributes:
        differences: idea minus baseline for each fresh seed, in the metric's unit.
        mean: their mean.
        low: lower end of the mean's 95 % interval (Student's t); None with fewer than two seeds.
        high: upper end.
        effect: Cohen's d for paired samples, mean over standard deviation; None where undefined.
        p: two-sided p-value of the paired t-test; None with fewer than two seeds.
    """

    differences: list[float]
    mean: float
    low: float | None
    high: float | None
    effect: float | None
    p: float | None


def compare(idea: Sequence[float], baseline: Sequence[float]) -> Comparison:
    """Compare one metric of an idea and of the baseline on the same seeds.

    Args:
        idea: one value per seed.
        baseline: one value per seed, in the same order.
    """
    # Here, because it takes long to load; and not scipy.stats, which takes a hundred times as
    # long for the same numbers: a sweep may hold thousands of ideas.
    from scipy.special import stdtr, stdtrit

    differences = np.asarray(idea, dtype=float) - np.asarray(baseline, dtype=float)
    count, mean = len(differences), float(differences.mean())
    plain = Comparison(
        differences=differences.tolist(), mean=mean, low=None, high=None, effect=None, p=None
    )
    if count < 2:
        return plain
    deviation = float(differences.std(ddof=1))
    if deviation == 0.0:
        # The same on every seed: the interval is a point.
        return plain.model_copy(update={"low": mean, "high": mean, "p": 1.0 if mean == 0 else 0.0})
    error = deviation / math.sqrt(count)
    reach = float(stdtrit(count - 1, 0.975)) * error
    p = 2.0 * float(stdtr(count - 1, -abs(mean / error)))
    return plain.model_copy(
        update={"low": mean - reach, "high": mean + reach, "effect": mean / deviation, "p": p}
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values (Scand. J. Statist. 6:65-70, 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return [float(value) for value in adjusted]


def judge(comparison: Comparison | None, adjusted_p: float | None, better: str | None) -> Word:
    """The verdict on the claim "this idea improves the primary metric".

    Args:
        comparison: the paired comparison; None if no run of the idea could be confirmed.
        adjusted_p: its p-value after the correction for all ideas of the sweep.
        better: "higher" or "lower": which way the metric improves.
    """
    if comparison is None:
        return "no result"
    if adjusted_p is None or adjusted_p >= LEVEL:
        return "undecided"
    improved = comparison.mean < 0 if better == "lower" else comparison.mean > 0
    return "supported" if improved else "refuted"
