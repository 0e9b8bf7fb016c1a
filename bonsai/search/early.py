"""Stopping a run early, when its curve already tells that nothing will come of it.

The predictor learns on the runs that the search has finished: how the final figure of a candidate,
against the template's on the same seed, follows from the difference of their curves so far. It is a
line with normal errors (ridge regression with one regressor, its error found by leaving each run
out), at the latest of a few fixed shares of the training. It stops nothing before it has proved
itself: it must have seen enough finished runs, and of those that it would have stopped there, had
it not known them, none may have ended better than what it was to beat, but for a small share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

SHARES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8)  # of the training, at which a run is looked at
LEAST_RUNS = 10  # finished, before anything is stopped
LEAST_CHANCE = 0.2  # of ending better than what is to be beaten; with less a run is stopped
MOST_WRONG = 0.1  # of the runs that would have been stopped, those that would have been good

Curve = Sequence[tuple[float, float]]  # step and value, steps rising


@dataclass(frozen=True)
class Seen:
    """A finished run: curve differences to the template by share, and the final difference."""

    early: Mapping[float, float]
    final: float


@dataclass
class EarlyStopping:
    """Learns from finished runs, and says of one under way whether it is worth its rest.

    Attributes:
        sign: 1 if higher is better in the curve and in the final figure, -1 if lower is.
        seen: the finished runs.
    """

    sign: float = 1.0
    seen: list[Seen] = field(default_factory=list)
    _proved: dict[tuple[float, int], bool] = field(default_factory=dict)

    def learn(self, curve: Curve, reference: Curve, final: float) -> None:
        """Take in a finished run.

        Args:
            curve: its own.
            reference: the template's on the same seed.
            final: difference of their final figures.
        """
        length = reference[-1][0] if reference else 0.0
        early = {
            share: self.sign * found
            for share in SHARES
            if (found := _difference(curve, reference, share * length)) is not None
        }
        self.seen.append(Seen(early, self.sign * final))

    def chance(self, curve: Curve, reference: Curve, to_beat: float) -> float | None:
        """The probability that a run ends better than `to_beat`; None where that is not known.

        Args:
            curve: the run's so far.
            reference: the template's whole curve on the same seed.
            to_beat: a difference to the template's final figure.
        """
        if not curve or not reference:
            return None
        length = reference[-1][0]
        reached = [share for share in SHARES if share * length <= curve[-1][0]]
        if not reached or not self._has_proved_itself(reached[-1], self.sign * to_beat):
            return None
        share = reached[-1]
        now = _difference(curve, reference, share * length)
        if now is None:
            return None
        known = [(each.early[share], each.final) for each in self.seen if share in each.early]
        x, y = (np.array(values) for values in zip(*known, strict=True))
        return _chance(x, y, self.sign * now, self.sign * to_beat)

    def gives_up(self, curve: Curve, reference: Curve, to_beat: float) -> bool:
        """Whether a run is to be stopped."""
        found = self.chance(curve, reference, to_beat)
        return found is not None and found < LEAST_CHANCE

    def _has_proved_itself(self, share: float, to_beat: float) -> bool:
        known = [(each.early[share], each.final) for each in self.seen if share in each.early]
        if len(known) < LEAST_RUNS:
            return False
        key = (share, len(known))
        if key not in self._proved:
            x, y = (np.array(values) for values in zip(*known, strict=True))
            stopped = wrong = 0
            for index in range(len(x)):
                rest = np.arange(len(x)) != index
                if _chance(x[rest], y[rest], x[index], to_beat) < LEAST_CHANCE:
                    stopped += 1
                    wrong += y[index] > to_beat
            self._proved[key] = wrong <= MOST_WRONG * stopped
        return self._proved[key]


def _chance(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], now: float, to_beat: float
) -> float:
    """Of a line through (x, y): how probable a value above `to_beat` is at `now` (Student's t)."""
    n = len(x)
    spread = float(np.var(x))
    centre, middle = float(np.mean(x)), float(np.mean(y))
    # One run's worth of belief that curves tell nothing keeps the slope from running away.
    slope = float(np.mean((x - centre) * (y - middle))) / (spread * (1 + 1 / n) + 1e-12)
    rest = y - middle - slope * (x - centre)
    error = float(np.sum(rest**2)) / max(1, n - 2)
    error *= 1 + 1 / n + (now - centre) ** 2 / (n * spread + 1e-12)
    expected = middle + slope * (now - centre)
    if error <= 0:
        return float(expected > to_beat)
    return float(1 - stdtr(max(1, n - 2), (to_beat - expected) / error**0.5))


def _difference(curve: Curve, reference: Curve, step: float) -> float | None:
    """Of two curves at a step, each taken between its points; None where one is not there yet."""
    values = []
    for each in (curve, reference):
        steps = [point[0] for point in each]
        if not steps or steps[0] > step or steps[-1] < step:
            return None
        values.append(float(np.interp(step, steps, [point[1] for point in each])))
    return values[0] - values[1]
