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
    assert not changed(CODE.encode(), CODE.replace(before, after).encode(), ["loss"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"loss": loss}', '{"loss": loss * 0.9}'),
        ("loss = train(rate)", "loss = min(train(rate), 0.1)"),
        ("json.dump(final_info, file)", "json.dump(faked, file)"),
    ],
)
def test_reporting_may_not(before: str, after: str) -> None:
    assert changed(CODE.encode(), CODE.replace(before, after).encode(), ["loss"])


def test_a_fixed_number_instead_of_a_result_is_seen() -> None:
    assert constants(CODE.encode(), ["loss"]) == []
    assert constants(CODE.replace('": loss', '": 0.01').encode(), ["toy/loss"]) == ["loss"]
    assert constants(b'means["loss"] = -3', ["loss"]) == ["loss"]
