"""Runs are stopped early where their curves tell, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from bonsai.search.early import LEAST_RUNS, Curve, EarlyStopping

STEPS = np.linspace(1, 20, 20)


def _curve(rng: np.random.Generator, quality: float, telling: bool) -> tuple[Curve, float]:
    """A curve that rises to its final figure; one that tells nothing is another run's at first."""
    final = 80 + quality + rng.normal(scale=0.1)
    shown = final if telling else 80 + rng.normal()
    rise = 1 - np.exp(-STEPS / 5)
    values = rise * shown + rng.normal(scale=0.1, size=len(STEPS))
    values[-4:] += final - shown  # the truth comes at the end
    return list(zip(STEPS.tolist(), values.tolist(), strict=True)), final


def _follow(telling: bool, seed: int = 0, runs: int = 60) -> tuple[float, int, int]:
    """The share of training that is saved, and how many good runs were lost, of how many."""
    rng = np.random.default_rng(seed)
    stopping, saved, lost, good = EarlyStopping(), 0.0, 0, 0
    reference, base = _curve(rng, 0.0, True)
    for _ in range(runs):
        quality = rng.normal(-0.6, 1.0)
        curve, final = _curve(rng, quality, telling)
        is_good = final > base
        good += is_good
        for length in range(1, len(curve)):
            if stopping.gives_up(curve[:length], reference, 0.0):
                saved += 1 - length / len(curve)
                lost += is_good
                break
        else:
            stopping.learn(curve, reference, final - base)
    return saved / runs, lost, good


def test_where_curves_tell_much_is_saved_and_little_lost() -> None:
    found = [_follow(True, seed) for seed in range(4)]
    assert np.mean([saved for saved, _, _ in found]) > 0.3
    assert sum(lost for _, lost, _ in found) <= 0.15 * sum(good for _, _, good in found)


def test_where_curves_tell_nothing_nothing_is_lost() -> None:
    found = [_follow(False, seed) for seed in range(4)]
    assert sum(lost for _, lost, _ in found) <= 0.1 * sum(good for _, _, good in found)


def test_nothing_is_stopped_before_enough_was_finished() -> None:
    rng = np.random.default_rng(1)
    stopping = EarlyStopping()
    reference, base = _curve(rng, 0.0, True)
    hopeless, _ = _curve(rng, -50.0, True)
    for _ in range(LEAST_RUNS - 1):
        curve, final = _curve(rng, rng.normal(), True)
        stopping.learn(curve, reference, final - base)
        assert stopping.chance(hopeless, reference, 0.0) is None
    curve, final = _curve(rng, 0.5, True)
    stopping.learn(curve, reference, final - base)
    assert stopping.gives_up(hopeless, reference, 0.0)


def test_lower_may_be_better() -> None:
    rng = np.random.default_rng(2)
    up, down = EarlyStopping(), EarlyStopping(sign=-1.0)
    reference, base = _curve(rng, 0.0, True)
    turned = [(step, -value) for step, value in reference]
    for _ in range(30):
        curve, final = _curve(rng, rng.normal(), True)
        up.learn(curve, reference, final - base)
        down.learn([(step, -value) for step, value in curve], turned, base - final)
    probe, _ = _curve(rng, -0.5, True)
    other = [(step, -value) for step, value in probe]
    assert down.chance(other, turned, 0.0) == pytest.approx(up.chance(probe, reference, 0.0))


@pytest.mark.parametrize("curve", [[], [(1.0, 2.0)]])
def test_a_curve_that_has_hardly_begun_says_nothing(curve: Curve) -> None:
    assert EarlyStopping().chance(curve, [(1.0, 1.0), (20.0, 2.0)], 0.0) is None
