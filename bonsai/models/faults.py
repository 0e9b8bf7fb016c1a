"""What went wrong when a model was asked, read from the exception that litellm raised.

litellm gives errors names and statuses of its own making; what the service answered is in the
exceptions that led to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bonsai.models import answers
from bonsai.models.answers import LARGEST_ANSWER, PERHAPS_BILLED, Cause

# Of httpx: the address is none, so that no waiting helps.
NO_ADDRESS = {"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"}
TIMEOUTS = {"Timeout", "APITimeoutError", "ReadTimeout", "ConnectTimeout"}


class Asked(Protocol):
    """Whom an explanation speaks of."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def timeout_seconds(self) -> float:
        """How long it was waited for."""


@dataclass(frozen=True)
class Fault:
    """Why a call of the model gave no reply.

    Attributes:
        cause: whose fault it is, and whether it may pass; as `answers.cause` has it.
        status: of the service's answer; None: there was none, or nobody knows.
        words: what the service said, on one line; else what litellm did.
        text: the same, whole.
        pause: for how many seconds the service asks to be left alone.
        timed_out: whether it did not answer in time.
        billed: whether it may have made a reply all the same.
    """

    cause: Cause
    status: int | None
    words: str
    text: str = ""
    pause: float = 0.0
    timed_out: bool = False
    billed: bool = False


def read(error: BaseException) -> Fault:
    """What an exception of litellm's tells."""
    chain = list(_chain(error))
    names = {type(each).__name__ for each in chain}
    answered = next(filter(None, map(_answer, chain)), None)
    if answered is not None:
        status, headers, text = answered
        said = answers.words(text) or _first_line(error)
        pause = answers.pause(headers, text, time.time())
        billed = PERHAPS_BILLED in headers
        cause = answers.cause(status, text)
        return Fault(cause, status, said, text, pause, status == 408, billed)
    said, text = _first_line(error), str(error)
    if isinstance(error, answers.NoReply):
        return Fault("passes", error.status, said, text, billed=error.billed)
    unsent = bool(names & {"ConnectError", "ConnectTimeout", "ProxyError"})
    if names & TIMEOUTS:
        return Fault("passes", None, said, text, timed_out=True, billed=not unsent)
    if names & NO_ADDRESS or "AuthenticationError" in names:
        return Fault("config", 401 if "AuthenticationError" in names else None, said, text)
    named = getattr(error, "status_code", None)
    told = named if isinstance(named, int) else None
    headers = getattr(error, "litellm_response_headers", None) or {}
    unsent = unsent or (told is not None and 400 <= told < 500 and told != 408)
    pause = answers.pause(headers, text, time.time())
    return Fault(answers.cause(told, text), told, said, text, pause, billed=not unsent)


def explain(fault: Fault, asked: Asked) -> str:
    """The fault as a sentence for people."""
    if fault.timed_out and fault.billed:
        return f"The model did not answer within {asked.timeout_seconds:g} seconds."
    status = fault.status
    if fault.cause == "too long":
        return _sentence(f"The prompt is too long for the service of {asked.model}", fault)
    if fault.cause == "quota":
        what = "says that the quota is used up"
    elif fault.cause == "config" and status == 404:
        what = "has no such model, or there is no service at this address (status 404)"
    elif fault.cause == "config" and status in (401, 403):
        what = "refused the key, or got none"
    elif fault.cause == "config":
        what = "cannot be asked for this model, or at this address"
    elif status == 429:
        what = "gets too many requests"
    elif fault.cause == "refused":
        what = f"refused the request (status {status})"
    else:
        what = "failed or could not be reached"
    text = _sentence(f"The service of {asked.model} {what}", fault)
    return (
        f"{text} It asks to be left alone for {fault.pause:.0f} seconds." if fault.pause else text
    )


def _sentence(head: str, fault: Fault) -> str:
    text = f"{head}: {fault.words}"
    return text if text.endswith((".", "!", "?")) else text + "."


def _answer(error: BaseException) -> tuple[int, Mapping[str, str], str] | None:
    """Status, headers and body of what the service answered, if this exception holds it."""
    if type(error).__module__.split(".")[0] not in ("openai", "httpx"):
        held_by_httpx = any(kind.__module__.startswith("httpx") for kind in type(error).__mro__)
        if not held_by_httpx:  # litellm makes up answers of its own
            return None
    response: Any = getattr(error, "response", None)
    if response is None or not isinstance(getattr(response, "status_code", None), int):
        return None
    try:
        text = response.text[:LARGEST_ANSWER]
    except Exception:  # of httpx: a stream that nobody has read
        text = str(error)
    return response.status_code, response.headers, text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that led to it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(error: BaseException) -> str:
    """The first line of the error's text, without the names that litellm puts before it."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = first.split("Exception - ", 1)[-1].removeprefix(f"litellm.{type(error).__name__}: ")
    return text if len(text) <= answers.LONGEST_WORDS else text[: answers.LONGEST_WORDS - 3] + "..."
