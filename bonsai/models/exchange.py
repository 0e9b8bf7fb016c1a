"""What passes between an agent, the gateway and a model: replies, refusals, and quotes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from bonsai.models.answers import Lack

# How often, in seconds, to look whether the agent still waits for its reply.
GLANCE_SECONDS = 0.2
# Tokens in a reply that nobody finds short; the limit where a model's own is unknown.
LONG_REPLY = 8192
MODEL_NAME = "bonsai"  # what agents call the model, whichever answers


class Refusal(Exception):
    """A request that gets no reply; its text is the reason, as a sentence for people."""


class Exhausted(Refusal):
    """A refusal for good.

    Attributes:
        what: what is at its end.
    """

    def __init__(self, sentence: str, what: Literal["budget", "cassette"]) -> None:
        """Refuse because of `what`; `sentence` says so to people."""
        super().__init__(sentence)
        self.what = what


class ServiceDown(Refusal):
    """A refusal that is the service's fault, so nobody's try.

    Attributes:
        kind: whether it tends to pass; else the key or the model's name is wrong, or the quota is
            used up.
        pause: for how many seconds the service asks to be left alone.
        at: when it was so, in `time.monotonic`.
    """

    def __init__(
        self, sentence: str, kind: Literal["passes", "config", "quota"], pause: float = 0.0
    ) -> None:
        """Refuse because of the service; `sentence` says why to people."""
        super().__init__(sentence)
        self.kind = kind
        self.pause = pause
        self.at = time.monotonic()


class NobodyWaits(Exception):
    """The agent hung up before its reply came."""


@dataclass(frozen=True)
class ToolCall:
    """What a model wants done by one of the tools that the agent offered.

    Attributes:
        id: by which the agent says what came of it.
        name: of the tool.
        arguments: JSON text as the model wrote it, which need not be JSON.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One reply of the model.

    Attributes:
        text: what it said; its thinking is in it, between tags, until the gateway has recorded it.
        lack: why it is empty; None if it is not, or nobody knows.
        tool_calls: what the agent's tools are to do before the model goes on.
    """

    text: str
    finish_reason: str = "stop"  # "length": the reply was cut off at the model's limit
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0  # None: nobody knows the price
    lack: Lack | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Quote:
    """The most that a request can take."""

    prompt_tokens: int
    reply_tokens: int  # of the longest reply
    bounded: bool  # whether the model, or the request itself, allows no longer one
    prompt_usd: float | None  # None: nobody knows the price
    reply_token_usd: float | None  # the price of one more token of reply

    def usd(self, reply_tokens: int) -> float | None:
        """What it costs with a reply of so many tokens; None: nobody knows."""
        if self.prompt_usd is None or self.reply_token_usd is None:
            return None
        return self.prompt_usd + reply_tokens * self.reply_token_usd
