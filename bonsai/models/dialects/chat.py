"""Chat completions, OpenAI's older language, which most agents and services speak."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from bonsai.models.dialects.conversation import (
    NotUnderstood,
    missing,
    objects,
    picture,
    settings,
    text,
)
from bonsai.models.dialects.dialect import Body, Dialect, arguments_text, openai_fault
from bonsai.models.exchange import MODEL_NAME, Reply, ToolCall

SETTINGS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed")
OF_TOOLS = ("tool_choice", "parallel_tool_calls")
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
OF_MESSAGES = ("name", "tool_call_id", "reasoning_content")  # texts beside what is said


def _request(body: Body) -> dict[str, Any]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise NotUnderstood("The request must be an object with a list of messages.")
    request: dict[str, Any] = {"messages": [_message(message) for message in messages]}
    request |= settings(body, {name: name for name in SETTINGS})
    # Tools that are no functions are done by a service, out of the agent's walls.
    tools = [
        {"type": "function", "function": tool["function"]}
        for tool in objects(body.get("tools"), "tools")
        if tool.get("type", "function") == "function" and _is_named(tool.get("function"))
    ]
    if tools:
        request["tools"] = tools
        request |= {name: body[name] for name in OF_TOOLS if body.get(name) is not None}
    return request


def _is_named(function: object) -> bool:
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _message(message: object) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise NotUnderstood("Each message must be an object with a role.")
    content = message.get("content")
    if isinstance(content, list):
        content = [_part(part) for part in content]
    elif content is not None and not isinstance(content, str):
        raise NotUnderstood("Each message must say a text, or a list of parts.")
    read = {"role": message["role"], "content": content}
    read |= {name: message[name] for name in OF_MESSAGES if isinstance(message.get(name), str)}
    if calls := objects(message.get("tool_calls"), "tool_calls"):
        read["tool_calls"] = [_call(call) for call in calls]
    return read


def _part(part: object) -> dict[str, Any]:
    """A part of a message, nothing in which would have to be fetched."""
    if isinstance(part, str):
        return text(part)
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return {name: part[name] for name in ("type", "text", "cache_control") if name in part}
    if isinstance(part, dict) and part.get("type") == "image_url":
        url = part.get("image_url")
        return picture(url.get("url") if isinstance(url, dict) else url)
    return missing("part that is no text and no picture")


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise NotUnderstood("Each of the tool calls must name a function.")
    arguments = arguments_text(str(function.get("arguments") or ""))
    return {
        "id": str(call.get("id") or ""),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL_NAME,
    }


def _usage(reply: Reply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.tokens_in,
        "completion_tokens": reply.tokens_out,
        "total_tokens": reply.tokens_in + reply.tokens_out,
    }


def _calls(calls: tuple[ToolCall, ...], *, numbered: bool = False) -> dict[str, Any]:
    """The part of a message that holds tool calls; nothing where there are none."""
    called = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
            **({"index": index} if numbered else {}),
        }
        for index, call in enumerate(calls)
    ]
    return {"tool_calls": called} if called else {}


def _answer(reply: Reply, body: Body) -> dict[str, Any]:
    content = reply.text or (None if reply.tool_calls else "")
    message = {"role": "assistant", "content": content, **_calls(reply.tool_calls)}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {**_head("chat.completion"), "choices": [choice], "usage": _usage(reply)}


def _events(reply: Reply, body: Body) -> str:
    head = _head("chat.completion.chunk")
    said = {
        "role": "assistant",
        "content": reply.text,
        **_calls(reply.tool_calls, numbered=True),
    }
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]},
    ]
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        events.append({**head, "choices": [], "usage": _usage(reply)})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


CHAT = Dialect(_request, _answer, _events, openai_fault)
