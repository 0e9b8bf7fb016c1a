"""Messages, Anthropic's language, which Claude Code speaks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
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
from bonsai.models.dialects.dialect import Body, Dialect, arguments_of, stream
from bonsai.models.exchange import MODEL_NAME, Reply

SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
}
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
STOPPED = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def _request(body: Body) -> dict[str, Any]:
    talk = Conversation()
    if system := _parts(body.get("system")):
        talk.say("system", system)
    for message in objects(body.get("messages"), "messages"):
        _add(talk, message)
    request: dict[str, Any] = {"messages": talk.end()}
    request |= settings(body, SETTINGS)
    tools = [
        function(tool["name"], tool.get("description"), tool["input_schema"])
        for tool in objects(body.get("tools"), "tools")
        # The others are done by a service, out of the agent's walls.
        if isinstance(tool.get("name"), str) and isinstance(tool.get("input_schema"), dict)
    ]
    return request | ({"tools": tools, **_choice(body.get("tool_choice"))} if tools else {})


def _choice(choice: object) -> dict[str, Any]:
    """Which tool the model is to call."""
    if not isinstance(choice, dict):
        return {}
    chosen: dict[str, Any] = {}
    kind = str(choice.get("type"))
    if kind == "tool" and isinstance(choice.get("name"), str):
        chosen["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif kind in CHOICES:
        chosen["tool_choice"] = CHOICES[kind]
    if choice.get("disable_parallel_tool_use"):
        chosen["parallel_tool_calls"] = False
    return chosen


def _add(talk: Conversation, message: dict[str, Any]) -> None:
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise NotUnderstood("Each message must be an object with a role.")
    blocks = _blocks(message.get("content"))
    for block in blocks:
        if block.get("type") == "tool_result":
            talk.result(str(block.get("tool_use_id") or ""), _parts(block.get("content")))
    if said := _parts(blocks):
        talk.say(role, said)
    for block in blocks:
        if block.get("type") == "tool_use" and role == "assistant":
            written = json.dumps(block.get("input") or {}, ensure_ascii=False)
            talk.call(str(block.get("id") or ""), str(block.get("name") or ""), written)


def _blocks(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return objects(content, "blocks of content")


def _parts(content: object) -> list[Part]:
    """What is said in blocks: neither what tools do nor what was thought."""
    return [part for block in _blocks(content) if (part := _part(block)) is not None]


def _part(block: dict[str, Any]) -> Part | None:
    kind, said, source = block.get("type"), block.get("text"), block.get("source")
    if isinstance(said, str):
        return text(said) if said else None
    if kind in ("tool_use", "tool_result", "thinking", "redacted_thinking"):
        return None
    source = source if isinstance(source, dict) else {}
    if kind == "image":
        return picture(f"data:{source.get('media_type')};base64,{source['data']}"
                       if isinstance(source.get("data"), str) else source.get("url"))  # fmt: skip
    if source.get("type") == "text" and isinstance(source.get("data"), str):
        return text(source["data"])
    return missing(str(kind)[:40])


def _content(reply: Reply) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": reply.text}] if reply.text or not reply.tool_calls else []
    return said + [
        {"type": "tool_use", "id": call.id, "name": call.name,
         "input": arguments_of(call.arguments)}
        for call in reply.tool_calls
    ]  # fmt: skip


def _answer(reply: Reply, body: Body) -> dict[str, Any]:
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": MODEL_NAME,
        "content": _content(reply),
        "stop_reason": STOPPED.get(reply.finish_reason, "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.tokens_in,
            "output_tokens": reply.tokens_out,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _events(reply: Reply, body: Body) -> str:
    return stream(_each_event(_answer(reply, body)))


def _each_event(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**whole, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty = {**block, "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {name: whole[name] for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": whole["usage"]}
    yield {"type": "message_stop"}


def _fault(status: int, message: str, refused: bool) -> dict[str, Any]:
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    return {"type": "error", "error": {"type": kind, "message": message}}


MESSAGES = Dialect(_request, _answer, _events, _fault)
