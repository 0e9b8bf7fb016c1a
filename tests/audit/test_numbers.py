"""The numbers of a text: value, digits, unit, spread, and which are no results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.audit.numbers import numbers


@pytest.mark.parametrize(
    ("text", "value", "digits", "unit"),
    [
        ("reaches 90.71 % on", 90.71, 2, "%"),
        ("reaches 90.71% on", 90.71, 2, "%"),
        ("reaches 90.71 percent", 90.71, 2, "%"),
        ("by -0.10 percentage points", -0.10, 2, "points"),
        ("by 3 pp", 3.0, 0, "points"),
        ("116,784 of them", 116784.0, 0, ""),
        ("a loss of 1.2e-3,", 0.0012, 4, ""),
        ("a loss of 1.2 × 10^-3,", 0.0012, 4, ""),
        ("took 16 s.", 16.0, 0, "s"),
        ("took 98.8 µs per image", 98.8, 1, "µs"),
        ("is 2.5x faster", 2.5, 1, "times"),
        ("is 2 times faster", 2.0, 0, "times"),
        ("is twice as fast", 2.0, 0, "times"),
        ("a three-fold gain", 3.0, 0, "times"),
        ("from .83 on", 0.83, 2, ""),
    ],
)
def test_a_number_comes_with_its_value_digits_and_unit(
    text: str, value: float, digits: int, unit: str
) -> None:
    (number,) = numbers(text)
    assert (number.value, number.digits, number.unit) == (pytest.approx(value), digits, unit)
    assert not number.is_label


@pytest.mark.parametrize("text", ["83.2 ± 0.4 %", "83.2% ± 0.4", "83.2 +/- 0.4 %"])
def test_what_stands_after_plus_minus_is_its_spread(text: str) -> None:
    (number,) = numbers(text)
    assert (number.value, number.spread, number.unit) == (83.2, 0.4, "%")


@pytest.mark.parametrize(
    "text",
    ["Figure 3", "Table 2", "Section 4", "Run 3", "run_1", "ResNet-18", "CIFAR-10", "(Ho, 2020)",
     "in 2020", "a 2D plane", "10k steps", "3x3 kernels", "version 2.13.0", "2026-12-01", "[12]",
     "65af1e9fa235e9b9", "arXiv:2408.06292", "the 3rd run"],
)  # fmt: skip
def test_names_years_and_places_are_no_results(text: str) -> None:
    assert all(number.is_label for number in numbers(text))


def test_the_ends_of_a_range_are_two_numbers_and_the_dash_is_no_sign() -> None:
    assert [number.value for number in numbers("0.3-0.5")] == [0.3, 0.5]


@given(
    st.floats(-1e6, 1e6, allow_nan=False), st.integers(0, 6),
    st.sampled_from(["", " %", " s", " percentage points"]),
)  # fmt: skip
def test_what_was_written_with_some_digits_is_read_with_them(
    value: float, digits: int, unit: str
) -> None:
    written = f"{value:.{digits}f}"
    (number,) = numbers(f"a value of {written}{unit} there")
    assert number.value == float(written)
    assert number.digits == digits


@given(st.text(max_size=80))
def test_any_text_can_be_read_and_each_number_stands_where_it_says(text: str) -> None:
    for number in numbers(text):
        assert text[number.start : number.end] == number.text
