"""The gateway: a local endpoint that every agent talks to, in the language that it speaks.

It alone holds the key of the model. It serves each idea under a secret address of its own (a
`Session`), from the real model or from a cassette, records every exchange, and refuses what the
budget does not pay for.

A request that is refused is answered with status 400, which no client tries again, and with the
reason; `Session.refusal` holds the same sentence.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from bonsai.models import cassette as cassettes
from bonsai.models.budget import Account, Books
from bonsai.models.endpoint import Server
from bonsai.models.exchange import (
    MODEL_NAME,
    Exhausted,
    NobodyWaits,
    Refusal,
    Reply,
    ServiceDown,
)
from bonsai.models.outage import Outage
from bonsai.models.provider import LiveModel
from bonsai.models.thinking import answer_in

__all__ = ["Gateway", "LiveModel", "Session"]


class Gateway:
    """The endpoint, serving from the moment it is made until it is closed.

    Attributes:
        url: Its address; sessions lie under it.
        port: The same as a TCP port of this machine.
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
        self._server = Server(self._sessions)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
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
        root_url: What an Anthropic client takes as its base address. Who knows it may ask.
        base_url: The same for an OpenAI client.
        port: The TCP port of both.
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
        self.root_url = f"{gateway.url}/{token}"
        self.base_url = f"{self.root_url}/v1"
        self.port = gateway.port
        self.account = account
        self.exchanges = skip
        self.refusal: str | None = None
        self.over: Literal["budget", "cassette"] | None = None
        self.down: ServiceDown | None = None
        self.lack: str | None = None
        self._gateway = gateway
        self._folder = folder
        self._cassette = cassette
        self._replies = None if cassette is None else cassettes.replies(cassette)
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

    def replies_since(self, exchanges: int) -> list[str]:
        """What the model said after so many exchanges, as it is recorded, without its thinking."""
        texts = cassettes.recorded(self._folder, exchanges, self.exchanges)
        return [answer_in(text).text for text in texts]

    def answer(self, request: Mapping[str, Any], wanted: Callable[[], bool]) -> Reply:
        """Return the reply to one request, and record both.

        What the model thought is recorded, and is not in the reply that is returned.

        Raises:
            ServiceDown: The model's service is away; `down` holds it too.
            Refusal: There is no reply; `refusal` holds the reason too.
            NobodyWaits: `wanted` said that the agent hung up.
        """
        with self._asking:
            if not wanted():  # any more: another was answered first
                raise NobodyWaits
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
            if reply.tool_calls:
                self.lack = None  # it goes on when they are done
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
        cassettes.write_reply(self._folder, number, reply, usage)
        self.exchanges = number
        return reply


def _play(replies: list[Reply], number: int) -> Reply:
    if number > len(replies):
        raise Exhausted(
            f"The cassette has no more replies: all {len(replies)} are played.", "cassette"
        )
    return replies[number - 1]


def _source(live: LiveModel | None, replies: list[Reply] | None) -> str:
    return "cassette" if replies is not None or live is None else live.model
