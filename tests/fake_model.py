"""The service of a language model, as an OpenAI-compatible HTTP server that follows a script.

It is the only part of the tests that is played: what talks to it is real.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Says:
    """A reply; `calls` are the names of tools with the arguments that they are called with."""

    text: str
    finish_reason: str = "stop"
    tokens_in: int = 1000
    tokens_out: int = 100
    calls: tuple[tuple[str, Any], ...] = ()


def calls(*called: tuple[str, Any], text: str = "") -> Says:
    """A reply that calls tools; their arguments are written as JSON, unless they are a text."""
    return Says(text, "tool_calls", calls=called)


@dataclass(frozen=True)
class Fails:
    """An answer with an error status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "scripted fault"


@dataclass(frozen=True)
class Sends:
    """An answer of any shape.

    Attributes:
        body: what is sent; what is no text is sent as JSON.
        status: its HTTP status.
        headers: beside the usual.
        drips: whether it is sent a byte every 20 ms, headers first.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drips: bool = False


HANGS = "answers nothing until the test is over"
CUT = "an answer that breaks off"
NOT_JSON = "an answer that is not JSON"
NO_CHOICES = "an answer without a reply in it"

Answer = Says | Fails | Sends | str
Step = Answer | Callable[[dict[str, Any]], Answer]  # the last: made for the request


class FakeModel:
    """Answers each request with the next step of the script, and keeps what it was asked."""

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.called = 0  # tools, so far
        self.hung_up = threading.Event()
        self.url = ""

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[FakeModel]:
        server = _Server(("127.0.0.1", port), _Handler)
        server.fake = self
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield self
        finally:
            self.hung_up.set()
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeModel

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        fake = self.server.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake.bodies.append(body)
        fake.keys.append(self.headers.get("Authorization", "").removeprefix("Bearer "))
        step = fake.script.pop(0) if fake.script else Fails(418, message="the script is at its end")
        if callable(step):
            step = step(body)
        if isinstance(step, Says):
            self._send(200, json.dumps(completion(step, fake.called)))
            fake.called += len(step.calls)
        elif isinstance(step, Fails):
            error = {"error": {"message": step.message, "type": "fault", "code": None}}
            self._send(step.status, json.dumps(error), step.headers)
        elif isinstance(step, Sends):
            text = step.body if isinstance(step.body, str) else json.dumps(step.body)
            if step.drips:
                self._drip(step.status, text)
            else:
                self._send(step.status, text, step.headers)
        elif step == HANGS:
            fake.hung_up.wait(30)
        elif step == CUT:
            whole = json.dumps(completion(Says("half of this is lost")))
            self._send(200, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
        elif step == NOT_JSON:
            self._send(200, "<html>maintenance</html>")
        else:
            self._send(200, json.dumps({**completion(Says("")), "choices": []}))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _drip(self, status: int, text: str) -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n\r\n"
        for byte in (head + text).encode():
            if self.server.fake.hung_up.wait(0.02):
                return
            self.wfile.write(bytes([byte]))

    def _send(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        content = text.encode()
        self.send_response(status)
        every = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in {**every, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def completion(says: Says, called: int = 0) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": says.text}
    if says.calls:
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function",
             "function": {"name": name, "arguments":
                          given if isinstance(given, str) else json.dumps(given)}}
            for number, (name, given) in enumerate(says.calls, start=called + 1)
        ]  # fmt: skip
    return {
        "id": "fake",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": says.finish_reason}],
        "usage": {
            "prompt_tokens": says.tokens_in,
            "completion_tokens": says.tokens_out,
            "total_tokens": says.tokens_in + says.tokens_out,
        },
    }
