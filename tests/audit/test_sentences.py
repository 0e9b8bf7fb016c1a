"""Sentences: each number against the run and the metric that it is said to be of."""

from __future__ import annotations

import pytest

from bonsai.audit.checks.comparisons import comparisons
from bonsai.audit.checks.sentences import sentences
from bonsai.audit.findings import Finding
from tests.audit.papers import accused, facts, paper

RIGHT = [
    "Gated units reach a test accuracy of 0.80 on wine.",
    "On wine, gated units reach a test accuracy of 80.0 %, against 70.0 % for the baseline.",
    "On wine, the test accuracy rises from 0.70 to 0.80 with gated units.",
    "On wine, gated units improve the test accuracy by 10 percentage points.",
    "On wine, gated units improve the test accuracy by 14.3 % (relative).",
    "The test accuracy on wine is 0.70, 0.80 and 0.75 for the baseline, gated units and slow "
    "decay, respectively.",
    "With slow decay, the training time on wine is 40 s, four times that of the baseline.",
    "On digits, gated units raise the validation loss from 3.0 for the baseline to 3.3.",
    "Slow decay (0.754) stays behind gated units (0.80) in test accuracy on wine.",
    "On wine, gated units take 12,500 ms to train, which is a training time of 12.5 s.",
    "We train for 100 epochs with a learning rate of 0.001, and report the test accuracy.",
    "The validation loss on wine falls by 0.5 to 1.5 with gated units.",
    "Averaged over both data sets, gated units reach a test accuracy of 0.625.",
    "On wine, the test accuracy of gated units is about 0.8.",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_on_record_is_not_accused(text: str) -> None:
    found = [*sentences(paper(text), facts()), *comparisons(paper(text), facts())]
    assert accused(found) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gated units reach a test accuracy of 0.81 on wine.", "No such value"),
        ("Gated units reach a test accuracy of 0.754 on wine.", "slow decay|run_2"),
        ("Slow decay reaches a test accuracy of 0.76 on wine.", "rounded"),
        ("On wine, gated units reach a test accuracy of 80.0 %, against 75.4 % for the baseline.",
         "run_2"),
        ("On wine, gated units lower the test accuracy by 10 percentage points.", "other way"),
        ("On wine, gated units improve the test accuracy by 12 percentage points.", "No such"),
        ("On wine, the training time of slow decay is 40 ms.", "unit"),
        ("On wine, the training time of slow decay is 40 min.", "unit"),
        ("On wine, the test accuracy falls from 0.70 to 0.80 with gated units.", "other way"),
        ("Gated units reach a test accuracy of 0.6312 on wine.", "out of date"),
        ("The best test accuracy of any run is 0.913.", "No run"),
        ("On wine, gated units reach a test accuracy of 0.80 %.", "unit"),
    ],
)  # fmt: skip
def test_what_is_not_on_record_is_accused_with_what_is(text: str, found: str) -> None:
    rows = [each for each in sentences(paper(text), facts()) if each.accuses]
    assert rows
    assert any(part in row.found for part in found.split("|") for row in rows)


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("On wine, gated units outperform the baseline in test accuracy.", True),
        ("On wine, the baseline outperforms gated units in test accuracy.", False),
        ("On digits, gated units are better than the baseline in test accuracy.", False),
        ("On wine, slow decay is slower than gated units.", True),
        ("On wine, slow decay is faster than gated units.", False),
        ("On wine, gated units fall behind the baseline in test accuracy.", False),
        ("On wine, gated units improve the validation loss.", True),
        ("On digits, gated units improve the validation loss.", False),
        ("The validation loss of gated units is lower than that of the baseline on digits.", False),
        ("We ask whether gated units outperform the baseline on digits in test accuracy.", True),
        ("On digits, gated units do not outperform the baseline in test accuracy.", True),
        ("Gated units outperform the baseline in test accuracy.", True),  # on wine, at least
        ("Gated units have the highest test accuracy on wine.", True),
        ("Slow decay has the highest test accuracy on wine.", False),
        ("Slow decay has the second highest test accuracy on wine.", True),
    ],
)
def test_a_comparison_in_words_is_recomputed(text: str, is_right: bool) -> None:
    found = [each for each in comparisons(paper(text), facts()) if each.accuses]
    assert bool(found) != is_right


def test_settings_counts_and_years_are_untraced_and_accuse_nobody() -> None:
    text = "We use 128 units, a batch size of 64, 3 layers and 5 seeds, as is usual since 2020."
    found = list(sentences(paper(text, section="Method"), facts()))
    assert {each.status for each in found} == {"untraced"}
    assert accused(found) == []


def test_a_pronoun_stands_for_the_run_of_the_sentence_before() -> None:
    text = "On wine, we look at slow decay. It reaches a test accuracy of 0.80."
    rows = [each for each in sentences(paper(text), facts()) if each.accuses]
    assert [row.status for row in rows] == ["contradicted"]
    assert "run_1" in rows[0].found


def test_a_run_that_nobody_knows_may_have_any_value_that_some_run_has() -> None:
    known = "On wine, our masked variant reaches a test accuracy of 0.754."
    unknown = "On wine, our masked variant reaches a test accuracy of 0.791."
    assert accused(list(sentences(paper(known), facts()))) == []
    rows: list[Finding] = [each for each in sentences(paper(unknown), facts()) if each.accuses]
    assert [row.status for row in rows] == ["unsupported"]


def test_what_others_did_is_not_held_against_this_papers_runs() -> None:
    text = "The baseline of earlier work reached a test accuracy of 0.99."
    assert accused(list(sentences(paper(text, section="Related Work"), facts()))) == []
