"""Sentences for people."""

from __future__ import annotations

from collections.abc import Sequence


def listing(names: Sequence[str], last: str = "and") -> str:
    """Return names as in a sentence: "a", "a and b", "a, b and c"."""
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final
