"""Edits of the code that reports metrics are seen, and edits of the science are not."""

from __future__ import annotations

import pytest

from bonsai.evaluation.reporting_code import changed, constants

CODE = """
rate = 0.1
loss = train(rate)
means = {"loss": loss}
final_info = {"toy": {"means": means}}
json.dump(final_info, file)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rate = 0.1", "rate = 0.2  # faster"),
        ("train(rate)", "train(rate)  # as before"),
    ],
)
def test_science_may_change(before: str, after: str) -> None:
    assert not changed(CODE.encode(), CODE.replace(before, after).encode(), ["loss"])[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"loss": loss}', '{"loss": loss * 0.9}'),
        ("loss = train(rate)", "loss = min(train(rate), 0.1)"),
        ("json.dump(final_info, file)", "json.dump(faked, file)"),
    ],
)
def test_reporting_may_not(before: str, after: str) -> None:
    assert changed(CODE.encode(), CODE.replace(before, after).encode(), ["loss"])[0]


LONGER = """
rate = 0.1
losses = []
for seed in range(3):
    losses.append(train(rate, seed))
mean = sum(losses) / 3
low, high = min(losses), max(losses)
means = {"loss": mean, "best": low}
final_info = {"toy": {"means": means}}
"""


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        ("rate = 0.1", "rate = 0.2", False),
        ("train(rate, seed)", "train(rate / 2, seed)", False),  # two steps back
        ("sum(losses) / 3", "sum(losses) / 4", True),
        ("sum(losses) / 3", "min(losses)", True),
        ("low, high = min(losses), max(losses)", "low, high = 0.0, max(losses)", True),
        ('means = {"loss"', 'mean *= 0.5\nmeans = {"loss"', True),
    ],
)
def test_what_computes_the_reported_values_is_looked_at_too(
    before: str, after: str, seen: bool
) -> None:
    assert before in LONGER
    new = LONGER.replace(before, after).encode()
    reporting, computing = changed(LONGER.encode(), new, ["loss", "best"])
    assert not reporting
    assert bool(computing) == seen


def test_a_variable_that_only_holds_a_fixed_number_is_one() -> None:
    fixed = LONGER.replace("mean = sum(losses) / 3", "mean = 0.01")
    assert constants(LONGER.encode(), ["loss", "best"]) == []
    assert constants(fixed.encode(), ["loss", "best"]) == ["loss"]


@pytest.mark.parametrize(
    ("line", "is_fixed"),
    [
        ("mean: float = 0.01", True),
        ("mean = other = -0.01", True),
        ("mean = 0.0\nfor value in losses:\n    mean += value", False),
        ("mean = 0.0\nfor mean in losses:\n    pass", False),
        ("mean = 0.0\nmean, spread = summary(losses)", False),
        ("mean = 0.0\nwith measured() as mean:\n    pass", False),
        ("mean = 0.0\nif (mean := sum(losses)):\n    pass", False),
        ("mean = 0.0\ndef report(mean):\n    pass", False),
    ],
)
def test_a_variable_is_fixed_if_nothing_but_numbers_is_given_to_it(
    line: str, is_fixed: bool
) -> None:
    text = LONGER.replace("mean = sum(losses) / 3", line)
    assert (constants(text.encode(), ["loss", "best"]) == ["loss"]) == is_fixed


def test_a_fixed_number_instead_of_a_result_is_seen() -> None:
    assert constants(CODE.encode(), ["loss"]) == []
    assert constants(CODE.replace('": loss', '": 0.01').encode(), ["toy/loss"]) == ["loss"]
    assert constants(b'means["loss"] = -3', ["loss"]) == ["loss"]
