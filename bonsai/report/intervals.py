"""Intervals for the comparison of two agents: of proportions, and of means that are not paired."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, mean, variance

LEVEL = 0.95


def wilson(count: int, of: int) -> tuple[float, float]:
    """The interval of a proportion by its score, without a correction for continuity.

    From E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209. It stays within 0 and 1, and is of use for
    few trials and for none or all of them.

    Args:
        count: trials that went well.
        of: all trials, one at least.
    """
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    share, weight = count / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt((share * (1 - share) + weight / 4) / of)
    return (
        0.0 if count == 0 else max(0.0, middle - reach),
        1.0 if count == of else min(1.0, middle + reach),
    )


def newcombe(count: int, of: int, other: int, of_other: int) -> tuple[float, float]:
    """The interval of the difference of two independent proportions, `count / of` less the other.

    The hybrid of two score intervals: method 10 of R. G. Newcombe, Stat. Med. 17 (1998) 873.

    Args:
        count: trials of the first that went well.
        of: its trials, one at least.
        other: trials of the second that went well.
        of_other: its trials, one at least.
    """
    first, second = count / of, other / of_other
    low, high = wilson(count, of)
    other_low, other_high = wilson(other, of_other)
    difference = first - second
    return (
        difference - math.hypot(first - low, other_high - second),
        difference + math.hypot(high - first, second - other_low),
    )


def welch(values: Sequence[float], others: Sequence[float]) -> tuple[float, float] | None:
    """The interval of the difference of two means, the first less the second.

    By the t-distribution without the assumption that both spread alike: B. L. Welch, Biometrika 34
    (1947) 28, with the degrees of freedom of Satterthwaite.

    Returns:
        None where one of them has fewer than two values, or neither spreads at all: then nothing
        tells how sure the difference is.
    """
    if len(values) < 2 or len(others) < 2:
        return None
    parts = [variance(each) / len(each) for each in (values, others)]
    if not (squared := sum(parts)):
        return None
    from scipy import stats

    freedom = 1 / sum(
        (part / squared) ** 2 / (len(each) - 1)  # as shares: squares of small parts would be 0
        for part, each in zip(parts, (values, others), strict=True)
    )
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * math.sqrt(squared)
    difference = mean(values) - mean(others)
    return difference - reach, difference + reach
