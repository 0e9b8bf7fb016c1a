"""The numbers in a `final_info.json` of somebody else's, in every shape that they come in."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.base import BonsaiError
from bonsai.evaluation.reported import read

NAMES = st.text("abcdefgh_", min_size=1, max_size=8).filter(
    lambda name: name not in ("means", "stderrs", "stds")
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
NO_NUMBERS = st.text(max_size=5) | st.booleans() | st.none() | st.lists(NUMBERS, max_size=3)
LEAVES = NUMBERS | NO_NUMBERS | st.just(float("nan"))
ANY = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES | st.just("means"), inner, max_size=3), max_leaves=8
)


@pytest.mark.parametrize(
    ("info", "metrics"),
    [
        ({"a": {"means": {"loss": 1, "acc": 0.5}, "stderrs": {"loss": 9}}},
         {"loss": 1, "acc": 0.5}),
        ({"a": {"means": {"loss": 1}}, "b": {"means": {"loss": 2}}}, {"a/loss": 1, "b/loss": 2}),
        ({"l 3": {"means": 0.8, "stds": 0.1}}, {"l 3": 0.8}),
        ({"l 3": {"means": 0.8}, "l 4": {"means": 0.7}}, {"l 3": 0.8, "l 4": 0.7}),
        ({"a": {"means": {"mse": 1, "of": {"max": 2, "min": {"x": 3}}}, "xs": [1, 2]}},
         {"mse": 1, "of/max": 2, "of/min/x": 3}),
        ({"means": {"val_mse": 0.3}, "stderrs": {"val_mse": 1}, "final_info_list": [{"q": 1}]},
         {"val_mse": 0.3}),
        ({"results": {"wins": 0.5, "rounds": 7}, "runtime": 3.2},
         {"results/wins": 0.5, "results/rounds": 7, "runtime": 3.2}),
        ({"toy": {"loss": 0.5}}, {"loss": 0.5}),
        ({"a": {"means": {"loss_mean": 2}, "final_info_dict": {"loss": [1, 3]}}}, {"loss": 2}),
        ({"a": {"means": {"x_mean": 2}}}, {"x_mean": 2}),
        ({"a": {"final_info_dict": {"loss": [1, 3], "curve": [[1], [2]]}}}, {"loss": 2}),
    ],
)  # fmt: skip
def test_numbers_are_called_by_their_keys(info: Any, metrics: dict[str, float]) -> None:
    assert read(info).metrics == metrics


def test_what_is_no_number_is_left_alone_and_named_once() -> None:
    found = read({"a": {"means": {"t": 1, "matrix": [[1, 2]], "done": True}, "solution": "y"}})
    assert found.metrics == {"t": 1}
    assert found.left_out == ("matrix", "done", "solution")


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_refused_with_its_place(wrong: str) -> None:
    with pytest.raises(BonsaiError, match=r"final_info.json: toy: loss is (nan|inf)"):
        read({"toy": {"means": {"loss": json.loads(wrong)}, "stderrs": {"loss": math.nan}}})


@pytest.mark.parametrize("empty", [{}, {"a": {}}, {"a": {"means": {"c": [1]}}}, [1], 3, None])
def test_no_number_at_all_is_refused(empty: Any) -> None:
    with pytest.raises(BonsaiError, match=r"final_info\.json holds no (number|object)"):
        read(empty)


@given(st.dictionaries(NAMES, ANY, max_size=3))
def test_whatever_comes_is_read_or_refused_in_words(info: Any) -> None:
    try:
        found = read(info)
    except BonsaiError as error:
        assert "final_info.json" in str(error)
    else:
        assert found.metrics
        assert all(value == value for value in found.metrics.values())


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, NUMBERS, min_size=1), min_size=2))
def test_of_several_sets_no_number_is_lost(sets: dict[str, dict[str, float]]) -> None:
    info = {name: {"means": means} for name, means in sets.items()}
    expected = {f"{a}/{b}": float(v) for a, means in sets.items() for b, v in means.items()}
    assert read(info).metrics == expected
