"""How sure a paired difference is: p-values of its mean, and their correction for being many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MOST_SEEDS = 40  # the exact test looks at 2^n sign flips, by halves of them
ROUNDING = 1e-12  # of their mean, by which differences that are the same may differ


def paired_p(differences: npt.ArrayLike) -> float:
    """Two-sided p-value of a mean of zero; 1 with fewer than two differences."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return 1.0
    return min(1.0, 2 * min(p_above(values), p_above(-values)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values (Scand. J. Statist. 6:65-70, 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return [float(value) for value in adjusted]


def sign_flip_p(gains: npt.ArrayLike) -> float:
    """Exact one-sided p-value of Fisher's test by sign flips: that the mean is no more than zero.

    The share of the 2^n ways to give the gains other signs whose sum is at least as large. They are
    counted by halves: every sum of the first half, with how many sums of the second are enough.

    Args:
        gains: at most `MOST_SEEDS` values, symmetric about zero if nothing was gained.
    """
    gains = np.asarray(gains, dtype=float)
    if len(gains) > MOST_SEEDS:
        raise ValueError(f"{len(gains)} values; at most {MOST_SEEDS} can be flipped exactly")
    middle = len(gains) // 2
    first, second = (np.sort(_signed_sums(half)) for half in (gains[:middle], gains[middle:]))
    slack = 1e-9 * float(np.abs(gains).sum())  # sums that differ by rounding alone are equal
    enough = len(second) - np.searchsorted(second, gains.sum() - slack - first, side="left")
    return float(enough.sum()) / 2.0 ** len(gains)


def _signed_sums(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """All 2^n sums of values with signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def p_above(gains: npt.NDArray[np.float64]) -> float:
    """One-sided p-value of a mean of zero or less: the larger of two.

    Student's paired t-test can be deceived by few seeds that happen to agree; Fisher's exact test
    by flipping signs needs no normal distribution.
    """
    # Here, because it takes long to load; and not scipy.stats, which takes a hundred times as long.
    from scipy.special import stdtr

    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    mean = float(gains.mean())
    if error <= ROUNDING * abs(mean):  # the same on every seed, but for rounding
        student = 0.0 if mean > 0 else 1.0
    else:
        student = float(stdtr(len(gains) - 1, -mean / error))
    return max(student, sign_flip_p(gains))
