"""The settings of an experiment that a search may move, read from its text and written back to it.

A candidate is a version of `experiment.py`; so what a proposer of settings finds is an ordinary
edit of the defaults in `class Config`, which applies as a patch.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from bonsai.base import BonsaiError, listing
from bonsai.templates import Template, contract

CONFIG = "Config"
SPREAD = (
    4.0  # without a range of its own, a setting goes from a fourth of its default to four times
)
SMALL = 8  # whole numbers up to this are counted, larger ones are scaled
NOTHING_TO_MOVE = (
    f"experiment.py has no settings that a search can move: a class {CONFIG} whose fields have a "
    'number or a truth value as their default, or stand in "search" of prompt.json'
)
Value = bool | int | float | str


class Range(BaseModel):
    """An entry of the table `search` in `prompt.json`, for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float
    high: float
    log: bool = False


# False: it stays as it is. A list of two numbers is a range, another list holds the choices.
Entry = Literal[False] | Range | Annotated[list[Value], Field(min_length=2)]


class Table(RootModel[dict[str, Entry]]):
    """The table `search` of a template's `prompt.json`: what of `Config` is moved, and how far."""


@dataclass(frozen=True)
class Setting:
    """A field of `Config` that a search may move.

    Attributes:
        name: the field's.
        default: its value in the text.
        low: the least value; None for a choice.
        high: the greatest.
        log: whether ratios count rather than differences.
        choices: all values, where they are named; else empty.
    """

    name: str
    default: Value
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return isinstance(self.default, int) and not isinstance(self.default, bool)


def read_space(source: str, table: Mapping[str, Any] | None = None) -> dict[str, Setting]:
    """The settings of `class Config` in the text of an experiment.

    Taken are fields whose default is written out as a number or a truth value; a range follows from
    the default's magnitude: a quarter to four times of it, below 1 for what is below 1.

    Args:
        source: `experiment.py`.
        table: `search` of `prompt.json`: overrides for some fields; see `Table`.

    Raises:
        BonsaiError: the text does not parse, or the table names what is not there or is no range.
    """
    entries = _entries(table)
    defaults = {name: node.value for name, node in _fields(source).items()}
    if unknown := sorted(set(entries) - set(defaults)):
        raise BonsaiError(
            f'prompt.json: "search" names {listing(unknown)}, which {CONFIG} in experiment.py '
            "does not have as a field with a plain default"
        )
    found = {}
    for name, node in defaults.items():
        entry = entries.get(name)
        if entry is not False and (setting := _setting(name, node, entry)) is not None:
            found[name] = setting
    return found


def space_of(template: Template) -> dict[str, Setting]:
    """The settings of a template that a search may move.

    Raises:
        BonsaiError: there is none, or the table `search` of its `prompt.json` is wrong.
    """
    source = template.experiment.read_text(encoding="utf-8", errors="replace")
    table = (template.prompt.model_extra or {}).get("search")
    try:
        space = read_space(source, table)
    except BonsaiError as error:
        raise BonsaiError(f"{template.name}: {error}") from None
    if not space:
        raise BonsaiError(
            f"{template.name}: {NOTHING_TO_MOVE}; without them only a model can make candidates"
        )
    return space


def values_of(source: str) -> dict[str, Value]:
    """The defaults of `Config` that are written out."""
    found = {}
    for name, node in _fields(source).items():
        value = _literal(node.value)
        if isinstance(value, bool | int | float | str):
            found[name] = value
    return found


def with_values(source: str, values: Mapping[str, Value]) -> str:
    """The text of an experiment with other defaults; all else stays, byte for byte.

    Raises:
        BonsaiError: it has no such field.
    """
    fields = _fields(source)
    lines = source.encode().split(b"\n")  # positions in a parsed text count bytes
    places = []
    for name, value in values.items():
        if name not in fields:
            raise BonsaiError(f"{CONFIG} in experiment.py has no field {name!r} any more")
        node = fields[name].value
        assert node is not None
        if _literal(node) != value or type(_literal(node)) is not type(value):
            places.append((node, repr(value).encode()))
    for node, text in sorted(places, key=lambda place: _place(place[0]), reverse=True):
        assert node.end_lineno == node.lineno, "a number stands in one line"
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + text + line[node.end_col_offset :]
    return b"\n".join(lines).decode()


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _entries(table: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(contract.check(Table, dict(table or {}), 'prompt.json: "search"').root)


def _fields(source: str) -> dict[str, ast.AnnAssign]:
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        raise BonsaiError(f"experiment.py does not parse: {error}") from error
    for statement in statements:
        if isinstance(statement, ast.ClassDef) and statement.name == CONFIG:
            return {
                inner.target.id: inner
                for inner in statement.body
                if isinstance(inner, ast.AnnAssign)
                and isinstance(inner.target, ast.Name)
                and inner.value is not None
                and inner.value.lineno == inner.value.end_lineno
            }
    return {}


def _literal(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _setting(name: str, node: ast.expr | None, entry: Any) -> Setting | None:
    default = _literal(node)
    if isinstance(entry, Range):
        entry_range = entry
    elif isinstance(entry, list) and not _is_range(entry, default):
        return Setting(name, default, choices=tuple(entry)) if default is not None else None
    elif isinstance(entry, list):
        low, high = float(entry[0]), float(entry[1])
        entry_range = Range(low=low, high=high, log=low > 0 and high / low >= SPREAD)
    elif isinstance(default, bool):
        return Setting(name, default, choices=(default, not default))
    elif isinstance(default, int | float):
        guessed = _guess(default)
        if guessed is None:
            return None
        entry_range = guessed
    else:
        return None
    if not isinstance(default, int | float) or isinstance(default, bool):
        raise BonsaiError(f'prompt.json: "search": {name} is no number, so it has no range')
    if not entry_range.low <= entry_range.high or (entry_range.log and entry_range.low <= 0):
        raise BonsaiError(
            f'prompt.json: "search": {name} goes from {entry_range.low:g} to {entry_range.high:g}'
            + (" by ratios, so it must be above 0" if entry_range.log else "")
        )
    return Setting(name, default, entry_range.low, entry_range.high, entry_range.log)


def _is_range(entry: list[Any], default: Any) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in entry)
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return len(entry) == 2 and numbers and is_number


def _guess(default: float) -> Range | None:
    """A range from a default's magnitude; None for 0, which has none, and for what is negative."""
    if default <= 0 or not math.isfinite(default):
        return None
    if isinstance(default, int):
        least, most = max(1, math.floor(default / SPREAD)), round(default * SPREAD)
        return Range(low=least, high=most, log=default > SMALL)
    # What is below 1 may be a share, and stays below.
    high = min(default * SPREAD, (1 + default) / 2) if default < 1 else default * SPREAD
    return Range(low=default / SPREAD, high=high, log=True)
