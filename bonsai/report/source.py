"""Where the numbers of a report came from."""

from __future__ import annotations

from pydantic import BaseModel


class Source(BaseModel):
    """Where numbers came from.

    Attributes:
        file: a file in the results folder.
        line: a line of it, from 1; None: the whole file.
    """

    file: str
    line: int | None = None
