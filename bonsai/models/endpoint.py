"""The gateway as its clients see it: HTTP on this machine, in every language of `dialects`.

Whatever a client sends gets an answer, and whoever sends nothing is hung up on. A request that is
refused is answered with status 400, which no client tries again, and with the reason.
"""

from __future__ import annotations

import io
import json
import select
import socket
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol, cast

from bonsai.models.dialects import CHAT, DIALECTS, MESSAGES, Dialect, NotUnderstood
from bonsai.models.exchange import MODEL_NAME, NobodyWaits, Refusal, Reply

LARGEST_REQUEST = 32 * 1024 * 1024  # bytes
REQUEST_SECONDS = 60.0  # within which a request must be there, whole; an idle connection is closed
CHARACTERS_A_TOKEN = 4  # about, in what is counted for clients before they ask
NOTHING_HERE = "There is nothing at this address."


class Answers(Protocol):
    """Who answers what is asked at an address; see `gateway.Session`."""

    def answer(self, request: Mapping[str, Any], wanted: Callable[[], bool]) -> Reply:
        """Return the reply to one request."""


class Server(ThreadingHTTPServer):
    """Serves on a free port of this machine, to this machine only.

    Attributes:
        sessions: who answers, by the secret with which an address begins.
    """

    daemon_threads = True  # a call to the model that hangs must not keep the runner alive
    request_queue_size = 64

    def __init__(self, sessions: Mapping[str, Answers]) -> None:
        """Take a port; `serve_forever` serves."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sessions = sessions

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that hangs up, killed at its deadline, is no news."""


class _Place(NamedTuple):
    """What an address names."""

    session: Answers | None
    what: str  # what of it, without the version
    dialect: Dialect  # in which to answer


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
        place = self._place()
        if place.session is None:
            self._fail(404, NOTHING_HERE, place.dialect)
        elif place.what in ("", "models"):  # the first: clients look whether anybody is there
            self._send_json(200, _models())
        elif place.what == f"models/{MODEL_NAME}":
            self._send_json(200, _model())
        else:
            self._fail(404, NOTHING_HERE, place.dialect)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        session, what, dialect = self._place()
        try:
            body = self._read_json()
            if session is None or what not in (*DIALECTS, "messages/count_tokens"):
                self._fail(404, NOTHING_HERE, dialect)
                return
            request = dialect.request(body)
            if what not in DIALECTS:
                self._send_json(200, {"input_tokens": _about_tokens(request)})
                return
            reply = session.answer(request, self._client_waits)
        except NotUnderstood as error:
            self._fail(400, str(error), dialect)
        except Refusal as refusal:
            self._fail(400, str(refusal), dialect, refused=True)
        except NobodyWaits:
            self.close_connection = True
        else:
            self._send_reply(reply, body, dialect)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: what matters is recorded by the session."""

    def _place(self) -> _Place:
        token, _, rest = self.path.partition("?")[0].lstrip("/").partition("/")
        session = cast(Server, self.server).sessions.get(token)
        version, _, what = rest.rstrip("/").partition("/")
        if version not in ("", "v1"):
            session = None
        asked_as_anthropic = what.startswith("messages") or "anthropic-version" in self.headers
        return _Place(session, what, MESSAGES if asked_as_anthropic else DIALECTS.get(what, CHAT))

    def _read_json(self) -> dict[str, Any]:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_REQUEST:
            self.close_connection = True  # what follows on this connection cannot be told apart
            raise NotUnderstood("The request must give its length, of at most 32 MiB.")
        raw = self.rfile.read(length)
        try:
            # Half a character, as is left where programs cut texts, is legal in JSON and in no
            # file, and no service takes it.
            body = _whole(json.loads(raw.decode("utf-8", "replace"), parse_constant=_no_number))
        except (ValueError, RecursionError) as error:
            raise NotUnderstood(f"The request is not JSON: {error}.") from error
        if not isinstance(body, dict):
            raise NotUnderstood("The request must be an object.")
        return body

    def _client_waits(self) -> bool:
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return not readable or self.connection.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False

    def _fail(self, status: int, message: str, dialect: Dialect, refused: bool = False) -> None:
        self._send_json(status, dialect.fault(status, message, refused))

    def _send_reply(self, reply: Reply, body: Mapping[str, Any], dialect: Dialect) -> None:
        if body.get("stream"):
            self._send(200, "text/event-stream", dialect.events(reply, body))
        else:
            self._send_json(200, dialect.answer(reply, body))

    def _send_json(self, status: int, value: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(value))

    def _send(self, status: int, content_type: str, text: str) -> None:
        content = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _whole(value: Any) -> Any:
    """The value with "?" for each half of a character in its texts."""
    text = json.dumps(value, ensure_ascii=False)
    return value if text.isascii() else json.loads(text.encode("utf-8", "replace"))


def _about_tokens(request: Mapping[str, Any]) -> int:
    return len(json.dumps(request, ensure_ascii=False)) // CHARACTERS_A_TOKEN + 1


def _model() -> dict[str, Any]:
    """The model, as OpenAI's clients and Anthropic's read it."""
    made = {"created": 0, "created_at": "1970-01-01T00:00:00Z"}
    name = {"id": MODEL_NAME, "object": "model", "type": "model", "display_name": MODEL_NAME}
    return {**name, **made, "owned_by": "bonsai"}


def _models() -> dict[str, Any]:
    ends = {"first_id": MODEL_NAME, "last_id": MODEL_NAME, "has_more": False}
    return {"object": "list", "data": [_model()], **ends}
