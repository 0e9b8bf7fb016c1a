"""The HTTP client through which litellm asks OpenAI-compatible services.

It ends a call at its deadline however slowly the answer drips, takes no more than `LARGEST_ANSWER`
bytes, and turns what stands in a successful answer into a completion or an error status, so that
nothing else need know how services differ.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

import httpx

from bonsai.models import answers

CONNECT_SECONDS = 15.0  # within which a service accepts a connection; else it is away
LONGEST_CALL = 600.0  # seconds; where the request names no deadline


class ServiceClient(httpx.Client):
    """An `httpx.Client` with a deadline for the whole of a call, and answers made plain.

    Each call has a connection of its own, so that it can be ended from outside.
    """

    def __init__(self, **options: Any) -> None:
        """As `httpx.Client`."""
        limits = httpx.Limits(max_keepalive_connections=0)
        super().__init__(limits=limits, follow_redirects=True, **options)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, and return its answer, complete.

        Raises:
            httpx.ReadTimeout: the deadline, which is the request's timeout for reading, is over.
            httpx.HTTPError: no whole answer came.
        """
        options["stream"] = True
        timeouts = dict(request.extensions.get("timeout") or {})
        timeouts["connect"] = min(timeouts.get("connect") or CONNECT_SECONDS, CONNECT_SECONDS)
        request.extensions = {**request.extensions, "timeout": timeouts}
        with _Deadline(request, timeouts.get("read") or LONGEST_CALL):
            response = super().send(request, **options)
            try:
                content, too_large = _read(response)
            finally:
                response.close()
        status, headers = response.status_code, dict(response.headers)
        for name in (
            "content-encoding",
            "content-length",
            "transfer-encoding",
            answers.PERHAPS_BILLED,
        ):
            headers.pop(name, None)
        try:
            if too_large:
                raise answers.NoReply("the answer is longer than 16 MiB", billed=status < 400)
            if 200 <= status < 300 and request.url.path.endswith("/chat/completions"):
                content = json.dumps(answers.completion(content)).encode()
                headers["content-type"] = "application/json"
        except answers.NoReply as problem:
            status = problem.status if status < 400 else status
            said = {"message": str(problem), "type": "no_reply", "code": status}
            content = json.dumps({"error": said}).encode()
            headers["content-type"] = "application/json"
            if problem.billed:
                headers[answers.PERHAPS_BILLED] = "yes"
        return httpx.Response(status, headers=headers, content=content, request=request)


def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """The body, and whether it is longer than may be; then it is empty."""
    chunks, length = [], 0
    for chunk in response.iter_bytes():
        length += len(chunk)
        if length > answers.LARGEST_ANSWER:
            return b"", True
        chunks.append(chunk)
    return b"".join(chunks), False


class _Deadline:
    """Hangs up when a call has taken too long: timeouts of httpx begin anew with every byte."""

    def __init__(self, request: httpx.Request, seconds: float) -> None:
        self._request = request
        self._streams: list[Any] = []
        self._over = threading.Event()
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        request.extensions = {**request.extensions, "trace": self._trace}

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._over.is_set():  # what else went wrong came of that
            raise httpx.ReadTimeout("the call took too long", request=self._request) from error

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Hear from httpcore of every connection that is made, within TLS and without."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._streams.append(info["return_value"])
            if self._over.is_set():
                self._hang_up()

    def _hang_up(self) -> None:
        self._over.set()
        for stream in list(self._streams):
            with suppress(OSError, AttributeError):  # it may be closed already
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
