"""Verdicts: paired, with an interval, corrected for how many ideas were tried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bonsai.verdict import LEVEL, compare, holm, judge

VALUES = st.lists(st.floats(-100, 100), min_size=3, max_size=10)


@given(VALUES, VALUES)
def test_the_comparison_is_scipys_paired_t_test(idea: list[float], baseline: list[float]) -> None:
    count = min(len(idea), len(baseline))
    idea, baseline = idea[:count], baseline[:count]
    found = compare(idea, baseline)
    differences = np.subtract(idea, baseline)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-9)
    if differences.std() > 1e-6:
        expected = stats.ttest_rel(idea, baseline)
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        interval = expected.confidence_interval(0.95)
        assert found.low == pytest.approx(interval.low, rel=1e-6, abs=1e-9)
        assert found.high == pytest.approx(interval.high, rel=1e-6, abs=1e-9)


def test_one_seed_decides_nothing() -> None:
    found = compare([93.0], [90.0])
    assert (found.mean, found.low, found.p) == (3.0, None, None)
    assert judge(found, None, "higher") == "undecided"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_the_raw_value_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, value in zip(p, adjusted, strict=True):
        assert raw <= value <= min(1.0, len(p) * raw) + 1e-12
    order = np.argsort(p, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("shift", "better", "word"),
    [
        (+1.0, "higher", "supported"),
        (-1.0, "higher", "refuted"),
        (+1.0, "lower", "refuted"),
        (-1.0, "lower", "supported"),
        (+0.01, "higher", "undecided"),
    ],
)
def test_the_word_follows_direction_and_evidence(shift: float, better: str, word: str) -> None:
    noise = np.array([0.1, -0.2, 0.15, 0.0, -0.1])
    found = compare(90 + shift + noise, np.full(5, 90.0))
    assert judge(found, found.p, better) == word


def test_an_idea_without_a_confirmed_run_has_no_result() -> None:
    assert judge(None, None, "higher") == "no result"


def test_ideas_that_change_nothing_are_seldom_called_better() -> None:
    rng = np.random.default_rng(0)
    sweeps, ideas, seeds = 400, 5, 8
    wrong = 0
    for _ in range(sweeps):
        baseline = rng.normal(size=seeds)
        found = [compare(rng.normal(size=seeds), baseline) for _ in range(ideas)]
        adjusted = holm([comparison.p or 0.0 for comparison in found])
        wrong += any(value < LEVEL for value in adjusted)
    assert wrong / sweeps < LEVEL + 3 * (LEVEL / sweeps) ** 0.5
