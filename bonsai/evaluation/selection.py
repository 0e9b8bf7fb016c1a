"""The best of many, and how far it is expected to fall back when it is measured anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Selected:
    """The best of several measured gains.

    Attributes:
        index: which one it is.
        measured: its gain.
        expected: what it is expected to be when it is measured anew.
        spread: standard deviation of the true gains among each other, as estimated.
    """

    index: int
    measured: float
    expected: float
    spread: float

    @property
    def regression(self) -> float:
        """How far it is expected to fall back to the mean."""
        return self.measured - self.expected


def best_of(gains: Sequence[float], errors: Sequence[float]) -> Selected | None:
    """The largest of several gains, and its expected regression to the mean.

    Each gain is taken as its true value plus an error of known size, and the true values as normal
    around a mean of their own (empirical Bayes: Efron and Morris, J. Am. Stat. Assoc. 70:311-319,
    1975). The variance of the true values is DerSimonian and Laird's (Control. Clin. Trials
    7:177-188, 1986).

    Args:
        gains: larger is better; one per idea.
        errors: their standard errors.

    Returns:
        The best; None with fewer than three gains, among which no mean can be told.
    """
    if len(gains) < 3:
        return None
    values, variances = np.asarray(gains, float), np.asarray(errors, float) ** 2
    variances = np.maximum(variances, 1e-12 * max(1.0, float(np.abs(values).max())) ** 2)
    weights = 1 / variances
    centre = float((weights * values).sum() / weights.sum())
    excess = float((weights * (values - centre) ** 2).sum()) - (len(values) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, excess / scale)
    weights = 1 / (variances + between)
    centre = float((weights * values).sum() / weights.sum())
    best = int(values.argmax())
    kept = between / (between + variances[best])
    expected = centre + kept * (values[best] - centre)
    return Selected(best, float(values[best]), float(expected), float(np.sqrt(between)))
