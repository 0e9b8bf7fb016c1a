"""A conversation in the form of chat completions, put together in the order in which it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bonsai.models.dialects.dialect import arguments_text

REMINDER = "<system-reminder>\n{}\n</system-reminder>"  # what the system says later on
Part = dict[str, Any]  # of what is said: a text or a picture, in the form of chat completions


class NotUnderstood(Exception):
    """A request that is not as it must be; the text is why, as a sentence for people."""


def text(said: str) -> Part:
    """A part that is a text."""
    return {"type": "text", "text": said}


def picture(url: object) -> Part:
    """A part that is a picture.

    An agent without a network must not have one by way of whoever fetches pictures for a model, so
    one that is not in the request is said to be missing.
    """
    if isinstance(url, str) and url.lower().startswith("data:"):
        return {"type": "image_url", "image_url": {"url": url}}
    return missing("picture that is not in the request")


def missing(what: str) -> Part:
    """A part in place of one that services do not take, or that nobody may fetch."""
    return text(f"(Here was a {what}, which cannot be shown.)")


class Conversation:
    """What was said and done so far.

    Services differ in what they take, so this is what all of them do: what the system says stands
    at the beginning, in one message; the calls that a model made at once are in one message, and
    what came of each follows at once; text is text wherever there is nothing else.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages: list[dict[str, Any]] = []
        self._pictures: list[Part] = []  # that tools returned, which can return only texts

    def say(self, role: str, parts: list[Part]) -> None:
        """Add what somebody said; `role` is "system", "user" or "assistant"."""
        self._show_pictures()
        last: dict[str, Any] = self.messages[-1] if self.messages else {"role": None}
        if role == "system" and last["role"] not in (None, "system"):
            role = "user"
            parts = [
                text(REMINDER.format(part["text"])) if part["type"] == "text" else part
                for part in parts
            ]
        if role != "user" and last["role"] == role:
            last["content"] = _joined([*_parts_of(last["content"]), *parts])
        else:
            self.messages.append({"role": role, "content": _joined(parts)})

    def call(self, call_id: str, name: str, arguments: str) -> None:
        """Add that the model called a tool; its arguments are JSON text."""
        self.say("assistant", [])
        function = {"name": name, "arguments": arguments_text(arguments)}
        message = self.messages[-1]
        message["content"] = message["content"] or None
        message.setdefault("tool_calls", []).append(
            {"id": call_id, "type": "function", "function": function}
        )

    def result(self, call_id: str, parts: list[Part]) -> None:
        """Add what came of a call."""
        said = [
            part if part["type"] == "text" else text("(A picture, shown below.)") for part in parts
        ]
        self._pictures += [part for part in parts if part["type"] != "text"]
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": _joined(said)})

    def end(self) -> list[dict[str, Any]]:
        """The messages.

        Raises:
            NotUnderstood: there are none.
        """
        self._show_pictures()
        if not self.messages:
            raise NotUnderstood("The request holds no message.")
        return self.messages

    def _show_pictures(self) -> None:
        if self._pictures:
            pictures, self._pictures = self._pictures, []
            self.say("user", pictures)


def _parts_of(content: str | list[Part] | None) -> list[Part]:
    return content if isinstance(content, list) else [text(content or "")]


def _joined(parts: list[Part]) -> str | list[Part]:
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts if part["text"])
    return parts


def function(name: str, description: object, parameters: object) -> dict[str, Any]:
    """A tool in the form of chat completions."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description if isinstance(description, str) else "",
            "parameters": parameters if isinstance(parameters, dict) else
            {"type": "object", "properties": {}},
        },
    }  # fmt: skip


def objects(value: object, what: str) -> list[dict[str, Any]]:
    """A list of objects that may be missing.

    Raises:
        NotUnderstood: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise NotUnderstood(f"The request's {what} must be a list of objects.")
    return value


def settings(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a request that are passed on.

    Args:
        body: the request.
        names: of chat completions, by those of the client.

    Raises:
        NotUnderstood: one is no number, or what the reply is to stop at no text.
    """
    given = {names[name]: body[name] for name in names if body.get(name) is not None}
    for name, value in given.items():
        if name == "stop":
            if not all(isinstance(each, str) for each in _listed(value)):
                raise NotUnderstood("What the reply is to stop at must be a text, or several.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise NotUnderstood(f"The request's {name} must be a number.")
    return given


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
