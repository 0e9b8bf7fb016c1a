"""Clients of the gateway that keep a conversation, each in its own language, and what they read.

openai's are the real ones; Anthropic's is read in the order on which its clients rely.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from bonsai.models.gateway import Session

SHELL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


@dataclass
class Answered:
    """What a client makes of an answer."""

    text: str
    calls: list[tuple[str, str, Any]]  # id, name, arguments
    stopped: str
    tokens: tuple[int, int]


class Client(ABC):
    """A client that speaks one language, and keeps the conversation in it."""

    def __init__(self, session: Session, *, stream: bool = False) -> None:
        self.session = session
        self.stream = stream
        self.said: list[dict[str, Any]] = []

    @abstractmethod
    def say(self, text: str) -> None: ...

    @abstractmethod
    def give(self, call_id: str, result: str) -> None: ...

    @abstractmethod
    def ask(self, **options: Any) -> Answered: ...


class Chat(Client):
    def say(self, text: str) -> None:
        self.said.append({"role": "user", "content": text})

    def give(self, call_id: str, result: str) -> None:
        self.said.append({"role": "tool", "tool_call_id": call_id, "content": result})

    def ask(self, **options: Any) -> Answered:
        body = {
            "messages": [{"role": "system", "content": "Be brief."}, *self.said],
            "tools": [{"type": "function", "function": {
                "name": "shell", "description": "Runs.", "parameters": SHELL}}],
            **options,
        }  # fmt: skip
        with openai_client(self.session) as client:
            create = client.chat.completions.create
            if self.stream:
                streamed = create(model="bonsai", stream=True,
                                  stream_options={"include_usage": True}, **body)  # fmt: skip
                answered, message = read_chat_events([each.model_dump() for each in streamed])
            else:
                answered, message = read_chat(create(model="bonsai", **body).model_dump())
        self.said.append(message)
        return answered


class Responses(Client):
    def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.said.append({"type": "message", "role": "user", "content": content})

    def give(self, call_id: str, result: str) -> None:
        self.said.append({"type": "function_call_output", "call_id": call_id, "output": result})

    def ask(self, **options: Any) -> Answered:
        body = {
            "instructions": "Be brief.",
            "input": self.said,
            "tools": [{"type": "function", "name": "shell", "description": "Runs.",
                       "parameters": SHELL, "strict": False}],
            **options,
        }  # fmt: skip
        with openai_client(self.session) as client:
            if self.stream:
                with client.responses.stream(model="bonsai", **body) as stream:
                    events = [event.model_dump(warnings=False) for event in stream]
                    whole = stream.get_final_response().model_dump(warnings=False)
                assert read_response(whole) == read_response_events(events)
            else:
                whole = client.responses.create(model="bonsai", **body).model_dump()
        self.said += whole["output"]
        return read_response(whole)


class Messages(Client):
    def say(self, text: str) -> None:
        self.said.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def give(self, call_id: str, result: str) -> None:
        block = {"type": "tool_result", "tool_use_id": call_id, "content": result}
        last = self.said[-1]
        if last["role"] == "user":
            last["content"].append(block)
        else:
            self.said.append({"role": "user", "content": [block]})

    def ask(self, **options: Any) -> Answered:
        body = {
            "model": "claude",
            "max_tokens": 4096,
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": self.said,
            "tools": [{"name": "shell", "description": "Runs.", "input_schema": SHELL}],
            "stream": self.stream,
            **options,
        }
        answer = httpx.post(f"{self.session.root_url}/v1/messages?beta=true", json=body, timeout=30,
                            headers={"x-api-key": "local"})  # fmt: skip
        if answer.status_code != 200:
            raise Refused(answer)
        whole = joined(answer.text) if self.stream else answer.json()
        self.said.append({"role": "assistant", "content": whole["content"]})
        return read_message(whole)


class Refused(Exception):
    """What a client of Anthropic's form raises."""


def openai_client(session: Session, **options: Any) -> openai.OpenAI:
    # Retries are left on: the gateway's refusals must be such that no client tries again.
    return openai.OpenAI(base_url=session.base_url, api_key="local", **options)


def read_chat(whole: dict[str, Any]) -> tuple[Answered, dict[str, Any]]:
    choice, usage = whole["choices"][0], whole["usage"]
    message = choice["message"]
    called = message.get("tool_calls") or []
    return Answered(
        message["content"] or "",
        [(each["id"], each["function"]["name"], each["function"]["arguments"]) for each in called],
        choice["finish_reason"],
        (usage["prompt_tokens"], usage["completion_tokens"]),
    ), {name: message[name] for name in ("role", "content", "tool_calls") if message.get(name)}


def read_chat_events(events: list[dict[str, Any]]) -> tuple[Answered, dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
    finish, usage = None, None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            message["content"] += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls") or []:
                assert call["index"] == len(message["tool_calls"])
                del call["index"]
                message["tool_calls"].append(call)
            finish = choice["finish_reason"] or finish
    return read_chat({"choices": [{"message": message, "finish_reason": finish}], "usage": usage})


def read_response(whole: dict[str, Any]) -> Answered:
    text, called = "", []
    for item in whole["output"]:
        if item["type"] == "message":
            text += "".join(part["text"] for part in item["content"])
        elif item["type"] == "function_call":
            called.append((item["call_id"], item["name"], item["arguments"]))
    stopped = "length" if whole["incomplete_details"] else "tool_calls" if called else "stop"
    usage = whole["usage"]
    return Answered(text, called, stopped, (usage["input_tokens"], usage["output_tokens"]))


def read_response_events(events: list[dict[str, Any]]) -> Answered:
    """As Codex reads them: items when they are done, and what it took at the end."""
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
    numbers = [event["sequence_number"] for event in events if "sequence_number" in event]
    assert numbers == sorted(numbers)
    last = events[-1]["response"]
    items = [each["item"] for each in events if each["type"] == "response.output_item.done"]
    return read_response({**last, "output": items})


def read_message(whole: dict[str, Any]) -> Answered:
    text, called = "", []
    for block in whole["content"]:
        if block["type"] == "text":
            text += block["text"]
        else:
            called.append((block["id"], block["name"], json.dumps(block["input"])))
    stopped = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
    usage = whole["usage"]
    tokens = (usage["input_tokens"], usage["output_tokens"])
    return Answered(text, called, stopped[whole["stop_reason"]], tokens)


def parsed(stream: str) -> list[dict[str, Any]]:
    """The events of a stream."""
    events = []
    for block in stream.split("\n\n")[:-1]:
        *names, data = block.split("\n")
        if data == "data: [DONE]":
            continue
        events.append(json.loads(data.removeprefix("data: ")))
        assert names in ([], [f"event: {events[-1].get('type')}"])
    return events


def joined(stream: str) -> dict[str, Any]:
    """The message that events of Anthropic's hold, in the order that their clients rely on."""
    first, *events, before_last, last = parsed(stream)
    assert (first["type"], last["type"]) == ("message_start", "message_stop")
    message = first["message"]
    for start, delta, stop in zip(events[::3], events[1::3], events[2::3], strict=True):
        block, index = start["content_block"], len(message["content"])
        assert start["index"] == delta["index"] == stop["index"] == index
        assert stop["type"] == "content_block_stop"
        if block["type"] == "text":
            block["text"] += delta["delta"]["text"]
        else:
            block["input"] = json.loads(delta["delta"]["partial_json"])
        message["content"].append(block)
    assert before_last["type"] == "message_delta"
    return {**message, **before_last["delta"], "usage": before_last["usage"]}


def objects(answered: Answered) -> list[tuple[str, str, Any]]:
    """The calls, their arguments read."""
    return [(call_id, name, json.loads(text)) for call_id, name, text in answered.calls]


def refusal_of(client: Client) -> str:
    """The sentence of a refusal, which the session has too; no client asks again after it."""
    if isinstance(client, Messages):
        with pytest.raises(Refused) as refused:
            client.ask()
        answer = refused.value.args[0]
        assert (answer.status_code, answer.json()["type"]) == (400, "error")
        error = answer.json()["error"]
    else:
        with pytest.raises(openai.BadRequestError) as bad:
            client.ask()
        error = bad.value.body
    assert error["type"] == "invalid_request_error"
    assert error["message"] == client.session.refusal
    return str(error["message"])
