"""Responses, OpenAI's newer language, which Codex speaks.

Its tools are more than functions: some take plain text (`custom`), one is a shell (`local_shell`),
and some lie in a namespace. The model is offered all of them as functions, and its calls are told
as what they are to the client.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bonsai.models.dialects.conversation import (
    Conversation,
    NotUnderstood,
    Part,
    function,
    missing,
    objects,
    picture,
    settings,
    text,
)
from bonsai.models.dialects.dialect import Body, Dialect, arguments_of, openai_fault, stream
from bonsai.models.exchange import MODEL_NAME, Reply, ToolCall

SETTINGS = {"temperature": "temperature", "top_p": "top_p", "max_output_tokens": "max_tokens"}
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
PLAIN_TEXT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The text that the tool takes."}},
    "required": ["input"],
    "additionalProperties": False,
}
SHELL = "local_shell"
OF_THE_SHELL = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}, "description": "The argv."},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
    },
    "required": ["command"],
}


@dataclass(frozen=True)
class _Tool:
    """A tool as its client knows it."""

    kind: str  # "function", "custom" or "local_shell"
    name: str
    namespace: str | None
    told: dict[str, Any]  # what the model is told of it


# ---------------------------------------------------------------------------------------- requests


def _request(body: Body) -> dict[str, Any]:
    if body.get("previous_response_id"):
        raise NotUnderstood(
            "No replies are kept here to go on from: the request must hold the whole conversation."
        )
    talk = Conversation()
    if instructions := _parts(body.get("instructions")):
        talk.say("system", instructions)
    asked = body.get("input")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    for item in objects(asked, "input"):
        _add(talk, item)
    request: dict[str, Any] = {"messages": talk.end()}
    request |= settings(body, SETTINGS)
    if tools := _tools(body):
        request["tools"] = [tool.told for tool in tools.values()]
        if (choice := _choice(body.get("tool_choice"))) is not None:
            request["tool_choice"] = choice
        if isinstance(body.get("parallel_tool_calls"), bool):
            request["parallel_tool_calls"] = body["parallel_tool_calls"]
    return request


def _add(talk: Conversation, item: dict[str, Any]) -> None:
    kind, call_id = item.get("type", "message"), str(item.get("call_id") or item.get("id") or "")
    name = _full(item.get("namespace"), str(item.get("name") or ""))
    if kind == "message":
        role = ROLES.get(str(item.get("role")))
        if role is None:
            raise NotUnderstood("Each message must be an object with a role.")
        if said := _parts(item.get("content")):
            talk.say(role, said)
    elif kind == "function_call":
        talk.call(call_id, name, str(item.get("arguments") or ""))
    elif kind == "custom_tool_call":
        written = {"input": str(item.get("input") or "")}
        talk.call(call_id, name, json.dumps(written, ensure_ascii=False))
    elif kind == "local_shell_call":
        talk.call(call_id, SHELL, json.dumps(item.get("action") or {}, ensure_ascii=False))
    elif str(kind).endswith("_call_output"):
        output = item.get("output")
        if isinstance(output, dict):  # as older clients have it
            output = output.get("content")
        talk.result(call_id, _parts(output))
    # What else there is, was thought, or was done by a service that is not asked here.


def _parts(content: object) -> list[Part]:
    if isinstance(content, str):
        return [text(content)] if content else []
    return [_part(part) for part in objects(content, "parts of a message")]


def _part(part: dict[str, Any]) -> Part:
    for said in (part.get("text"), part.get("refusal")):
        if isinstance(said, str):
            return text(said)
    if part.get("type") == "input_image":
        return picture(part.get("image_url"))
    return missing(str(part.get("type"))[:40])


def _tools(body: Body) -> dict[str, _Tool]:
    """The client's tools by the names that the model knows them by."""
    found: dict[str, _Tool] = {}
    for tool in objects(body.get("tools"), "tools"):
        if tool.get("type") == "namespace":
            space = str(tool.get("name") or "")
            for each in objects(tool.get("tools"), "tools"):
                found |= _tool(each, space)
        else:
            found |= _tool(tool, None)
    return found


def _tool(tool: dict[str, Any], namespace: str | None) -> dict[str, _Tool]:
    """A tool by its name; nothing for one that a service does, out of the agent's walls."""
    kind, name, about = tool.get("type"), tool.get("name"), tool.get("description")
    parameters = tool.get("parameters")
    if kind == "local_shell":
        name, about, parameters = SHELL, "Runs a command and returns its output.", OF_THE_SHELL
    elif kind == "custom":
        form = tool.get("format")
        grammar = form.get("definition") if isinstance(form, dict) else None
        about = f"{about or ''}\n\nIts input follows this grammar:\n{grammar}" if grammar else about
        parameters = PLAIN_TEXT
    elif kind != "function":
        return {}
    if not isinstance(name, str) or not name:
        return {}
    full = _full(namespace, name)
    return {full: _Tool(str(kind), name, namespace, function(full, about, parameters))}


def _full(namespace: object, name: str) -> str:
    if not isinstance(namespace, str) or not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("_") else f"{namespace}__{name}"


def _choice(choice: object) -> str | dict[str, Any] | None:
    """Which tool the model is to call."""
    if choice in ("auto", "none", "required"):
        return str(choice)
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        name = _full(choice.get("namespace"), choice["name"])
        return {"type": "function", "function": {"name": name}}
    return None


# ----------------------------------------------------------------------------------------- answers


def _answer(reply: Reply, body: Body) -> dict[str, Any]:
    cut = reply.finish_reason == "length"
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": MODEL_NAME,
        "output": _output(reply, body),
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": {
            "input_tokens": reply.tokens_in,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": reply.tokens_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.tokens_in + reply.tokens_out,
        },
    }


def _output(reply: Reply, body: Body) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    if reply.text or not reply.tool_calls:
        said = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        output.append({"type": "message", "role": "assistant", "content": [said]})
    tools = _tools(body)
    output += [_called(call, tools.get(call.name)) for call in reply.tool_calls]
    for item in output:
        item |= {"id": f"item_{secrets.token_hex(12)}", "status": "completed"}
    return output


def _called(call: ToolCall, tool: _Tool | None) -> dict[str, Any]:
    arguments = arguments_of(call.arguments)
    if tool is not None and tool.kind == "custom":
        written = arguments.get("input")
        plain = written if isinstance(written, str) else call.arguments
        told = {"type": "custom_tool_call", "name": tool.name, "input": plain}
    elif tool is not None and tool.kind == "local_shell" and _is_argv(arguments.get("command")):
        action = {name: arguments.get(name) for name in OF_THE_SHELL["properties"]}
        return {
            "type": "local_shell_call",
            "call_id": call.id,
            "action": {"type": "exec", "env": {}, **action},
        }
    else:
        name = call.name if tool is None else tool.name
        told = {"type": "function_call", "name": name, "arguments": call.arguments}
    if tool is not None and tool.namespace:
        told["namespace"] = tool.namespace
    return {**told, "call_id": call.id}


def _is_argv(command: object) -> bool:
    return isinstance(command, list) and all(isinstance(word, str) for word in command)


def _events(reply: Reply, body: Body) -> str:
    events = enumerate(_each_event(_answer(reply, body)))
    return stream({**event, "sequence_number": number} for number, event in events)


def _each_event(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": {**begun, "incomplete_details": None}}
    for index, item in enumerate(whole["output"]):
        place = {"item_id": item["id"], "output_index": index}
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": {**item, "status": "in_progress", **_emptied(item)},
        }
        for event in _pieces(item):
            yield {**event, **place}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    # Also of a reply that was cut: Codex asks again, and pays again, after `response.incomplete`.
    yield {"type": "response.completed", "response": whole}


def _emptied(item: dict[str, Any]) -> dict[str, Any]:
    """What is not yet in an item when it begins."""
    empty: dict[str, dict[str, Any]] = {
        "message": {"content": []},
        "function_call": {"arguments": ""},
        "custom_tool_call": {"input": ""},
    }
    return empty.get(item["type"], {})


def _pieces(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if item["type"] == "message":
        said = item["content"][0]
        at = {"content_index": 0}
        yield {"type": "response.content_part.added", "part": {**said, "text": ""}, **at}
        told = {"logprobs": [], **at}
        yield {"type": "response.output_text.delta", "delta": said["text"], **told}
        yield {"type": "response.output_text.done", "text": said["text"], **told}
        yield {"type": "response.content_part.done", "part": said, **at}
    elif item["type"] == "function_call":
        kind, written = "response.function_call_arguments", item["arguments"]
        yield {"type": f"{kind}.delta", "delta": written}
        yield {"type": f"{kind}.done", "arguments": written, "name": item["name"]}
    elif item["type"] == "custom_tool_call":
        kind, written = "response.custom_tool_call_input", item["input"]
        yield {"type": f"{kind}.delta", "delta": written}
        yield {"type": f"{kind}.done", "input": written}


RESPONSES = Dialect(_request, _answer, _events, openai_fault)
