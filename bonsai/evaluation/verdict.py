"""Whether a claim holds: paired differences on fresh seeds, in planned interim analyses.

The test is group-sequential, with Bonferroni's correction for the interim analyses: a claim is
analysed after 8, 16, 32 fresh seeds (people read: looked at), and each of K analyses is a test at a
K-th of the level. So it may be stopped after any of them, for any reason, and errs at most as often
as it says; the interval is a repeated confidence interval (Jennison and Turnbull, J. R. Statist.
Soc. B 51:305-361, 1989) and covers the truth at all analyses together with 95 % probability.

The p-value is the larger of two: of Student's paired t-test, which few seeds that happen to agree
can deceive, and of Fisher's exact test by flipping the signs of the differences, which needs no
normal distribution. Holm's correction goes over all claims of a sweep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel

from bonsai.kit.statistics import MOST_SEEDS, ROUNDING, holm, p_above, sign_flip_p
from bonsai.templates import Claim

LEVEL = 0.05  # two-sided: a half for claims wrongly supported, a half for claims wrongly refuted
OUT_OF_REACH = 1000  # seeds; nobody runs more
HOPE = 1.0  # standard errors that more seeds may turn out better; chosen by benchmarks/verdicts.py

Word = Literal["supported", "refuted", "undecided", "no result"]


class Comparison(BaseModel):
    """A run against another, seed by seed, in one metric.

    Attributes:
        differences: run minus the other for each fresh seed, in the metric's unit.
        mean: their mean.
        low: lower end of the mean's 95 % interval (Student's t, corrected for the interim
            analyses); None with fewer than two seeds.
        high: upper end.
        effect: Cohen's d for paired samples, mean over standard deviation; None where undefined.
        looks: how many interim analyses are planned.
        p: two-sided p-value of no difference, corrected for these; None with fewer than two.
        exact: whether neither run depends on any seed, so that the difference is exact.
    """

    differences: list[float]
    mean: float
    low: float | None
    high: float | None
    effect: float | None
    looks: int = 1
    p: float | None
    exact: bool = False

    @property
    def deviation(self) -> float:
        """Standard deviation of the differences between seeds; 0 with fewer than two."""
        return float(np.std(self.differences, ddof=1)) if len(self.differences) > 1 else 0.0


class Evidence(BaseModel):
    """What fresh seeds say of a claim: p-values, corrected for interim analyses and two sides.

    Attributes:
        better: of the metric not having moved in the claimed direction at all.
        short: of it having moved by the smallest effect or more.
    """

    better: float = 1.0
    short: float = 1.0


class Verdict(BaseModel):
    """How a claim ended.

    Attributes:
        claim: what was claimed.
        word: the verdict.
        why: the same as a sentence, with what would decide it where it is undecided.
        run: the run that it was judged by; None if there is none.
        comparison: its differences to the run that the claim names, on fresh seeds.
        evidence: before the correction for many claims.
        p: after it, of the side that decides; None if there is none.
    """

    claim: Claim
    word: Word = "no result"
    why: str = ""
    run: str | None = None
    comparison: Comparison | None = None
    evidence: Evidence | None = None
    p: float | None = None


def interim_analyses(first: int, most: int) -> list[int]:
    """After how many fresh seeds a claim is analysed: `first`, doubled until `most`; or never."""
    if first == 0:
        return []
    counts = [first]
    while counts[-1] < most:
        counts.append(min(2 * counts[-1], most))
    return counts


def compare(run: Sequence[float], other: Sequence[float], planned_analyses: int = 1) -> Comparison:
    """Compare one metric of two runs on the same seeds.

    Args:
        run: one value per seed.
        other: one value per seed, in the same order.
        planned_analyses: how often the comparison may be made in all, with more seeds each time.
    """
    # Here, because it takes long to load; and not scipy.stats, which takes a hundred times as
    # long for the same numbers: a sweep may hold thousands of ideas.
    from scipy.special import stdtrit

    differences = np.asarray(run, dtype=float) - np.asarray(other, dtype=float)
    count, mean = len(differences), float(differences.mean())
    plain = Comparison(
        differences=differences.tolist(), mean=mean, low=None, high=None, effect=None,
        looks=planned_analyses, p=None,
    )  # fmt: skip
    if count < 2:
        return plain
    deviation = plain.deviation
    reach = (
        float(stdtrit(count - 1, 1 - LEVEL / 2 / planned_analyses)) * deviation / math.sqrt(count)
    )
    p = 2 * planned_analyses * min(p_above(differences), p_above(-differences))
    return plain.model_copy(
        update={
            "low": mean - reach,
            "high": mean + reach,
            "effect": mean / deviation if deviation > ROUNDING * abs(mean) else None,
            "p": min(1.0, p),
        }
    )


def compare_exactly(run: float, other: float) -> Comparison:
    """Compare one metric of two runs that depend on no seed: there is nothing to be sure of."""
    mean = run - other
    return Comparison(
        differences=[mean], mean=mean, low=None, high=None, effect=None, p=None, exact=True
    )


def weigh(claim: Claim, comparison: Comparison) -> Evidence:
    """Test a claim: that there is no gain, and that there is a gain of the smallest effect."""
    if len(comparison.differences) < 2:
        return Evidence()
    gains = _sign(claim) * np.asarray(comparison.differences)
    factor = 2 * comparison.looks
    return Evidence(
        better=min(1.0, factor * p_above(gains)),
        short=min(1.0, factor * p_above(claim.smallest_effect - gains)),
    )


def judge(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts on all claims of a sweep, corrected for how many they are.

    Supported is a claim whose metric has surely moved in its direction, and on average by the
    smallest effect at least; refuted is one whose metric has surely not moved by that much.

    Args:
        verdicts: one a claim, with a comparison where there is one; their words are not read.
    """
    weighed = [each for each in verdicts if each.comparison and not each.comparison.exact]
    evidence = {id(each): weigh(each.claim, each.comparison) for each in weighed if each.comparison}
    better = holm([evidence[id(each)].better for each in weighed])
    short = holm([evidence[id(each)].short for each in weighed])
    adjusted = {
        id(each): Evidence(better=above, short=below)
        for each, above, below in zip(weighed, better, short, strict=True)
    }
    return [
        verdict if verdict.comparison is None
        else _judge_exactly(verdict, verdict.comparison) if verdict.comparison.exact
        else _judge(verdict, verdict.comparison, evidence[id(verdict)], adjusted[id(verdict)],
                    len(weighed))
        for verdict in verdicts
    ]  # fmt: skip


def _judge(
    verdict: Verdict, comparison: Comparison, raw: Evidence, adjusted: Evidence, claims: int
) -> Verdict:
    claim = verdict.claim
    gain = _sign(claim) * comparison.mean
    word: Word = "undecided"
    if adjusted.short < LEVEL:
        word = "refuted"
    elif adjusted.better < LEVEL and gain >= claim.smallest_effect:
        word = "supported"
    p = adjusted.better if gain >= claim.smallest_effect else adjusted.short
    why = _explain(claim, comparison, word, adjusted, claims)
    return verdict.model_copy(update={"word": word, "evidence": raw, "p": p, "why": why})


def _judge_exactly(verdict: Verdict, comparison: Comparison) -> Verdict:
    gain, least = _sign(verdict.claim) * comparison.mean, verdict.claim.smallest_effect
    word: Word = "refuted" if gain < least else "supported" if gain > 0 else "undecided"
    told = "The same" if gain == 0 else "Gained" if gain > 0 else "Lost"
    why = f"{told}; nothing depends on a seed, so the difference is exact, and there is no p-value."
    return verdict.model_copy(update={"word": word, "why": why})


def _explain(
    claim: Claim, comparison: Comparison, word: Word, adjusted: Evidence, claims: int
) -> str:
    sure = adjusted.better < LEVEL
    least = f"the {claim.smallest_effect:g} that matter"
    if word == "supported":
        return f"Gained on fresh seeds, and by {least} at least." if claim.smallest_effect else (
            "Gained on fresh seeds."
        )  # fmt: skip
    if word == "refuted":
        if not claim.smallest_effect:
            return "Lost on fresh seeds."
        return f"Gained, but surely less than {least}." if sure else f"Surely did not gain {least}."
    if not any(comparison.differences):
        return "The same on every seed."
    begin = f"Surely gained; whether by {least} is open. " if sure else ""
    needed = seeds_to_decide(claim, comparison, claims)
    count = len(comparison.differences)
    if needed is None:
        return f"{begin}More than {OUT_OF_REACH} seeds would be needed to decide it, if ever."
    if needed <= count:
        return f"{begin}On its own it would be decided; among {claims} claims it may be chance."
    return f"{begin}About {needed} seeds would decide it, if mean and spread stay as they are."


def seeds_to_decide(
    claim: Claim, comparison: Comparison, claims: int, hope: float = 0.0
) -> int | None:
    """How many fresh seeds would decide a claim, if the mean and the spread stay as they are.

    Args:
        claim: what is claimed.
        comparison: what is known so far.
        claims: how many claims are judged together.
        hope: standard errors by which the mean may move further away from what is in question.

    Returns:
        Their number; None if it is above `OUT_OF_REACH`.
    """
    from scipy.special import stdtrit

    count, deviation = len(comparison.differences), comparison.deviation
    gain = _sign(claim) * comparison.mean
    bound = 0.0 if gain >= claim.smallest_effect else claim.smallest_effect
    distance = abs(gain - bound) + hope * deviation / math.sqrt(count)
    level = LEVEL / 2 / comparison.looks / claims
    fewest = max(2, math.ceil(-math.log2(level)))  # no exact test decides with fewer
    numbers = np.unique(np.geomspace(fewest, OUT_OF_REACH, 120).astype(int))  # close enough
    reach = stdtrit(numbers - 1, 1 - level) * deviation / np.sqrt(numbers)
    enough = numbers[reach < distance]
    return int(enough[0]) if len(enough) else None


def is_worth_more(claim: Claim, comparison: Comparison, claims: int, most: int) -> bool:
    """Whether more seeds, up to `most` in all, may well decide a claim that is undecided.

    It only saves time: stopping early for want of hope can make no claim come true.

    Args:
        claim: what is claimed.
        comparison: what is known so far.
        claims: how many claims will be judged together.
        most: how many seeds there can be in all.
    """
    if len(comparison.differences) < 2:
        return True
    evidence = weigh(claim, comparison)
    gain = _sign(claim) * comparison.mean
    decided = evidence.short < LEVEL / claims or (
        evidence.better < LEVEL / claims and gain >= claim.smallest_effect
    )
    needed = seeds_to_decide(claim, comparison, claims, HOPE)
    return not decided and needed is not None and needed <= most


def _sign(claim: Claim) -> float:
    return -1.0 if claim.direction == "lower" else 1.0


__all__ = [
    "HOPE",
    "LEVEL",
    "MOST_SEEDS",
    "OUT_OF_REACH",
    "Comparison",
    "Evidence",
    "Verdict",
    "Word",
    "compare",
    "compare_exactly",
    "holm",
    "interim_analyses",
    "is_worth_more",
    "judge",
    "seeds_to_decide",
    "sign_flip_p",
    "weigh",
]
