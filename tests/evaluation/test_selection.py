"""The best of many falls back to the mean when it is measured anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.evaluation.selection import best_of

GAINS = st.lists(st.floats(-10, 10), min_size=3, max_size=20)


@given(GAINS, st.data())
def test_the_best_is_the_largest_and_falls_back_towards_the_others_never_beyond(
    gains: list[float], data: st.DataObject
) -> None:
    size = len(gains)
    errors = data.draw(st.lists(st.floats(0.01, 5), min_size=size, max_size=size))
    found = best_of(gains, errors)
    assert (found.measured, gains[found.index]) == (max(gains), max(gains))
    assert min(gains) - 1e-9 <= found.expected <= found.measured + 1e-9
    assert found.regression == found.measured - found.expected


@given(GAINS, st.floats(-100, 100))
def test_where_zero_lies_does_not_matter(gains: list[float], shift: float) -> None:
    errors = [1.0] * len(gains)
    here, there = best_of(gains, errors), best_of([gain + shift for gain in gains], errors)
    assert there.expected == pytest.approx(here.expected + shift, abs=1e-6)
    assert there.spread == pytest.approx(here.spread, abs=1e-6)


def test_gains_that_differ_by_chance_alone_fall_back_to_their_mean() -> None:
    found = best_of([0.9, 1.0, 1.1], [1.0, 1.0, 1.0])
    assert found.spread == 0.0
    assert found.expected == pytest.approx(1.0)


def test_the_mean_is_that_of_the_surer_ones() -> None:
    found = best_of([0.0, 0.0, 1.0], [0.1, 0.1, 10.0])
    assert found.expected == pytest.approx(0.0, abs=1e-3)


def test_gains_that_differ_far_more_than_by_chance_are_kept() -> None:
    found = best_of([0.0, 500.0, 1000.0], [0.1, 0.1, 0.1])
    assert found.expected == pytest.approx(1000.0, abs=0.01)
    assert found.spread == pytest.approx(500.0, rel=0.01)


def test_gains_without_any_error_are_kept_and_equal_ones_do_not_divide_by_zero() -> None:
    assert best_of([1.0, 2.0, 4.0], [0.0, 0.0, 0.0]).expected == pytest.approx(4.0)
    assert best_of([2.0, 2.0, 2.0], [0.0, 0.0, 0.0]).expected == pytest.approx(2.0)


def test_of_two_ideas_no_mean_can_be_told() -> None:
    assert best_of([1.0, 2.0], [0.1, 0.1]) is None


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0, 3.0])
def test_the_expected_gain_is_nearer_to_a_fresh_measurement_than_the_measured_one(
    spread: float,
) -> None:
    """Ten ideas with standard errors of 1; what is true of the best is known here."""
    rng = np.random.default_rng(0)
    surprise, remaining = [], []
    for _ in range(500):
        truth = rng.normal(0.3, spread, size=10)
        found = best_of(truth + rng.normal(size=10), [1.0] * 10)
        surprise.append(found.measured - truth[found.index])
        remaining.append(found.expected - truth[found.index])
    assert np.mean(np.square(remaining)) < np.mean(np.square(surprise))
    assert abs(np.mean(remaining)) < abs(np.mean(surprise)) / 2
