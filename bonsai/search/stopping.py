"""When to stop measuring a candidate: as an optimal stopping problem.

Runs are what a search spends, gains what it wants, so it should gain the most per run. By the
renewal-reward theorem the best policy is that which, paying the best rate of gain per run for each
run, just breaks even on each candidate (Chow, Robbins and Siegmund, *Great Expectations*, 1971; the
rate is Gittins' "going rate"). It is found by backward induction over what the runs so far say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from bonsai.search.beliefs import Effects

MOST_RUNS = 6
_POINTS = 41
_STEPS = 5.0  # of the logarithms by which policies are told apart


@dataclass(frozen=True)
class Policy:
    """What to do with a candidate after n runs, by its expected gain over the champion.

    Attributes:
        rate: gain per run that this policy brings.
        reject: below this gain after 1, 2, ... runs it is given up.
        adopt: from this gain on it is adopted.
    """

    rate: float
    reject: tuple[float, ...]
    adopt: tuple[float, ...]


def best_policy(effects: Effects, noise: float) -> Policy:
    """The policy with the most gain per run, for a variance of the noise."""
    unit = math.sqrt(noise) + 0.05 * effects.gain
    policy = _policy(
        round(math.log(effects.shares[1]) * _STEPS),
        round(math.log(effects.shares[2]) * _STEPS),
        round(math.log(effects.gain / unit) * _STEPS),
        round(math.log(effects.loss / unit) * _STEPS),
    )
    return Policy(
        policy.rate * unit,
        tuple(each * unit for each in policy.reject),
        tuple(each * unit for each in policy.adopt),
    )


@lru_cache(maxsize=100_000)
def _policy(helps: int, harms: int, gain: int, loss: int) -> Policy:
    """The same with noise 1, from rounded logarithms."""
    good, bad = math.exp(helps / _STEPS), math.exp(harms / _STEPS)
    effects = Effects(
        (max(0.02, 1 - good - bad), good, bad), math.exp(gain / _STEPS), math.exp(loss / _STEPS)
    )
    weights, means, widths = effects.pieces
    weights = weights / weights.sum()
    lowest, highest = -2 - effects.loss, 2.5 + 3.2 * effects.gain
    points = np.linspace(lowest, highest, _POINTS)
    edges = np.concatenate([[-np.inf], (points[1:] + points[:-1]) / 2, [np.inf]])
    first = weights @ np.diff(ndtr((edges - means[:, None]) / np.sqrt(widths + 1)[:, None]), axis=1)
    gains, moves = [], []
    for runs in range(1, MOST_RUNS + 1):
        weight, mean, variance = effects.weigh(points, np.full(_POINTS, 1 / runs))
        gains.append((weight * mean).sum(-1))
        centre = (runs * points[:, None] + mean) / (runs + 1)
        spread = np.sqrt(variance + 1) / (runs + 1)
        steps = np.diff(ndtr((edges - centre[..., None]) / spread[..., None]), axis=-1)
        moves.append((weight[..., None] * steps).sum(1))
    low, high = 0.0, 2 * effects.shares[1] * effects.gain
    for _ in range(12):
        rate = (low + high) / 2
        value = np.maximum(gains[-1], 0)
        for runs in range(MOST_RUNS - 1, 0, -1):
            value = np.maximum(np.maximum(gains[runs - 1], 0), moves[runs - 1] @ value - rate)
        low, high = (rate, high) if first @ value > rate else (low, rate)
    reject, adopt = [], []
    value = np.maximum(gains[-1], 0)
    for runs in range(MOST_RUNS - 1, 0, -1):
        further = moves[runs - 1] @ value - low
        stay = further > np.maximum(gains[runs - 1], 0)
        within = gains[runs - 1][stay]
        reject.append(float(within.min()) if len(within) else 0.0)
        adopt.append(float(within.max()) if len(within) else 0.0)
        value = np.maximum(np.maximum(gains[runs - 1], 0), further)
    return Policy(low, (*reversed(reject), 0.0), (*reversed(adopt), 0.0))
