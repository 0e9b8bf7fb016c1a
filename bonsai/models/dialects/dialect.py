"""What a language is to the endpoint, and what all of them have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bonsai.models.exchange import Reply

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Dialect:
    """A language in which clients ask.

    Attributes:
        request: what of a request is passed on to the model, in the form of chat completions;
            raises `NotUnderstood`.
        answer: the reply to a request, as one JSON.
        events: the same as the text of a stream. It is sent when the reply is complete, so that no
            agent ever acts on part of one.
        fault: why there is no reply, from an HTTP status and a sentence; `refused` says that
            the request was understood.
    """

    request: Callable[[Body], dict[str, Any]]
    answer: Callable[[Reply, Body], dict[str, Any]]
    events: Callable[[Reply, Body], str]
    fault: Callable[[int, str, bool], dict[str, Any]]


def openai_fault(status: int, message: str, refused: bool) -> dict[str, Any]:
    """Why there is no reply, as OpenAI says it."""
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    code = "refused" if refused else None
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def stream(events: Iterable[Mapping[str, Any]]) -> str:
    """Events that are named by their `type`, as server-sent events."""
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)


def arguments_of(text: str) -> dict[str, Any]:
    """The arguments of a tool call as an object; text that holds none stands under `unreadable`."""
    try:
        value = json.loads(text or "{}", strict=False)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"unreadable": text}


def arguments_text(text: str) -> str:
    """The arguments of a tool call as JSON of an object: some services take nothing else."""
    try:
        if isinstance(json.loads(text), dict):
            return text
    except (ValueError, RecursionError):
        pass
    return json.dumps(arguments_of(text), ensure_ascii=False)
