"""Asking a real language model, through litellm: deadlines, retries, prices."""

from __future__ import annotations

import importlib
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NoReturn

from bonsai.models.budget import Account, Call
from bonsai.models.exchange import (
    GLANCE_SECONDS,
    LONG_REPLY,
    NobodyWaits,
    Quote,
    Refusal,
    Reply,
)

# Services count by tokenizers of their own, so a prompt may be longer than it is counted here.
PROMPT_MARGIN = 1.5


@dataclass(frozen=True)
class LiveModel:
    """A language model behind a service that litellm can talk to."""

    model: str  # any model string of litellm: "gpt-4o", "openai/qwen2.5-coder", "ollama/llama3"
    api_base: str | None = None  # address of the service; None: the provider's own
    api_key: str | None = field(default=None, repr=False)  # None: litellm looks in the environment
    timeout_seconds: float = 300.0  # for one attempt; a reply that takes longer is not retried
    retry_waits: tuple[float, ...] = (1.0, 5.0, 20.0)  # seconds before each further attempt
    longest_wait_seconds: float = 60.0  # a service that asks for a longer pause is given up

    def ask(
        self,
        request: Mapping[str, Any],
        account: Account,
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Reply:
        """Return the model's reply, trying again after faults that tend to pass.

        Args:
            request: `messages` and sampling settings such as `temperature`, in OpenAI's form.
            account: What pays. Every attempt is entered before it is made; its cost when it is
                known, which may be in another thread, and after this function has returned.
            wanted: Whether somebody still waits for the reply; asked several times a second.

        Raises:
            Exhausted: The budget does not pay for a reply.
            Refusal: No reply came; the text says why.
            NobodyWaits: `wanted` said so.
        """
        litellm = _litellm()  # here, so that loading it does not count as the model's time
        quote = self.quote(request)

        def attempt(call: Call) -> Reply:
            try:
                reply = self._complete(litellm, _limited(request, call.max_tokens))
            except Exception as error:
                call.failed(billed=not _surely_unbilled(error))
                raise
            call.answered(reply)
            return reply

        for planned_wait in (*self.retry_waits, None):
            try:
                call = account.reserve(quote, wanted)
                return _await(partial(attempt, call), self.timeout_seconds, wanted)
            except (Refusal, NobodyWaits):
                raise
            except Exception as error:
                if planned_wait is None or not _tends_to_pass(error):
                    self._refuse(error)
                pause = max(planned_wait, _retry_after(error))
                if pause > self.longest_wait_seconds:
                    self._refuse(error, f" It asks to be left alone for {pause:.0f} seconds.")
            _pause(pause, wanted)
        raise AssertionError("the last attempt either returns or raises")

    def quote(self, request: Mapping[str, Any]) -> Quote:
        """The most that `request` can take, before it is made."""
        counted = _litellm().token_counter(model=self.model, messages=request["messages"])
        prompt_tokens = math.ceil(PROMPT_MARGIN * counted)
        prompt_usd, reply_token_usd = _prices(self.model, prompt_tokens)
        limits = (
            request.get("max_tokens"),
            request.get("max_completion_tokens"),
            _longest_reply(self.model),
        )
        known = [int(limit) for limit in limits if limit]
        return Quote(
            prompt_tokens=prompt_tokens,
            reply_tokens=min(known, default=LONG_REPLY),
            bounded=bool(known),
            prompt_usd=prompt_usd,
            reply_token_usd=reply_token_usd,
        )

    @property
    def price_is_known(self) -> bool:
        """Whether litellm knows what this model costs."""
        return _prices(self.model, 1)[0] is not None

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
            raise _NotACompletion("the answer holds no reply")
        usage = getattr(response, "usage", None)
        return Reply(
            # A lone surrogate is legal in JSON and in no file.
            text=(response.choices[0].message.content or "").encode("utf-8", "replace").decode(),
            finish_reason=response.choices[0].finish_reason or "stop",
            tokens_in=getattr(usage, "prompt_tokens", None) or 0,
            tokens_out=getattr(usage, "completion_tokens", None) or 0,
            cost_usd=_price(litellm, response, self.model),
        )

    def _key(self) -> str | None:
        if self.api_key or self.api_base is None or not self.model.startswith("openai/"):
            return self.api_key
        # Servers on one's own machine need no key, but the openai client insists on one.
        return os.environ.get("OPENAI_API_KEY") or "none"

    def _refuse(self, error: Exception, addition: str = "") -> NoReturn:
        sentence = _explain(error, self) + addition
        raise Refusal(_without_secrets(sentence, self.api_key)) from error


class _NotACompletion(Exception):
    status_code = 502


@lru_cache(maxsize=1)
def _litellm() -> Any:
    """Import litellm, which takes two seconds, and keep it quiet and off the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it downloads prices
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env files
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    return litellm


def _prices(model: str, prompt_tokens: int) -> tuple[float | None, float | None]:
    """The price of so long a prompt, and of a token of the reply to it, in dollars."""
    cost = _litellm().cost_per_token
    try:
        prompt_usd, token_usd = cost(model=model, prompt_tokens=prompt_tokens, completion_tokens=1)
    except Exception:  # litellm raises bare Exceptions for models that it does not know
        return None, None
    return float(prompt_usd), float(token_usd)


@lru_cache
def _longest_reply(model: str) -> int | None:
    """The model's limit, in tokens; None where litellm does not know it."""
    try:
        info = _litellm().get_model_info(model)
    except Exception:  # as above
        return None
    limit = info.get("max_output_tokens") or info.get("max_tokens")
    return None if limit is None else int(limit)


def _limited(request: Mapping[str, Any], max_tokens: int | None) -> dict[str, Any]:
    """The request with no longer a reply than that; None: as it is."""
    if max_tokens is None:
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
            raise Refusal(f"The model did not answer within {seconds:g} seconds.")
    return future.result()


def _pause(seconds: float, wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not wanted():
            raise NobodyWaits
        time.sleep(min(left, GLANCE_SECONDS))


def _tends_to_pass(error: Exception) -> bool:
    # litellm gives a missing key the status 500, and a timeout 408: neither is worth a retry.
    if type(error).__name__ in {"AuthenticationError", "Timeout"}:
        return False
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and (status == 429 or status >= 500)


def _surely_unbilled(error: BaseException) -> bool:
    """Whether the service refused the request, or never got it; else it may have made a reply."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 500 and status != 408:  # 408: a timeout
        return True
    cause: BaseException | None = error
    while cause is not None:
        # Those of httpx: an answer with an error status, and no connection at all.
        if type(cause).__name__ in {"HTTPStatusError", "ConnectError", "ConnectTimeout"}:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _retry_after(error: Exception) -> float:
    headers = getattr(error, "litellm_response_headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", 0)))
    except (TypeError, ValueError):  # the header may also be a date
        return 0.0


def _explain(error: Exception, live: LiveModel) -> str:
    name, status = type(error).__name__, getattr(error, "status_code", None)
    if name == "AuthenticationError" or status in {401, 403}:
        what = "refused the key, or got none"
    elif name == "Timeout":
        return f"The model did not answer within {live.timeout_seconds:g} seconds."
    elif status == 429:
        what = "gets too many requests, or its quota is used up"
    elif name == "ContextWindowExceededError":
        what = "cannot take a request this long"
    elif isinstance(status, int) and status < 500:
        what = f"refused the request (status {status})"
    else:
        what = "failed or could not be reached"
    return f"The service of {live.model} {what}: {_detail(error)}"


def _detail(error: Exception) -> str:
    """Return the first line of the error's text, without the names that litellm puts before it."""
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = first_line.split("Exception - ", 1)[-1].removeprefix(f"litellm.{type(error).__name__}: ")
    text = text if len(text) <= 300 else text[:297] + "..."
    return text if text.endswith((".", "!", "?")) else text + "."


def _without_secrets(text: str, api_key: str | None) -> str:
    """Blot out keys: services quote them in errors, which agents and the ledger get to see."""
    from_environment = (value for name, value in os.environ.items() if name.endswith("_API_KEY"))
    for secret in (api_key, *from_environment):
        if secret and len(secret) >= 8:
            text = text.replace(secret, "[key]")
    return text
