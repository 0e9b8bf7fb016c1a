"""Recorded conversations with a language model: playing them back and writing them down.

A cassette is a folder of Markdown files, one per reply of the model, verbatim, played in the order
of their names: `01-plan.md`, `02-edit.md`, ... A folder of recorded exchanges is a cassette too:
beside each reply (`001.md`) lie the request (`001.request.json`) and what it took
(`001.usage.json`). What the agent's tools were to do lies beside a reply, too (`001.tools.json`),
and is played with it; `agent.txt` names the agent, where its replies suit no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from bonsai.base import BonsaiError, listing, untrusted, write_atomically
from bonsai.models.exchange import Reply, ToolCall

LARGEST_CALLS = 32 * 1024 * 1024  # bytes of a file of tool calls
CALL = [field.name for field in fields(ToolCall)]
AGENT_FILE = "agent.txt"
LONGEST_NAME = 100  # bytes of an agent's


def read(folder: Path) -> list[str]:
    """Return what the replies of a cassette say, in the order in which they are played.

    Files whose names do not begin with a digit, such as a README.md, are no replies.

    Raises:
        BonsaiError: There is no such folder, it holds no reply, or one is not UTF-8 text.
    """
    paths = _paths(folder)
    if not paths:
        raise BonsaiError(f"{folder} is no cassette: it holds no files named like 01-plan.md.")
    return [_read_reply(path) for path in paths]


def replies(folder: Path) -> list[Reply]:
    """Return the replies of a cassette with their tool calls, in the order of `read`.

    Raises:
        BonsaiError: As `read`, or a file of tool calls holds none.
    """
    texts = read(folder)
    calls = [_read_calls(path.with_suffix(".tools.json")) for path in _paths(folder)]
    return [
        Reply(text, "tool_calls" if called else "stop", tool_calls=called)
        for text, called in zip(texts, calls, strict=True)
    ]


def agent_of(folder: Path) -> str | None:
    """The name of the agent that a cassette was recorded with; None: its replies suit any."""
    try:
        name = untrusted.read_bytes(folder / AGENT_FILE, LONGEST_NAME, follow=True)
    except untrusted.Unreadable:
        return None
    return name.decode("utf-8", "replace").strip() or None


def write_agent(folder: Path, name: str) -> None:
    """Say which agent the replies that are recorded here suit."""
    write_atomically(folder / AGENT_FILE, name + "\n")


def find(folder: Path, step: str, start: int) -> int | None:
    """The position, from `start` on, of the next reply recorded for `step` (`07-write_up.md`)."""
    names = [path.stem.partition("-")[2] for path in _paths(folder)]
    return next((at for at in range(start, len(names)) if names[at] == step), None)


def write_request(folder: Path, number: int, request: Mapping[str, Any]) -> None:
    """Record what the model is asked in exchange `number` (from 1)."""
    _write_json(folder / f"{number:03d}.request.json", request)


def write_reply(folder: Path, number: int, reply: Reply, usage: Mapping[str, Any]) -> None:
    """Record the model's reply in exchange `number` (from 1), and what it took.

    The text is written last: where it is, the exchange is complete.
    """
    _write_json(folder / f"{number:03d}.usage.json", usage)
    tools = folder / f"{number:03d}.tools.json"
    if reply.tool_calls:
        _write_json(tools, [asdict(call) for call in reply.tool_calls])
    else:
        tools.unlink(missing_ok=True)  # of a reply that a crash cut short
    write_atomically(folder / f"{number:03d}.md", reply.text)


def recorded(folder: Path, after: int, last: int) -> list[str]:
    """The replies of the exchanges after `after`, up to and with `last`, as far as they are there.

    Those that were served before a resume need not be.
    """
    paths = (folder / f"{number:03d}.md" for number in range(after + 1, last + 1))
    return [_read_reply(path) for path in paths if path.exists()]


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


def _read_calls(path: Path) -> tuple[ToolCall, ...]:
    if not path.exists():
        return ()
    try:
        calls = json.loads(untrusted.read_bytes(path, LARGEST_CALLS, follow=True))
        return tuple(ToolCall(**{name: str(call[name]) for name in CALL}) for call in calls)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BonsaiError(
            f"{path} does not hold tool calls: a list of objects with {listing(CALL)}."
        ) from error


def _write_json(path: Path, value: Mapping[str, Any] | list[dict[str, Any]]) -> None:
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
