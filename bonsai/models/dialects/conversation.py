"""A conversation in the form of chat completions, put together in the order in which it went."""

from __future__ import annotations

from typing import Any

from bonsai.models.dialects.dialect import arguments_text

Part = dict[str, Any]  # of what is said: a text or a picture, in the form of chat completions
NO_PICTURE = (
    "The request holds a picture or a file that is not in it: the gateway fetches nothing from "
    "anywhere. Send it as a data: URL."
)


class NotUnderstood(Exception):
    """A request that is not as it must be; the text is why, as a sentence for people."""


def text(said: str) -> Part:
    """A part that is a text."""
    return {"type": "text", "text": said}


def picture(url: object) -> Part:
    """A part that is a picture.

    Raises:
        NotUnderstood: it is not in the request. An agent without a network must not have one by
            way of whoever would fetch it.
    """
    if not isinstance(url, str) or not url.lower().startswith("data:"):
        raise NotUnderstood(NO_PICTURE)
    return {"type": "image_url", "image_url": {"url": url}}


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
        last = self.messages[-1] if self.messages else None
        if role == "system":
            if last is not None and (last["role"] != "system" or len(self.messages) > 1):
                role = "user"
            elif last is not None:
                last["content"] = _joined([text(last["content"]), *parts])
                return
        if role == "assistant" and last is not None and last["role"] == "assistant":
            if parts:
                last["content"] = _joined([*([text(last["content"])] if last["content"] else []),
                                           *parts])  # fmt: skip
            return
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
        said = [part if part["type"] == "text" else text("(shown below)") for part in parts]
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
