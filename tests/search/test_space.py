"""Settings are read from the text of an experiment and written back as a plain edit."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonsai.base import BonsaiError
from bonsai.search.space import read_space, values_of, with_values
from tests import sweeps

SOURCE = '''"""A study."""
from dataclasses import dataclass, field

RATE = 0.1


@dataclass
class Config:
    """What a run may change."""

    epochs: int = 7                # passes; größer ist langsamer
    width: int = 64; depth: int = 2
    rate: float = 3e-3             # of Adam
    share: float = 0.6             # kept
    scale: float = 2.0
    none: float = 0.0              # without a magnitude
    below: float = -1.0
    mirror: bool = True            # flip
    kind: str = "relu"             # or "tanh"
    sizes: tuple[int, ...] = (1, 2)
    linked: float = RATE
    made: list[int] = field(default_factory=list)


class Other:
    epochs: int = 3
'''


def test_ranges_follow_from_the_magnitude_of_the_defaults() -> None:
    space = read_space(SOURCE)
    assert list(space) == ["epochs", "width", "depth", "rate", "share", "scale", "mirror"]
    assert (space["epochs"].low, space["epochs"].high, space["epochs"].log) == (1, 28, False)
    assert (space["width"].low, space["width"].high, space["width"].log) == (16, 256, True)
    assert (space["rate"].low, space["rate"].high) == (0.00075, 0.012)
    assert (space["share"].low, space["share"].high) == (0.15, 0.8), "a share stays below 1"
    assert space["scale"].high == 8.0
    assert space["mirror"].choices == (True, False)


def test_a_table_says_more_than_the_defaults() -> None:
    table = {
        "epochs": False, "rate": [0.001, 0.01], "kind": ["relu", "tanh"], "width": [32, 64, 128],
        "none": {"low": 0.0, "high": 0.5}, "scale": {"low": 1, "high": 3, "log": True},
    }  # fmt: skip
    space = read_space(SOURCE, table)
    assert "epochs" not in space
    assert (space["rate"].low, space["rate"].high, space["rate"].log) == (0.001, 0.01, True)
    assert space["kind"].choices == ("relu", "tanh")
    assert space["width"].choices == (32, 64, 128)
    assert (space["none"].low, space["none"].high) == (0.0, 0.5)
    assert space["scale"].log


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"epoch": [1, 2]}, "names epoch, which Config"),
        ({"kind": {"low": 1, "high": 2}}, "kind is no number"),
        ({"rate": [0.5, 0.1]}, "rate goes from 0.5 to 0.1"),
        ({"rate": {"low": 0, "high": 1, "log": True}}, "must be above 0"),
        ({"rate": "fast"}, "rate"),
    ],
)
def test_a_wrong_table_is_told_with_its_place(table: dict[str, object], told: str) -> None:
    with pytest.raises(BonsaiError, match=told):
        read_space(SOURCE, table)


@given(
    epochs=st.integers(0, 10**6),
    rate=st.floats(allow_nan=False, allow_infinity=False),
    mirror=st.booleans(),
    kind=st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=9),
    depth=st.integers(1, 9),
    width=st.integers(-9, 10**4),
)
def test_what_is_written_is_read_and_all_else_stays(
    epochs: int, rate: float, mirror: bool, kind: str, depth: int, width: int
) -> None:
    values = {"epochs": epochs, "rate": rate, "mirror": mirror, "kind": kind, "depth": depth}
    values["width"] = width
    text = with_values(SOURCE, values)
    assert {name: values_of(text)[name] for name in values} == values
    before = {name: value for name, value in values_of(SOURCE).items() if name not in values}
    assert {name: value for name, value in values_of(text).items() if name not in values} == before
    assert values_of(with_values(text, values_of(SOURCE))) == values_of(SOURCE)
    assert "größer ist langsamer" in text
    ast.parse(text)


def test_nothing_is_written_where_nothing_is_other() -> None:
    assert with_values(SOURCE, values_of(SOURCE)) == SOURCE


def test_a_field_that_is_gone_is_told() -> None:
    with pytest.raises(BonsaiError, match="no field 'speed' any more"):
        with_values(SOURCE, {"speed": 3})


@pytest.mark.parametrize("folder", sorted((sweeps.REPOSITORY / "templates").iterdir()))
def test_every_shipped_template_has_something_to_move(folder: Path) -> None:
    source = (folder / "experiment.py").read_text(encoding="utf-8")
    space = read_space(source)
    assert space
    moved = {name: each.choices[-1] if each.choices else each.default
             for name, each in space.items()}  # fmt: skip
    ast.parse(with_values(source, moved))
