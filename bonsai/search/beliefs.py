"""What a search believes: how good its champion is, and what a change usually does.

A run of candidate c on seed s shows `quality(c) + luck(s) + noise`, the luck common to all
candidates of a seed. A candidate's quality is its parent's plus the effect of one change, and an
effect is nothing, a gain (half a normal) or a loss (half another): a spike and slab prior, whose
shares and scales are learned from the search's own candidates together with the noise, by EM
(empirical Bayes; Efron, *Large-Scale Inference*, 2010). So what is believed of a candidate is
shrunk towards its parent, and a lucky run is not mistaken for a gain.

The champion's quality and the seeds' lucks are kept as one normal distribution (a Kalman filter).
A candidate that is closed, adopted or not, updates it by the moments of what is known of its effect
(assumed density filtering; Minka, 2001). Children that change nothing are thereby what they are:
further measurements of their parent. Nobody has to beat the luck by which the champion was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Values = npt.NDArray[np.float64]

_EDGES = np.array([0.0, 0.35, 0.8, 1.4, 2.2, 6.0])  # half a normal, in pieces
_MASSES = 2 * np.diff(ndtr(_EDGES))
_CENTRES = np.array([0.175, 0.57, 1.08, 1.74, 2.57])
_WIDTHS = np.array([0.1, 0.13, 0.17, 0.22, 0.4])
_SIDES = np.repeat([0, 1, 2], [1, 5, 5])  # nothing, gain, loss
_SHARES = (0.3, 0.25, 0.45)  # of changes that do nothing, help, harm: before any is seen
_SHARES_WEIGHT = 8.0  # how many candidates this is worth
_SCALE_WEIGHT = 2.0
_NOISE_DEVIATION = 1.5  # of its logarithm
_COLLAPSE = 10.0  # in usual differences: what lies that far below has broken down
_LEAST_NOISE = 1e-6  # of the variance between candidates
_FACTORS = np.exp([-2.0, -1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0])


@dataclass(frozen=True)
class Effects:
    """What a change does: a mixture of normal pieces, one of them at zero.

    Attributes:
        shares: of changes that do nothing, help, harm.
        gain: scale of the gains.
        loss: scale of the losses.
    """

    shares: tuple[float, float, float]
    gain: float
    loss: float

    @cached_property
    def pieces(self) -> tuple[Values, Values, Values]:
        """Weight, mean and variance of each."""
        nothing, helps, harms = self.shares
        weights = np.concatenate([[nothing], helps * _MASSES, harms * _MASSES])
        means = np.concatenate([[0.0], self.gain * _CENTRES, -self.loss * _CENTRES])
        widths: Values = np.concatenate([[0.0], self.gain * _WIDTHS, self.loss * _WIDTHS])
        return weights, means, np.square(widths)

    def weigh(self, estimate: Values, variance: Values) -> tuple[Values, Values, Values]:
        """Weight, mean and variance of each piece, given estimates; pieces are the last axis."""
        shares, means, widths = self.pieces
        x, v = np.asarray(estimate)[..., None], np.asarray(variance)[..., None]
        total = widths + v
        logs = np.log(shares) - 0.5 * (x - means) ** 2 / total - 0.5 * np.log(total)
        weights: Values = np.exp(logs - logs.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return weights, (x * widths + means * v) / total, widths * v / total

    def likelihood(self, estimate: Values, variance: Values) -> Values:
        """Logarithms of the densities of unbiased estimates, but for a constant."""
        weights, means, widths = self.pieces
        total = widths + variance[..., None]
        each = np.log(weights) - 0.5 * ((estimate[..., None] - means) ** 2 / total + np.log(total))
        top: Values = each.max(-1)
        below: Values = np.log(np.exp(each - top[..., None]).sum(-1))
        return top + below

    def posterior(self, estimate: Values, variance: Values) -> tuple[Values, Values]:
        """Mean and variance of effects, given unbiased estimates with a variance."""
        weights, means, variances = self.weigh(estimate, variance)
        mean = (weights * means).sum(-1)
        return mean, (weights * (variances + means**2)).sum(-1) - mean**2


@dataclass(frozen=True)
class Estimate:
    """What a candidate's runs say of its effect by themselves.

    Attributes:
        effect: the best unbiased estimate.
        variance: of it.
        spread: how much the runs contradict each other, as a sum of squares.
        runs: how many there are.
    """

    effect: float
    variance: float
    spread: float
    runs: int


class Beliefs:
    """The champion's quality over the start's, the lucks of seeds, effects and noise."""

    def __init__(self) -> None:
        """Begin; nothing is known yet."""
        self.noise = 1.0  # variance
        self.effects = Effects(_SHARES, 1.0, 1.0)
        self._unit = 1.0
        self._seeds: dict[int, int] = {}  # their places in the state
        self._mean = np.zeros(1)
        self._cov = np.zeros((1, 1))
        self._closed: list[tuple[float, float, float, int]] = []
        self._fitted = 0
        self._sizes: list[float] = []  # of the differences that closed candidates made

    @property
    def champion(self) -> tuple[float, float]:
        """Mean and variance of its gain over the start."""
        return float(self._mean[0]), float(self._cov[0, 0])

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds on which candidates can be compared, oldest first."""
        return tuple(self._seeds)

    def measure_champion(self, seed: int, value: float) -> None:
        """Take in a run of the champion (at first: of the start)."""
        if seed in self._seeds:
            self._update({seed: value}, 0.0, 0.0, adopt=False)
            return
        size = len(self._mean)
        self._seeds[seed] = size
        self._mean = np.append(self._mean, value - self._mean[0])
        cov = np.zeros((size + 1, size + 1))
        cov[:size, :size] = self._cov
        cov[size, :size] = cov[:size, size] = -self._cov[0]
        cov[size, size] = self._cov[0, 0] + self.noise
        self._cov = cov

    def begin(self, values: Mapping[int, float]) -> None:
        """Take in the first runs of the start, which say how large differences may be at all."""
        spread = float(np.var(list(values.values()), ddof=1)) if len(values) > 1 else 0.0
        self._unit = max(spread, 1e-12 * max(1.0, *(v * v for v in values.values()))) ** 0.5
        self.noise = self._unit**2 / 2
        self.effects = Effects(_SHARES, self.noise**0.5, self.noise**0.5)
        for seed, value in values.items():
            self.measure_champion(seed, value)

    def is_collapse(self, seed: int, value: float) -> bool:
        """Whether a run fell so far below the champion that it broke down.

        Training that diverges now and then is no normal noise: one such run would teach that noise
        is huge, and hide every difference from then on.
        """
        return value - self._level(seed) < -_COLLAPSE * self._usual()

    def collapsed(self, seed: int, value: float) -> float:
        """Take in the size of a difference, and nothing else; the difference."""
        difference = value - self._level(seed)
        self._sizes.append(abs(difference))
        return difference

    def lose(self, gain: float) -> None:
        """The champion's place is taken by one that is worse by so much."""
        self._mean[0] -= gain

    def _level(self, seed: int) -> float:
        """What the champion is expected to show on a seed; on a new one, with usual luck."""
        lucks = self._mean[1:]
        luck = self._mean[self._seeds[seed]] if seed in self._seeds else lucks.mean()
        return float(self._mean[0] + luck)

    def _usual(self) -> float:
        """The usual size of a difference: between candidates, or between the start's first runs."""
        return max(self._unit, float(np.median(self._sizes)) if self._sizes else 0.0)

    def estimate(self, values: Mapping[int, float]) -> Estimate:
        """What runs on known seeds say of a child of the champion."""
        _, residuals, inverse = self._compare(values)
        column = inverse.sum(1)
        precision = float(column.sum())
        effect = float(column @ residuals) / precision
        rest = residuals - effect
        return Estimate(effect, 1 / precision, float(rest @ inverse @ rest) * self.noise, len(rest))

    def gain(self, found: Estimate, lead: float) -> float:
        """A candidate's expected gain over the champion, which has gained `lead` meanwhile."""
        mean, _ = self.effects.posterior(np.array(found.effect + lead), np.array(found.variance))
        return float(mean) - lead

    def close(self, values: Mapping[int, float], lead: float, adopt: bool) -> float:
        """Learn from a candidate that is measured no further; its expected effect.

        Args:
            values: by seed.
            lead: what the champion has gained since the candidate's parent was the champion.
            adopt: whether the candidate is the next champion.
        """
        found = self.estimate(values)
        mean, variance = self.effects.posterior(
            np.array(found.effect + lead), np.array(found.variance)
        )
        self._sizes.append(abs(found.effect))
        self._closed.append(
            (found.effect + lead, found.variance / self.noise, found.spread, found.runs)
        )
        gain = float(mean) - lead
        self._update(values, gain, float(variance), adopt)
        if len(self._closed) >= self._fitted + max(1, self._fitted // 12):
            self._fit()
        return gain

    def _compare(self, values: Mapping[int, float]) -> tuple[Values, Values, Values]:
        """Places of the seeds, residuals if the effect were none, and their inverse covariance."""
        places = np.array([self._seeds[seed] for seed in values])
        residuals = np.array(list(values.values())) - self._mean[0] - self._mean[places]
        cross = self._cov[0, places]
        cov = self._cov[np.ix_(places, places)] + cross + cross[:, None] + self._cov[0, 0]
        cov = cov + self.noise * np.eye(len(places))
        return places, residuals, np.linalg.inv(cov)

    def _update(
        self, values: Mapping[int, float], gain: float, variance: float, adopt: bool
    ) -> None:
        places, residuals, inverse = self._compare(values)
        reach = self._cov[:, [0]] + self._cov[:, places]
        weights = reach @ inverse
        self._mean = self._mean + weights @ (residuals - gain)
        moved = -weights.sum(1)
        if adopt:
            self._mean[0] += gain
            moved[0] += 1.0
        self._cov = self._cov - weights @ reach.T + variance * np.outer(moved, moved)

    def _fit(self, rounds: int = 3) -> None:
        """EM for shares and scales, a line search for the noise: with a weak prior, on all closed.

        The prior's unit is how much candidates differ from their parent, by noise and effects.
        """
        self._fitted = len(self._closed)
        x, ratio, spread, runs = (np.array(each) for each in zip(*self._closed, strict=True))
        unit = self._unit
        if len(x) >= 4:
            unit = max(float(np.quantile(np.abs(x), 0.75)) / 1.15, 1e-3 * self._unit)
        noise, effects = self.noise, self.effects
        for _ in range(rounds):
            tried = np.maximum(noise * _FACTORS, _LEAST_NOISE * unit**2)
            fits = effects.likelihood(x, ratio * tried[:, None]).sum(1)
            fits -= 0.5 * ((runs - 1).sum() * np.log(tried) + spread.sum() / tried)
            fits -= 0.5 * (np.log(tried / unit**2 * 2) / _NOISE_DEVIATION) ** 2
            noise = float(tried[np.argmax(fits)])
            weights, means, variances = effects.weigh(x, ratio * noise)
            squares = means**2 + variances
            counts = np.array([weights[:, side == _SIDES].sum() for side in range(3)])
            shares = _SHARES_WEIGHT * np.array(_SHARES) + counts
            shares /= shares.sum()
            scales = [
                ((_SCALE_WEIGHT * unit**2 * 0.5 + (weights * squares)[:, side == _SIDES].sum())
                 / (_SCALE_WEIGHT + counts[side])) ** 0.5
                for side in (1, 2)
            ]  # fmt: skip
            effects = Effects((shares[0], shares[1], shares[2]), scales[0], scales[1])
        self._cov = self._cov * (noise / self.noise)
        self.noise, self.effects = noise, effects
