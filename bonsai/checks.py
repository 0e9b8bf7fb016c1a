"""What is checked of a run before its numbers are believed."""

from __future__ import annotations

from pydantic import BaseModel


class Check(BaseModel):
    """One thing that was checked of a run.

    Attributes:
        name: what was checked, in a few words.
        passed: whether it is as it should be; None if it could not be found out.
        found: what was found, as a sentence.
        numbers: the figures in it.
    """

    name: str
    passed: bool | None
    found: str
    numbers: dict[str, float] = {}
