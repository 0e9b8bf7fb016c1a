"""Tool calls in what a model's service answers, read whatever their form.

They come whole, or in the pieces of a stream; their arguments as a text or as an object; some
without a number or an id. What has no name is no call.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any

MOST_CALLS = 128  # of one reply
LONGEST_NAME = 256  # characters of a tool's name, and of an id


def plain(
    calls: object, function_call: object = None, earlier: Iterable[Any] = ()
) -> list[dict[str, Any]]:
    """The calls of a message in OpenAI's form, each with an id of its own.

    Args:
        calls: `tool_calls` of the message.
        function_call: the only call, as older services have it.
        earlier: the messages before it. Services that number calls anew in each reply give ids
            that these have already, and agents then take one call for the other.
    """
    listed = calls if isinstance(calls, list) else []
    if not listed and isinstance(function_call, dict):
        listed = [{"function": function_call}]
    read: list[dict[str, Any]] = []
    taken = _ids(earlier)
    for call in listed[:MOST_CALLS]:
        function = call.get("function") if isinstance(call, dict) else None
        function = function if isinstance(function, dict) else {}
        name = _text(function.get("name"))
        if not name or len(name) > LONGEST_NAME:
            continue
        call_id = _text(call.get("id"))
        if not call_id or len(call_id) > LONGEST_NAME or call_id in taken:
            call_id = f"call_{secrets.token_hex(8)}"
        taken.add(call_id)
        written = {"name": name, "arguments": _arguments(function.get("arguments"))}
        read.append({"id": call_id, "type": "function", "function": written})
    return read


def _ids(messages: Iterable[Any]) -> set[str]:
    """The ids of all calls in messages of OpenAI's form."""
    listed = [message.get("tool_calls") for message in messages if isinstance(message, dict)]
    calls = [call for each in listed if isinstance(each, list) for call in each]
    return {_text(call.get("id")) for call in calls if isinstance(call, dict)}


class Pieces:
    """The calls of a stream, put together."""

    def __init__(self) -> None:
        """Begin with none."""
        self.calls: list[dict[str, Any]] = []
        self._numbers: list[object] = []  # of each call, as the service gave it

    def add(self, pieces: object, function_call: object = None) -> None:
        """Add `tool_calls` of an event, or the piece of an only call as older services have it."""
        listed = pieces if isinstance(pieces, list) else []
        if not listed and isinstance(function_call, dict):
            listed = [{"index": 0, "function": function_call}]
        for piece in listed[:MOST_CALLS]:
            if isinstance(piece, dict):
                self._add(piece)

    def _add(self, piece: dict[str, Any]) -> None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._begun(piece, _text(function.get("name")))
        if call is None:
            if len(self.calls) >= MOST_CALLS:
                return
            call = {"id": "", "function": {"name": "", "pieces": []}}
            self.calls.append(call)
            self._numbers.append(piece.get("index"))
        written = call["function"]
        call["id"] = call["id"] or _text(piece.get("id"))
        written["name"] = written["name"] or _text(function.get("name"))
        if function.get("arguments"):
            written["pieces"].append(_arguments(function["arguments"]))

    def _begun(self, piece: dict[str, Any], name: str) -> dict[str, Any] | None:
        """The call that a piece goes on with; None: it begins another."""
        number, call_id = piece.get("index"), _text(piece.get("id"))
        for call, its_number in list(zip(self.calls, self._numbers, strict=True))[::-1]:
            if call_id and call["id"]:
                if call["id"] == call_id:
                    return call
            elif number is not None and its_number == number:
                return call
        if self.calls and number is None and not call_id and not name:
            return self.calls[-1]
        return None

    def whole(self) -> list[dict[str, Any]]:
        """The calls as a message that is no stream has them."""
        return [
            {
                "id": call["id"],
                "function": {
                    "name": call["function"]["name"],
                    "arguments": "".join(call["function"]["pieces"]),
                },
            }
            for call in self.calls
        ]


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value) if isinstance(value, dict) else ""


def _text(value: object) -> str:
    # A lone surrogate is legal in JSON and in no file.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
