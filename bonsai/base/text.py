"""Sentences for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def listing(names: Sequence[str], last: str = "and") -> str:
    """Return names as in a sentence: "a", "a and b", "a, b and c"."""
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def storable(value: Any) -> Any:
    r"""A value with every text in it encodable, so that it can be stored as JSON.

    Names of files that are no UTF-8, and halves of characters, become what Python's escapes of them
    are: `"\udcff"`.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value
