"""The gateway: a local OpenAI-compatible endpoint that every agent talks to.

It alone holds the key of the model. It serves each idea under a secret address of its own (a
`Session`), from the real model or from a cassette, records every exchange, and refuses what the
budget does not pay for.

A request that is refused is answered with status 400, which no client tries again, and with the
reason; `Session.refusal` holds the same sentence.
"""

from __future__ import annotations

import io
import json
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

from bonsai.models import cassette as cassettes
from bonsai.models.budget import Account, Books
from bonsai.models.exchange import Exhausted, NobodyWaits, Refusal, Reply, ServiceDown
from bonsai.models.outage import Outage
from bonsai.models.provider import LiveModel
from bonsai.models.thinking import answer_in

__all__ = ["Gateway", "LiveModel", "Session"]

MODEL_NAME = "bonsai"  # what agents call the model, whichever answers
PASSED_ON = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed")
LARGEST_REQUEST = 32 * 1024 * 1024  # bytes
REQUEST_SECONDS = 60.0  # within which a request must be there, whole; an idle connection is closed


class Gateway:
    """The endpoint, serving from the moment it is made until it is closed.

    Attributes:
        url: Its address; sessions lie under it.
        books: What may be spent, and what was.
        outage: Whether the model's service is away, for all sessions together.
    """

    def __init__(
        self,
        live: LiveModel | None,
        books: Books | None = None,
        outage: Outage | None = None,
    ) -> None:
        """Start serving on a free port of this machine, to this machine only.

        Args:
            live: The model that answers; None where only cassettes are played.
            books: What may be spent; None: there is no limit.
            outage: Who waits for the service when it is away; None: whoever asks hears of it.
        """
        self.live = live
        self.books = books or Books()
        self.outage = outage or Outage(0.0)
        self._sessions: dict[str, Session] = {}
        self._server = _Server(self._sessions)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def session(
        self,
        folder: Path,
        *,
        account: Account | None = None,
        cassette: Path | None = None,
        skip: int = 0,
    ) -> Session:
        """Open the conversation of one idea.

        Args:
            folder: Where its exchanges are recorded.
            account: What pays for it; None: one without a name.
            cassette: Folder of replies to play; None: the model is asked.
            skip: Replies that were served before, in a sweep that is being resumed.

        Raises:
            BonsaiError: There is no such cassette.
        """
        account = account or self.books.account("", "")
        session = Session(self, account, secrets.token_urlsafe(24), folder, cassette, skip)
        self._sessions[session.token] = session
        return session

    def forget(self, session: Session) -> None:
        """Stop serving a session; its address is unknown from now on."""
        self._sessions.pop(session.token, None)


class Session:
    """The conversation of one idea; made by `Gateway.session`.

    Attributes:
        base_url: What an OpenAI client takes as its base address. Who knows it may ask.
        api_key: What the client sends as key; never the real one.
        model: The name by which clients ask for the model.
        exchanges: Replies served so far, those skipped included.
        account: What pays for it; a cassette takes nothing.
        refusal: Why the last request was refused, as a sentence; None if it was answered.
        over: What was at its end when the last request was refused, if that was the reason.
        down: The refusal, if it was the fault of the model's service.
        lack: Why there was no answer in the last reply, as a sentence; None if there was one.
    """

    api_key = "local"
    model = MODEL_NAME

    def __init__(
        self,
        gateway: Gateway,
        account: Account,
        token: str,
        folder: Path,
        cassette: Path | None,
        skip: int,
    ) -> None:
        """See `Gateway.session`."""
        self.token = token
        self.base_url = f"{gateway.url}/{token}/v1"
        self.account = account
        self.exchanges = skip
        self.refusal: str | None = None
        self.over: Literal["budget", "cassette"] | None = None
        self.down: ServiceDown | None = None
        self.lack: str | None = None
        self._gateway = gateway
        self._folder = folder
        self._cassette = cassette
        self._replies = None if cassette is None else cassettes.read(cassette)
        self._asking = threading.Lock()  # one request at a time: it is one conversation

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation; its address is unknown from now on."""
        self._gateway.forget(self)

    def seek(self, step: str) -> None:
        """Go on with the next reply that a cassette has for `step`; nothing if there is none.

        So a cassette that was recorded for more runs than are made still ends as it should.
        """
        if self._cassette is not None:
            found = cassettes.find(self._cassette, step, self.exchanges)
            self.exchanges = self.exchanges if found is None else found

    def rewind(self, exchanges: int) -> None:
        """Forget what was recorded after so many exchanges: it belongs to a step done again."""
        cassettes.cut(self._folder, exchanges)
        self.exchanges = exchanges
        self.refusal = self.over = self.down = self.lack = None

    def answer(self, request: Mapping[str, Any], wanted: Callable[[], bool]) -> Reply:
        """Return the reply to one request, and record both.

        What the model thought is recorded, and is not in the reply that is returned.

        Raises:
            ServiceDown: The model's service is away; `down` holds it too.
            Refusal: There is no reply; `refusal` holds the reason too.
            NobodyWaits: `wanted` said that the agent hung up.
        """
        with self._asking:
            try:
                reply = self._answer(request, wanted)
            except NobodyWaits:
                raise
            except Refusal as refusal:
                self.refusal = str(refusal)
                self.over = refusal.what if isinstance(refusal, Exhausted) else None
                self.down = refusal if isinstance(refusal, ServiceDown) else None
                raise
            except Exception as error:
                self.down = None
                self.refusal = f"The gateway failed: {type(error).__name__}: {error}"
                raise Refusal(self.refusal) from error
            self.refusal = self.over = self.down = None
            answer = answer_in(reply.text)
            self.lack = reply.lack.sentence if reply.lack else answer.lack
            return replace(reply, text=answer.text)

    def _answer(self, request: Mapping[str, Any], wanted: Callable[[], bool]) -> Reply:
        number = self.exchanges + 1
        cassettes.write_request(self._folder, number, request)
        started = time.monotonic()
        if self._replies is not None:
            reply = _play(self._replies, number)
        elif self._gateway.live is not None:
            outage = self._gateway.outage
            # While it is known to be away, whoever waits for it does the trying again.
            reply = self._gateway.live.ask(
                request, self.account, wanted=wanted, retry=not outage.is_on
            )
            outage.answered()
        else:
            raise Refusal("No model is configured, and this idea has no cassette.")
        usage = {
            "model": _source(self._gateway.live, self._replies),
            "finish_reason": reply.finish_reason,
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
            "cost_usd": reply.cost_usd,
            "seconds": round(time.monotonic() - started, 3),
        }
        cassettes.write_reply(self._folder, number, reply.text, usage)
        self.exchanges = number
        return reply


def _play(replies: list[str], number: int) -> Reply:
    if number > len(replies):
        raise Exhausted(
            f"The cassette has no more replies: all {len(replies)} are played.", "cassette"
        )
    return Reply(replies[number - 1])


def _source(live: LiveModel | None, replies: list[str] | None) -> str:
    return "cassette" if replies is not None or live is None else live.model


# ------------------------------------------------------------------ the endpoint as clients see it


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a call to the model that hangs must not keep the runner alive
    request_queue_size = 64

    def __init__(self, sessions: Mapping[str, Session]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sessions = sessions

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that hangs up, killed at its deadline, is no news."""


class _BadRequest(Exception):
    pass


class _Timed(io.RawIOBase):
    """What a client sends, until a moment: a socket's own timeout begins anew with every byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.until = 0.0  # in `time.monotonic`
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not come to its end")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(REQUEST_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for the network
    timeout = REQUEST_SECONDS  # also of sending: what goes out unbuffered has a deadline as a whole

    def setup(self) -> None:
        super().setup()
        self._incoming = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.until = time.monotonic() + REQUEST_SECONDS
        super().handle_one_request()

    def do_GET(self) -> None:
        session, what = self._route()
        if session is None or what != ["models"]:
            self._fail(404, "There is nothing at this address.")
            return
        model = {"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "bonsai"}
        self._send_json(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        session, what = self._route()
        try:
            body = self._read_json()
            if session is None or what != ["chat", "completions"]:
                self._fail(404, "There is nothing at this address.")
                return
            reply = session.answer(_parse(body), self._client_waits)
        except _BadRequest as error:
            self._fail(400, str(error))
        except Refusal as refusal:
            self._fail(400, str(refusal), code="refused")
        except NobodyWaits:
            self.close_connection = True
        else:
            self._send_reply(reply, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: what matters is recorded by the session."""

    def _route(self) -> tuple[Session | None, list[str]]:
        """Return the session that the path names, and what is asked of it."""
        token, _, rest = self.path.partition("?")[0].lstrip("/").partition("/")
        version, *what = rest.split("/")
        sessions = cast(_Server, self.server).sessions
        return (sessions.get(token) if version == "v1" else None), what

    def _read_json(self) -> Any:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_REQUEST:
            self.close_connection = True  # what follows on this connection cannot be told apart
            raise _BadRequest("The request must give its length, of at most 32 MiB.")
        try:
            return json.loads(self.rfile.read(length))
        except ValueError as error:
            raise _BadRequest(f"The request is not JSON: {error}.") from error

    def _client_waits(self) -> bool:
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False

    def _fail(self, status: int, message: str, code: str | None = None) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self._send_json(status, {"error": error})

    def _send_reply(self, reply: Reply, body: Mapping[str, Any]) -> None:
        if body.get("stream"):
            options = body.get("stream_options")
            with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
            self._send(200, "text/event-stream", _as_events(reply, with_usage))
        else:
            self._send_json(200, _as_completion(reply))

    def _send_json(self, status: int, value: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(value))

    def _send(self, status: int, content_type: str, text: str) -> None:
        content = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _parse(body: Any) -> dict[str, Any]:
    """Return what of a request is passed on to the model: messages and a few settings."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages:
        raise _BadRequest("The request must be an object with a list of messages.")
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        raise _BadRequest("Each message must be an object with a role.")
    settings = {name: body[name] for name in PASSED_ON if body.get(name) is not None}
    return {"messages": messages, **settings}


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


def _as_completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {**_head("chat.completion"), "choices": [choice], "usage": _usage(reply)}


def _as_events(reply: Reply, with_usage: bool) -> str:
    """Return the reply in the form of a stream.

    It is sent when it is complete, so that no agent ever acts on part of a reply.
    """
    head = _head("chat.completion.chunk")
    text = {"role": "assistant", "content": reply.text}
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": text, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]},
    ]
    if with_usage:
        events.append({**head, "choices": [], "usage": _usage(reply)})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
