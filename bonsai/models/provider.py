"""Asking a real language model, through litellm: deadlines, retries, prices."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from bonsai.models import answers, faults, lazy_litellm, thinking, tool_calls
from bonsai.models.budget import USEFUL_REPLY, Account, Call
from bonsai.models.exchange import (
    GLANCE_SECONDS,
    LONG_REPLY,
    NobodyWaits,
    Quote,
    Refusal,
    Reply,
    ServiceDown,
    ToolCall,
)
from bonsai.models.faults import Fault

# Services count by tokenizers of their own, so a prompt may be longer than it is counted here.
PROMPT_MARGIN = 1.5
TOKENS_OF_A_PICTURE = 1600  # of the largest, as services make them smaller; beside litellm's own
BYTES_A_TOKEN = 2  # at least, in texts of any language, on average

MOST_TOKENS_TO_THINK = 32_768  # of a reply that is asked for once more; model's limit unknown
NO_TOOLS = "There are no tools here. Answer in plain text."


@dataclass
class Learned:
    """What a service's refusals told of its limits, in tokens; None: nothing yet."""

    window: int | None = None  # prompt and reply together
    reply: int | None = None


@dataclass(frozen=True)
class LiveModel:
    """A language model behind a service that litellm can talk to."""

    model: str  # any model string of litellm: "gpt-4o", "openai/qwen2.5-coder", "ollama/llama3"
    api_base: str | None = None  # address of the service; None: the provider's own
    api_key: str | None = field(default=None, repr=False)  # None: litellm looks in the environment
    timeout_seconds: float = 300.0  # for one attempt; a reply that takes longer is not retried
    retry_waits: tuple[float, ...] = (1.0, 5.0)  # seconds before each further attempt
    longest_wait_seconds: float = 60.0  # a service that asks for a longer pause is not retried
    context_tokens: int | None = None  # prompt and reply together; None: learned from refusals
    learned: Learned = field(default_factory=Learned, compare=False, repr=False)

    def ask(
        self,
        request: Mapping[str, Any],
        account: Account,
        *,
        wanted: Callable[[], bool] = lambda: True,
        retry: bool = True,
    ) -> Reply:
        """Return the model's reply, trying again after faults that pass within seconds.

        A request that was too long for the window together with its reply is asked again with a
        shorter one; one whose reply was empty, once more with what may help.

        Args:
            request: `messages`, `tools` and sampling settings such as `temperature`, in the form
                of chat completions.
            account: What pays. Every attempt is entered before it is made; its cost when it is
                known, which may be in another thread, and after this function has returned.
            wanted: Whether somebody still waits for the reply; asked several times a second.
            retry: Whether to try again after faults of the service.

        Raises:
            Exhausted: The budget does not pay for a reply.
            ServiceDown: The service failed, or refuses the key, the model or any more requests.
            Refusal: No reply came; the text says why.
            NobodyWaits: `wanted` said so.
        """
        litellm = lazy_litellm.load()  # here, so that loading it does not count as the model's time
        waits = list(self.retry_waits if retry else ())
        changed, shortened = False, 0
        while True:
            quote = self.quote(request)
            call = account.reserve(quote, wanted)
            limit = _reply_limit(request, quote, call)
            attempt = partial(self._attempt, litellm, _limited(request, limit), call)
            try:
                reply = _await(attempt, self.timeout_seconds, wanted)
            except (Refusal, NobodyWaits):
                raise
            except Exception as error:
                fault = faults.read(error)
                if limit and shortened < 2 and self._learn(fault) and self.quote(request) != quote:
                    shortened += 1
                    continue
                refusal = self._refusal(fault)
                lasting = not isinstance(refusal, ServiceDown) or refusal.kind != "passes"
                if lasting or fault.timed_out or not waits:
                    raise refusal from error
                if fault.pause > self.longest_wait_seconds:
                    raise refusal from error
                _pause(max(waits.pop(0), fault.pause), wanted)
            else:
                better = None if changed else self._better(request, reply, call, quote)
                if better is None:
                    return reply
                request, changed = better, True

    def quote(self, request: Mapping[str, Any]) -> Quote:
        """The most that `request` can take, before it is made."""
        counted = _count(self.model, request)
        prompt_tokens = math.ceil(PROMPT_MARGIN * counted)
        prompt_usd, reply_token_usd = _prices(self.model, prompt_tokens)
        limits = (
            request.get("max_tokens"),
            request.get("max_completion_tokens"),
            _longest_reply(self.model),
            self.learned.reply,
        )
        known = [int(limit) for limit in limits if limit]
        longest = min(known, default=LONG_REPLY)
        left = self._left_of_window(counted)
        return Quote(
            prompt_tokens=prompt_tokens,
            reply_tokens=longest if left is None else min(longest, left),
            bounded=bool(known) and (left is None or longest <= left),
            prompt_usd=prompt_usd,
            reply_token_usd=reply_token_usd,
        )

    def _left_of_window(self, counted: int) -> int | None:
        """The tokens that a prompt of so many leaves for the reply; None: nobody knows.

        At least half of what it seems to leave: the margin of the count may be all too wide.
        """
        window = self.context_tokens or self.learned.window
        if window is None:
            return None
        surely = window - math.ceil(PROMPT_MARGIN * counted)
        return max(1, surely if surely >= USEFUL_REPLY else (window - counted) // 2)

    @property
    def price_is_known(self) -> bool:
        """Whether litellm knows what this model costs."""
        return _prices(self.model, 1)[0] is not None

    def _attempt(self, litellm: Any, request: Mapping[str, Any], call: Call) -> Reply:
        """Ask once, and enter what it took."""
        try:
            reply = self._complete(litellm, request)
        except Exception as error:
            call.failed(billed=faults.read(error).billed)
            raise
        call.answered(reply)
        return reply

    def _complete(self, litellm: Any, request: Mapping[str, Any]) -> Reply:
        response = litellm.completion(
            **request,
            model=self.model,
            api_base=self.api_base,
            api_key=self._key(),
            timeout=self.timeout_seconds,
            stream=False,
            # Retries are made here, where they can be bounded and explained.
            max_retries=0,
            num_retries=0,
            # Some models accept no temperature; that is no reason to fail.
            drop_params=True,
        )
        if not response.choices:
            raise answers.NoReply("the answer holds no reply")
        choice, usage = response.choices[0], getattr(response, "usage", None)
        said, thought = answers.parts(choice.message.content)
        thought = getattr(choice.message, "reasoning_content", None) or thought
        finish_reason = choice.finish_reason or "stop"
        tokens_out = getattr(usage, "completion_tokens", None) or 0
        lack = None
        cut = finish_reason == "length"
        called = getattr(choice.message, "tool_calls", None) or []
        calls = _read_calls(called, request) if _offers_tools(request) else ()
        if calls:
            finish_reason = finish_reason if cut else "tool_calls"
        elif not (thinking.answer_in(said).text if cut else said).strip():
            lack = answers.why_empty(
                finish_reason,
                thought or said.strip(),
                tokens_out,
                tool_called=bool(called),
                tools=_offers_tools(request),
            )
        # A lone surrogate is legal in JSON and in no file.
        text = thinking.with_thinking(thought, said).encode("utf-8", "replace").decode()
        return Reply(
            text=text,
            finish_reason=finish_reason,
            tokens_in=getattr(usage, "prompt_tokens", None) or 0,
            tokens_out=tokens_out,
            cost_usd=_price(litellm, response, self.model),
            lack=lack,
            tool_calls=calls,
        )

    def _better(
        self, request: Mapping[str, Any], reply: Reply, call: Call, quote: Quote
    ) -> dict[str, Any] | None:
        """The request again, changed so that its reply need not be empty; None: nothing helps."""
        if reply.lack is None:
            return None
        if reply.lack.why == "tool" and not _offers_tools(request):
            note = {"role": "user", "content": NO_TOOLS}
            return {**request, "messages": [*request["messages"], note]}
        if reply.lack.why != "thought" or reply.finish_reason != "length":
            return None
        paid_for = call.max_tokens
        if paid_for is not None and paid_for < quote.reply_tokens:
            return None  # the budget allows no more
        limit = paid_for or request.get("max_tokens") or reply.tokens_out
        most = _longest_reply(self.model) or self.learned.reply or MOST_TOKENS_TO_THINK
        window = self.context_tokens or self.learned.window
        if window is not None:
            most = min(most, window - max(reply.tokens_in, quote.prompt_tokens))
        larger = min(most, 4 * limit)
        rest = {name: value for name, value in request.items() if name != "max_completion_tokens"}
        return {**rest, "max_tokens": larger} if larger > limit else None

    def _key(self) -> str | None:
        if self.api_key or self.api_base is None or not self.model.startswith("openai/"):
            return self.api_key
        # Servers on one's own machine need no key, but the openai client insists on one.
        return os.environ.get("OPENAI_API_KEY") or "none"

    def _learn(self, fault: Fault) -> bool:
        """Take limits from a refusal; whether the request may fit if its reply is shorter."""
        if fault.cause not in ("too long", "refused"):
            return False
        window, reply = answers.window(fault.text), answers.longest_reply(fault.text)
        if reply is not None:
            self.learned.reply = reply
        if window is not None:
            self.learned.window = window
            prompt = answers.prompt_tokens(fault.text)
            return prompt is None or prompt < window
        return reply is not None

    def _refusal(self, fault: Fault) -> Refusal:
        """What a fault comes to, as a sentence without keys."""
        sentence = _without_secrets(faults.explain(fault, self), self.api_key)
        if fault.cause in ("passes", "config", "quota"):
            return ServiceDown(sentence, fault.cause, fault.pause)
        return Refusal(sentence)


def _offers_tools(request: Mapping[str, Any]) -> bool:
    return bool(request.get("tools")) and request.get("tool_choice") != "none"


def _read_calls(called: list[Any], request: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The tool calls of a message of litellm's."""
    calls = tool_calls.plain([call.model_dump() for call in called], earlier=request["messages"])
    return tuple(ToolCall(call["id"], **call["function"]) for call in calls)


def _count(model: str, request: Mapping[str, Any]) -> int:
    """About how many tokens the prompt of a request has, its tools included."""
    counter = lazy_litellm.load().token_counter
    tools = json.dumps(request.get("tools") or [], ensure_ascii=False)
    try:
        # Else litellm looks at each picture.
        said = counter(
            model=model, messages=request["messages"], use_default_image_token_count=True
        )
        pictures = sum(map(_pictures, request["messages"]))
        offered = counter(model=model, text=tools) if request.get("tools") else 0
        return int(said) + offered + pictures * TOKENS_OF_A_PICTURE
    except Exception:  # of litellm: about messages that it does not know, which services may take
        whole = json.dumps(request["messages"], ensure_ascii=False) + tools
        return len(whole.encode("utf-8", "replace")) // BYTES_A_TOKEN


def _pictures(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return sum(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)


def _prices(model: str, prompt_tokens: int) -> tuple[float | None, float | None]:
    """The price of so long a prompt, and of a token of the reply to it, in dollars."""
    cost = lazy_litellm.load().cost_per_token
    try:
        prompt_usd, token_usd = cost(model=model, prompt_tokens=prompt_tokens, completion_tokens=1)
    except Exception:  # litellm raises bare Exceptions for models that it does not know
        return None, None
    return float(prompt_usd), float(token_usd)


@lru_cache
def _longest_reply(model: str) -> int | None:
    """The model's limit, in tokens; None where litellm does not know it."""
    try:
        info = lazy_litellm.load().get_model_info(model)
    except Exception:  # as above
        return None
    limit = info.get("max_output_tokens") or info.get("max_tokens")
    return None if limit is None else int(limit)


def _reply_limit(request: Mapping[str, Any], quote: Quote, call: Call) -> int | None:
    """The longest reply that the service is told of; None: it is not told."""
    if call.max_tokens is not None:
        return call.max_tokens
    given = request.get("max_completion_tokens") or request.get("max_tokens")
    return min(int(given), quote.reply_tokens) if given else None


def _limited(request: Mapping[str, Any], max_tokens: int | None) -> dict[str, Any]:
    """The request with no longer a reply than that; None: as it is."""
    given = request.get("max_completion_tokens") or request.get("max_tokens")
    if max_tokens is None or max_tokens == given:
        return dict(request)
    rest = {name: value for name, value in request.items() if name != "max_completion_tokens"}
    return {**rest, "max_tokens": max_tokens}


def _price(litellm: Any, response: Any, model: str) -> float | None:
    try:
        cost = float(litellm.completion_cost(completion_response=response, model=model))
    except Exception:  # litellm raises bare Exceptions for models that it does not know
        return None
    return cost if math.isfinite(cost) else None


def _await(attempt: Callable[[], Reply], seconds: float, wanted: Callable[[], bool]) -> Reply:
    """Run `attempt` in a thread that can be left behind: no timeout of a library is sure."""
    future: Future[Reply] = Future()

    def work() -> None:
        try:
            future.set_result(attempt())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="bonsai-model-call", daemon=True).start()
    deadline = time.monotonic() + seconds
    while not wait([future], timeout=GLANCE_SECONDS).done:
        if not wanted():
            raise NobodyWaits
        if time.monotonic() > deadline:
            raise ServiceDown(f"The model did not answer within {seconds:g} seconds.", "passes")
    return future.result()


def _pause(seconds: float, wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not wanted():
            raise NobodyWaits
        time.sleep(min(left, GLANCE_SECONDS))


def _without_secrets(text: str, api_key: str | None) -> str:
    """Blot out keys: services quote them in errors, which agents and the ledger get to see."""
    from_environment = (value for name, value in os.environ.items() if name.endswith("_API_KEY"))
    for secret in (api_key, *from_environment):
        if secret and len(secret) >= 8:
            text = text.replace(secret, "[key]")
    return text
