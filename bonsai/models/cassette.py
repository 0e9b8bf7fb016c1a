"""Recorded conversations with a language model: playing them back and writing them down.

A cassette is a folder of Markdown files, one per reply of the model, verbatim, played in the order
of their names: `01-plan.md`, `02-edit.md`, ... A folder of recorded exchanges is a cassette too:
beside each reply (`001.md`) lie the request (`001.request.json`) and what it took
(`001.usage.json`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, write_atomically


def read(folder: Path) -> list[str]:
    """Return the replies of a cassette, in the order in which they are played.

    Files whose names do not begin with a digit, such as a README.md, are no replies.

    Raises:
        BonsaiError: There is no such folder, it holds no reply, or one is not UTF-8 text.
    """
    paths = _paths(folder)
    if not paths:
        raise BonsaiError(f"{folder} is no cassette: it holds no files named like 01-plan.md.")
    return [_read_reply(path) for path in paths]


def find(folder: Path, step: str, start: int) -> int | None:
    """The position, from `start` on, of the next reply recorded for `step` (`07-write_up.md`)."""
    names = [path.stem.partition("-")[2] for path in _paths(folder)]
    return next((at for at in range(start, len(names)) if names[at] == step), None)


def write_request(folder: Path, number: int, request: Mapping[str, Any]) -> None:
    """Record what the model is asked in exchange `number` (from 1)."""
    _write_json(folder / f"{number:03d}.request.json", request)


def write_reply(folder: Path, number: int, text: str, usage: Mapping[str, Any]) -> None:
    """Record the model's reply in exchange `number` (from 1), and what it took.

    The reply is written last: where it is, the exchange is complete.
    """
    _write_json(folder / f"{number:03d}.usage.json", usage)
    write_atomically(folder / f"{number:03d}.md", text)


def cut(folder: Path, number: int) -> None:
    """Remove what was recorded after exchange `number`, half-written files included.

    It belongs to a step that a crash cut short, and that is done again.
    """
    for path in folder.glob("*"):
        named = re.match(r"(\.?)(\d+)\.", path.name)  # a dot before it: half-written
        if named and (named[1] or int(named[2]) > number):
            path.unlink()


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.md"), key=lambda path: path.name)


def _read_reply(path: Path) -> str:
    try:
        # Bytes, because reading as text would change the line ends of what is meant verbatim.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BonsaiError(f"{path} is not UTF-8 text, as a reply of a cassette must be.") from error


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
