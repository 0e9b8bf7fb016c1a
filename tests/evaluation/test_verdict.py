"""Verdicts: paired, exact, looked at a planned number of times, corrected for all claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from bonsai.evaluation.verdict import (
    LEVEL,
    MOST_SEEDS,
    OUT_OF_REACH,
    Verdict,
    Word,
    compare,
    holm,
    interim_analyses,
    is_worth_more,
    judge,
    seeds_to_decide,
    sign_flip_p,
    weigh,
)
from bonsai.templates.contract import Claim

# Quarters: ties and zeros come up, and their sums are exact, so that scipy sees the same ties.
QUARTERS = st.integers(-40, 40).map(lambda quarters: quarters / 4)
GAINS = st.lists(QUARTERS, min_size=2, max_size=12)
FEW_GAINS = st.lists(QUARTERS, min_size=2, max_size=8)
LARGER = Claim(metric="accuracy", direction="higher")
SMALLER = Claim(metric="accuracy", direction="lower")
NOISE = np.array([0.1, -0.2, 0.15, 0.0, -0.1, 0.05, 0.12, -0.12])


def claim_of(smallest_effect: float) -> Claim:
    return LARGER.model_copy(update={"smallest_effect": smallest_effect})


def verdict_on(gains: Sequence[float], claim: Claim = LARGER, planned_analyses: int = 1) -> Verdict:
    comparison = compare(gains, np.zeros(len(gains)), planned_analyses)
    return Verdict(claim=claim, comparison=comparison)


def word(gains: Sequence[float], claim: Claim = LARGER, others: int = 0) -> Word:
    """The verdict on a claim, among other claims of which nothing can be said."""
    vague = [verdict_on([1.0, -1.0])] * others
    return judge([verdict_on(gains, claim), *vague])[0].word


# --- looks ----------------------------------------------------------------------------------------


def test_seeds_are_doubled_from_look_to_look() -> None:
    assert interim_analyses(8, 32) == [8, 16, 32]
    assert interim_analyses(8, 20) == [8, 16, 20]
    assert interim_analyses(8, 8) == interim_analyses(8, 4) == [8]
    assert interim_analyses(0, 32) == []


# --- comparisons ----------------------------------------------------------------------------------


@given(GAINS, GAINS, st.integers(1, 4))
def test_the_interval_is_scipys_at_the_level_that_is_left_for_each_look(
    run: list[float], other: list[float], planned_analyses: int
) -> None:
    count = min(len(run), len(other))
    run, other = run[:count], other[:count]
    found = compare(run, other, planned_analyses)
    differences = np.subtract(run, other)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-9)
    assume(differences.std() > 1e-6)
    expected = stats.ttest_rel(run, other).confidence_interval(1 - LEVEL / planned_analyses)
    assert found.low == pytest.approx(expected.low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(expected.high, rel=1e-6, abs=1e-9)


@given(FEW_GAINS, st.integers(1, 4))
def test_the_p_value_is_the_larger_of_scipys_t_test_and_its_exact_one_for_each_look(
    gains: list[float], planned_analyses: int
) -> None:
    assume(np.std(gains) > 1e-6)
    student, exact = (
        2 * min(p, q)
        for p, q in (
            [stats.ttest_1samp(gains, 0, alternative=side).pvalue for side in ("greater", "less")],
            [scipys_sign_flips(gains), scipys_sign_flips(np.negative(gains))],
        )
    )
    expected = min(1.0, planned_analyses * max(student, exact))
    found = compare(gains, np.zeros(len(gains)), planned_analyses)
    assert found.p == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_seed_decides_nothing() -> None:
    found = compare([93.0], [90.0])
    assert (found.mean, found.low, found.p) == (3.0, None, None)
    assert word([3.0]) == "undecided"


def test_the_same_on_every_seed_is_told_as_such() -> None:
    judged = judge([verdict_on([0.0] * 8)])[0]
    assert (judged.word, judged.why) == ("undecided", "The same on every seed.")


def test_the_same_gain_on_every_seed_is_decided_by_the_exact_test_alone() -> None:
    assert word([0.5] * 8) == "supported"
    assert word([-0.5] * 8) == "refuted"
    assert word([0.5] * 5) == "undecided", "one of 32 sign flips is above 2.5 %"


# --- the exact test -------------------------------------------------------------------------------


def scipys_sign_flips(gains: Sequence[float]) -> float:
    """The same test by scipy, which goes through all flips one by one."""
    return float(
        stats.permutation_test(
            (np.asarray(gains),), np.sum, permutation_type="samples", n_resamples=np.inf,
            alternative="greater", vectorized=True,
        ).pvalue
    )  # fmt: skip


@given(FEW_GAINS)
def test_the_exact_p_value_is_scipys_permutation_test(gains: list[float]) -> None:
    assert sign_flip_p(gains) == pytest.approx(scipys_sign_flips(gains), rel=1e-12)


@given(GAINS)
def test_flips_of_both_sides_are_all_flips_and_ties_count_twice(gains: list[float]) -> None:
    above, below = sign_flip_p(gains), sign_flip_p(np.negative(gains))
    assert above + below >= 1 - 1e-12
    assert min(above, below) >= 0.5 ** len(gains)


@given(GAINS, st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_matter(gains: list[float], random: object) -> None:
    shuffled = list(gains)
    random.shuffle(shuffled)
    assert sign_flip_p(shuffled) == sign_flip_p(gains)


def test_as_many_seeds_as_a_sweep_may_have_are_flipped_exactly_and_no_more() -> None:
    assert sign_flip_p(np.ones(MOST_SEEDS)) == 0.5**MOST_SEEDS
    with pytest.raises(ValueError, match="at most 40"):
        sign_flip_p(np.ones(MOST_SEEDS + 1))


# --- many claims ----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_the_raw_value_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, value in zip(p, adjusted, strict=True):
        assert raw <= value <= min(1.0, len(p) * raw) + 1e-12
    order = np.argsort(p, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(GAINS, min_size=1, max_size=4), GAINS, st.sampled_from([0.0, 0.5, 2.0]))
def test_a_further_claim_makes_no_verdict_surer(
    tried: list[list[float]], further: list[float], smallest_effect: float
) -> None:
    claim = claim_of(smallest_effect)
    before = [verdict_on(gains, claim) for gains in tried]
    alone = judge(before)
    joined = judge([*before, verdict_on(further, claim)])
    for own, among in zip(alone, joined, strict=False):
        assert among.p >= own.p
        assert among.word in (own.word, "undecided")


def test_claims_without_a_comparison_do_not_count_and_have_no_result() -> None:
    missing = Verdict(claim=LARGER, why="No run finished.")
    sure = verdict_on(1 + NOISE)
    judged = judge([sure, *[missing] * 50])
    assert judged[0].p == judge([sure])[0].p
    assert [each.word for each in judged] == ["supported", *["no result"] * 50]
    assert judged[1].why == "No run finished."


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "smallest_effect", "expected", "why"),
    [
        (+1.0, 0.0, "supported", "Gained on fresh seeds."),
        (-1.0, 0.0, "refuted", "Lost on fresh seeds."),
        (+1.0, 0.5, "supported", "Gained on fresh seeds, and by the 0.5 that matter at least."),
        (-1.0, 0.5, "refuted", "Surely did not gain the 0.5 that matter."),
        (+0.0, 0.5, "refuted", "Surely did not gain the 0.5 that matter."),
        (+0.3, 0.5, "refuted", "Gained, but surely less than the 0.5 that matter."),
        (+0.45, 0.5, "undecided", "Surely gained; whether by the 0.5 that matter is open. About"),
        (+0.03, 0.0, "undecided", "About"),
        (+0.0001, 0.0, "undecided", "More than 1000 seeds would be needed"),
    ],
)
def test_the_word_follows_the_smallest_effect_and_the_evidence(
    gain: float, smallest_effect: float, expected: str, why: str
) -> None:
    found = judge([verdict_on(gain + NOISE - NOISE.mean(), claim_of(smallest_effect))])[0]
    assert found.word == expected
    assert found.why.startswith(why)


@given(GAINS, st.sampled_from([0.0, 0.5, 2.0]))
def test_a_claim_of_lower_is_the_mirror_of_one_of_higher(
    gains: list[float], smallest_effect: float
) -> None:
    higher = judge([verdict_on(gains, claim_of(smallest_effect))])[0]
    mirrored = SMALLER.model_copy(update={"smallest_effect": smallest_effect})
    lower = judge([verdict_on(np.negative(gains), mirrored)])[0]
    assert (lower.word, lower.p, lower.evidence) == (higher.word, higher.p, higher.evidence)


@given(GAINS, st.floats(0.1, 5))
def test_who_claims_more_is_supported_no_sooner_and_refuted_no_later(
    gains: list[float], smallest_effect: float
) -> None:
    words = ["refuted", "undecided", "supported"]
    assert words.index(word(gains, claim_of(smallest_effect))) <= words.index(word(gains))


@given(GAINS, st.integers(1, 4))
def test_each_planned_look_is_paid_for(gains: list[float], planned_analyses: int) -> None:
    once = weigh(LARGER, compare(gains, np.zeros(len(gains))))
    often = weigh(LARGER, compare(gains, np.zeros(len(gains)), planned_analyses))
    assert often.better == pytest.approx(min(1.0, planned_analyses * once.better))
    assert often.short == pytest.approx(min(1.0, planned_analyses * once.short))


# --- how many seeds -------------------------------------------------------------------------------


@given(st.floats(0.05, 3), st.integers(1, 20), st.integers(1, 3))
def test_as_many_seeds_as_are_said_to_decide_do_decide_if_all_stays_as_it_is(
    gain: float, claims: int, planned_analyses: int
) -> None:
    pair = compare([gain + 1, gain - 1], [0.0, 0.0], planned_analyses)
    needed = seeds_to_decide(LARGER, pair, claims)
    assume(needed is not None and needed <= OUT_OF_REACH)
    student = stats.t.sf(gain / (pair.deviation / np.sqrt(needed)), needed - 1)
    assert 2 * planned_analyses * claims * student < LEVEL
    assert 2 * planned_analyses * claims * 0.5**needed <= LEVEL * (1 + 1e-9)


def test_more_seeds_are_run_only_where_they_may_decide() -> None:
    def worth(gains: Sequence[float], claim: Claim = LARGER, claims: int = 1) -> bool:
        return is_worth_more(claim, compare(gains, np.zeros(len(gains)), 3), claims, 32)

    assert worth(0.08 + NOISE), "promising"
    assert not worth(1 + NOISE), "decided"
    assert worth(1 + NOISE, claims=20), "decided on its own, not among twenty"
    assert not worth(0.001 + NOISE), "out of reach"
    assert worth(0.001 + NOISE, claim_of(0.1)), "that it gains less than 0.1 can be shown"


# --- error rates ----------------------------------------------------------------------------------


def test_ideas_that_change_nothing_are_seldom_called_better_or_worse_whatever_is_looked_at() -> (
    None
):
    """The most impatient of readers: looks at all times, stops at the first word that he likes."""
    rng = np.random.default_rng(0)
    sweeps, ideas, counts = 300, 3, interim_analyses(4, 16)
    wrong = {"supported": 0, "refuted": 0}
    for _ in range(sweeps):
        baseline = rng.standard_t(3, size=16)
        runs = rng.standard_t(3, size=(ideas, 16))
        words = {
            each.word
            for count in counts
            for each in judge(
                [verdict_on(run[:count] - baseline[:count], LARGER, 3) for run in runs]
            )
        }
        for name in wrong:
            wrong[name] += name in words
    for count in wrong.values():
        assert stats.binomtest(count, sweeps, LEVEL / 2, alternative="greater").pvalue > 0.01


def test_a_large_effect_is_found_among_many_ideas() -> None:
    rng = np.random.default_rng(0)
    found = [word(rng.normal(2.0, 1.0, size=16), others=13) for _ in range(50)]
    assert found.count("supported") > 45


def test_differences_that_are_the_same_but_for_rounding_have_no_effect_size() -> None:
    assert compare([1.3, 1.4, 0.6 + 0.3], [1.0, 1.1, 0.6]).effect is None
