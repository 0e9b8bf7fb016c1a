"""What a model's service answers, read whatever its form: a reply, a fault, a pause, a window.

Services that call themselves compatible differ in all that is no plain reply. Everything here is a
function of what was sent, does no input or output, and takes any text at all.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from bonsai.models import tool_calls

LARGEST_ANSWER = 16 * 1024 * 1024  # bytes
PERHAPS_BILLED = "x-bonsai-perhaps-billed"  # a header of ours on answers whose reply was lost
LONGEST_WORDS = 300  # characters of a service's own words that people get to read
SMALLEST_WINDOW, LARGEST_WINDOW = 64, 100_000_000  # tokens; else the number meant something else

Cause = Literal["passes", "config", "quota", "too long", "refused"]


class NoReply(Exception):
    """An answer without a reply in it; the text is why, in the service's own words.

    Attributes:
        status: the HTTP status that fits what was said.
        billed: whether a reply may have been made and lost.
    """

    def __init__(self, words: str, *, status: int = 502, billed: bool = False) -> None:
        """See the class."""
        super().__init__(words)
        self.status = status
        self.billed = billed


# ------------------------------------------------------------------------------- bodies of answers


def completion(raw: bytes) -> dict[str, Any]:
    """The completion that the body of a successful answer holds, in OpenAI's form.

    Taken are also: an answer in the form of a stream, `content` as a list of parts, the `text` of
    older services. What the model thought is in `reasoning_content`, always there. Tool calls are
    made whole; where none could be read, `finish_reason` still tells of them.

    Raises:
        NoReply: the body is an error, or holds no reply.
    """
    text = raw.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    body = _joined(text) if re.match(r"(data|event|id|retry)?:", text) else _parsed(text)
    if isinstance(body, list):  # as Gemini sends errors
        body = next((item for item in body if isinstance(item, dict)), None)
    if not isinstance(body, dict):
        raise NoReply(f"the answer holds no reply, but {words(text) or 'nothing'}")
    if error := body.get("error"):
        raise NoReply(words(text) or "an error without words", status=_status(error))
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        raise NoReply(words(text, else_all=False) or "the answer holds no reply")
    message = _object(first.get("message"))
    error = first.get("error") or message.get("error")
    finish = first.get("finish_reason")
    if error or finish == "error":
        told = words(json.dumps({"error": error})) if error else ""
        raise NoReply(told or "an error without words", status=_status(error))
    content, thought = parts(message.get("content") or first.get("text") or "")
    content = content or parts(message.get("refusal") or "")[0]
    thought = next(
        filter(None, (_plain(message.get(key)) for key in ("reasoning_content", "reasoning"))),
        thought or parts(message.get("reasoning_details") or "")[0],
    )
    calls = tool_calls.plain(message.get("tool_calls"), message.get("function_call"))
    if not content and (message.get("tool_calls") or message.get("function_call")):
        finish = finish if finish == "length" else "tool_calls"
    return {
        **body,
        "id": _plain(body.get("id")) or "unnamed",
        "object": "chat.completion",
        "created": _count(body.get("created")),
        "model": _plain(body.get("model")) or "unnamed",
        "choices": [
            {
                "index": 0,
                "finish_reason": _plain(finish) or "stop",
                "message": {
                    "role": "assistant", "content": content, "reasoning_content": thought,
                    **({"tool_calls": calls} if calls else {}),
                },
            }
        ],
        "usage": _usage(body.get("usage")),
    }  # fmt: skip


def parts(content: object) -> tuple[str, str]:
    """The text of a message's `content` (a text, a part, a list of parts), and what was thought."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    said: list[str] = []
    thought: list[str] = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict):
            kind = str(part.get("type", "text"))
            inner = next(
                (part[key] for key in ("text", "thinking", "summary", "content") if part.get(key)),
                "",
            )
            inner = inner.get("value", "") if isinstance(inner, dict) else inner
            text = inner if isinstance(inner, str) else "".join(
                str(each.get("text", "")) for each in inner if isinstance(each, dict)
            ) if isinstance(inner, list) else ""  # fmt: skip
            (thought if kind in ("thinking", "reasoning") else said).append(text)
    return "".join(said), "".join(thought)


def _joined(text: str) -> dict[str, Any]:
    """The events of a stream as one completion."""
    whole: dict[str, Any] = {}
    said: list[str] = []
    thought: list[str] = []
    called = tool_calls.Pieces()
    finish, ended = None, False
    for line in text.split("\n"):  # and at no other sign: replies hold them all
        name, _, value = line.partition(":")
        value = value.strip()
        if name.strip() != "data" or not value:
            continue
        if value == "[DONE]":
            ended = True
            break
        event = _parsed(value)
        if not isinstance(event, dict):
            continue
        if event.get("error"):
            return event
        whole.update({key: each for key, each in event.items() if key != "choices" and each})
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if not isinstance(choice, dict) or choice.get("index"):
                continue
            if choice.get("error"):
                return event
            delta = _object(choice.get("delta") or choice.get("message"))
            content, reasoning = parts(delta.get("content") or choice.get("text") or "")
            said.append(content)
            thought += [reasoning, *(_plain(delta.get(key)) for key in ("reasoning_content",
                                                                        "reasoning"))]  # fmt: skip
            called.add(delta.get("tool_calls"), delta.get("function_call"))
            finish = choice.get("finish_reason") or finish
    if not ended and finish is None:
        raise NoReply("the answer breaks off before its end", billed=True)
    message = {"content": "".join(said), "reasoning_content": "".join(thought)}
    choice = {"message": message | {"tool_calls": called.whole()}, "finish_reason": finish}
    return {**whole, "choices": [choice]}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        if text.startswith(("{", "[")):
            raise NoReply("the answer breaks off, or is no JSON", billed=True) from error
        told = words(text)
        raise NoReply(f"the answer is no JSON, but: {told}" if told else "an empty answer") from (
            error
        )


def _status(error: object) -> int:
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    try:
        status = int(str(code))
    except ValueError:
        return 429 if "rate_limit" in str(code) else 502
    return status if 400 <= status < 600 else 502


def _usage(usage: object) -> dict[str, Any]:
    told = _object(usage)
    counts = {key: _count(told.get(key)) for key in ("prompt_tokens", "completion_tokens")}
    details = {key: value for key, value in told.items() if isinstance(value, dict)}
    return {**details, **counts, "total_tokens": sum(counts.values())}


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return max(0, int(value))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else ""


# ------------------------------------------------------------------------------------ empty replies


@dataclass(frozen=True)
class Lack:
    """Why a reply is empty, and what may help."""

    why: Literal["thought", "tool", "filter", "window", "nothing"]
    sentence: str


def why_empty(
    finish_reason: str,
    thought: str,
    tokens_out: int,
    *,
    tool_called: bool = False,
    tools: bool = False,
) -> Lack:
    """Why a reply without text is empty, as far as the service tells; `tools`: some were there."""
    if tool_called or finish_reason in ("tool_calls", "function_call", "tool_use"):
        if tools:
            return Lack("tool", "The model called a tool in a form that cannot be read.")
        return Lack("tool", "The model called a tool, and there are none; its reply was empty.")
    if finish_reason in ("content_filter", "safety", "recitation", "prohibited_content"):
        return Lack("filter", "The service's content filter withheld the reply.")
    if finish_reason in ("length", "max_tokens"):
        if thought or tokens_out > 1:
            return Lack(
                "thought",
                f"The reply ended while thinking, at its limit of {tokens_out:,} tokens, so there "
                "is no answer in it.",
            )
        return Lack("window", "The reply was cut after one token: the prompt fills the window.")
    if thought:
        return Lack("thought", "The reply was nothing but thinking; there is no answer in it.")
    return Lack("nothing", "The model's reply was empty.")


# ------------------------------------------------------------------------------------------- words


def words(text: str, *, else_all: bool = True) -> str:
    """What an error says to people, on one line; of JSON its message, of a page its title.

    Args:
        text: the body of an answer.
        else_all: whether JSON without a message is quoted as it is.
    """
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>(.*?)</title", text[:100_000], re.I | re.S)
        found = title[1] if title else re.sub(r"<[^<>]{0,2000}>", " ", text[:5000])
    else:
        found = _message(value) or (text if else_all and value else "")
    line = " ".join(found.encode("utf-8", "replace").decode().split())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 3] + "..."


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 5:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_message(item, depth + 1) for item in value[:10])), "")
    if not isinstance(value, dict):
        return ""
    keys = ("error", "message", "detail", "details", "errors", "msg", "error_description", "type")
    found = next(filter(None, (_message(value.get(key), depth + 1) for key in keys)), "")
    metadata = value.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # what OpenRouter passes on
    return f"{found}: {_message(raw, depth + 1)}" if found and raw else found


def pause(headers: Mapping[str, str], text: str, now: float) -> float:
    """For how many seconds a service asks to be left alone; 0 where it does not say.

    Args:
        headers: of its answer; `retry-after-ms`, `Retry-After` in seconds or as a date.
        text: its body, which may have a `retryDelay` (Gemini) or "try again in 1m30s" (Groq).
        now: seconds since 1970.
    """
    told = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    found = [told_pause(text)]
    if (milliseconds := _number(told.get("retry-after-ms"))) is not None:
        found.append(milliseconds / 1000)
    elif after := told.get("retry-after"):
        seconds = _number(after)
        if seconds is None:
            try:
                seconds = parsedate_to_datetime(after).timestamp() - now
            except (ValueError, TypeError, IndexError, OverflowError):
                seconds = 0.0
        found.append(seconds)
    return max(0.0, *found)


def told_pause(text: str) -> float:
    """The pause that the body of an answer asks for, in seconds; 0: none."""
    if delay := re.search(r'retryDelay[\\"\s]*:[\\"\s]*([\d.]+)s', text):
        return _number(delay[1]) or 0.0
    if again := re.search(
        r"(?:try again|retry) (?:in|after)\s+((?:[\d.]+\s*[a-z]+\s*)+)", text, re.I
    ):
        units = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
        total = 0.0
        for number, unit in re.findall(r"([\d.]+)\s*([a-z]+)", again[1], re.I):
            unit = unit.lower()
            short = "ms" if unit.startswith(("ms", "milli")) else unit[0]
            total += (_number(number) or 0.0) * units.get(short, 0.0)
        return total
    return 0.0


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


TOO_LONG = re.compile(
    r"context.?(length|window|size|limit)|maximum (context|prompt|model) length|"
    r"(prompt|input|request|message)s? (is|are|was) too (long|large)|request too large|"
    r"request entity too large|reduce (the|your) (length|message|prompt)|too many input tokens|"
    r"string too long",
    re.I,
)
CAN_NEVER_FIT = re.compile(r"request too large|must be reduced", re.I)  # of a limit a minute
NO_QUOTA = re.compile(
    r"insufficient.?(quota|credits?|balance|funds)|credit balance|out of credits|payment required|"
    r"spending limit|billing.?hard.?limit|PerDay",
    re.I,
)
PERHAPS_NO_QUOTA = re.compile(
    r"exceeded your (current|monthly) quota|(?<![/\w])billing|usage limit reached|"
    r"quota (is |has been )?(used up|exhaust)",
    re.I,
)
UNKNOWN_MODEL = re.compile(
    r"model_not_found|unknown model|no such model|invalid model\b|LLM Provider NOT provided|"
    r"model\b.{0,80}?(not found|does not exist|do(es)? not have access)",
    re.I | re.S,
)


def cause(status: int | None, text: str) -> Cause:
    """Whose fault an answer with an error status tells of, and whether waiting may help.

    Args:
        status: of the answer; None: there was no answer.
        text: its body.

    Returns:
        "passes", "config" (the key, the model's name), "quota" (used up): of the service; "too
        long", "refused": of the request.
    """
    if status is None:
        return "passes"
    fits_never = CAN_NEVER_FIT if status == 429 else TOO_LONG
    if status == 413 or (status in (400, 422, 429, 500) and fits_never.search(text)):
        return "too long"
    if status == 402 or NO_QUOTA.search(text):
        return "quota"
    if status in (400, 403, 429) and PERHAPS_NO_QUOTA.search(text) and not told_pause(text):
        return "quota"  # Gemini says so of a minute's quota, too, and then for how long
    if status in (401, 403, 404) or (status in (400, 422) and UNKNOWN_MODEL.search(text)):
        return "config"
    return "passes" if status in (408, 409, 425, 429) or status >= 500 else "refused"


WINDOWS = (
    r"\d\s*(?:tokens?)?\s*>\s*(\d[\d,]{2,})",
    r"(?:context|model|prompt|sequence)[ _-]?(?:length|window|size|limit|len)\b"
    r"[^\d]{0,24}(\d[\d,]{2,})",
    r"n_ctx\W{0,6}(\d{3,})",
)
PROMPTS = (
    r"(\d[\d,]*)\s*(?:tokens?\s*)?(?:in|from|of) (?:the |your )?(?:messages|prompt|input)",
    r"messages resulted in (\d[\d,]*)",
    r"(\d[\d,]*) input tokens",
    r"n_prompt_tokens\W{0,6}(\d+)",
)


def window(text: str) -> int | None:
    """The tokens of prompt and reply together that a refusal says are the most; None: it does not.

    Forms of OpenAI, vLLM, llama.cpp, Anthropic, xAI.
    """
    sizes = (size for size in _numbers(WINDOWS, text) if SMALLEST_WINDOW <= size <= LARGEST_WINDOW)
    return next(sizes, None)


def prompt_tokens(text: str) -> int | None:
    """How many tokens a refusal counts in the prompt; None: it does not say."""
    return next(_numbers(PROMPTS, text), None)


def longest_reply(text: str) -> int | None:
    """The longest reply in tokens that a refusal of a longer one allows; None: it does not say."""
    return next(_numbers((r"at most (\d[\d,]*) (?:completion|output) tokens",), text), None)


def _numbers(patterns: tuple[str, ...], text: str) -> Iterator[int]:
    for pattern in patterns:
        for found in re.finditer(pattern, text[:20_000], re.I):
            digits = found[1].replace(",", "")
            if len(digits) < 12:
                yield int(digits)
